from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("changes", "0001_initial")]

    operations = [
        migrations.AlterField(model_name="item", name="after", field=models.JSONField(null=True)),
        migrations.AddField(model_name="revision", name="confirmed", field=models.JSONField(default=list)),
    ]
