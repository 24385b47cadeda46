"""Let PostgreSQL refuse to empty the audit record too: TRUNCATE fires no trigger of rows."""

from __future__ import annotations

from django.db import migrations

from meshportal.audit import append_only


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]

    operations = [
        migrations.RunPython(
            lambda _apps, schema_editor: append_only.install(schema_editor.connection),
            migrations.RunPython.noop,
        )
    ]
