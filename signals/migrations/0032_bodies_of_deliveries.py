"""A table for the bodies of deliveries. On PostgreSQL it is partitioned by month at once, while it is empty."""

import django.db.models.deletion
from django.db import migrations, models
from django.utils import timezone

from signals import partitions


def partition(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        partitions.lay_out(timezone.now())


class Migration(migrations.Migration):
    dependencies = [
        ("signals", "0031_how_often_fills_flipped"),
    ]

    operations = [
        migrations.CreateModel(
            name="DeliveryBody",
            fields=[
                ("delivery", models.OneToOneField(db_column="id", db_constraint=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name="body", serialize=False, to="signals.delivery")),
                ("raw", models.BinaryField()),
                ("repaired_text", models.TextField(blank=True, help_text="What was read instead of the bytes.")),
            ],
            options={
                "verbose_name_plural": "delivery bodies",
                "db_table": "delivery_bodies",
            },
        ),
        migrations.CreateModel(
            name="LetGo",
            fields=[
                ("first", models.UUIDField(primary_key=True, serialize=False)),
                ("until", models.UUIDField()),
                ("at", models.DateTimeField()),
                ("kept_days", models.PositiveIntegerField(help_text="BODY_RETENTION_DAYS, as it was then.")),
                ("rows", models.PositiveBigIntegerField()),
                ("size", models.PositiveBigIntegerField(help_text="Bytes of all its bodies.")),
            ],
            options={
                "verbose_name_plural": "let go",
                "db_table": "bodies_let_go",
                "ordering": ["-first"],
            },
        ),
        migrations.RunPython(partition, migrations.RunPython.noop),
    ]
