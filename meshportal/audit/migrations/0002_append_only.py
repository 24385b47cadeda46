"""Let the database itself refuse to change or delete an audit event."""

from __future__ import annotations

from django.db import migrations

from meshportal.audit import append_only


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunPython(
            lambda _apps, schema_editor: append_only.install(schema_editor.connection),
            lambda _apps, schema_editor: append_only.remove(schema_editor.connection),
        )
    ]
