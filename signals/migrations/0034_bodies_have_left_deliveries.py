"""The columns that the bodies have left. What has come in since they were moved is moved with that, in one transaction."""

from django.db import migrations, models

LEFT = """
    INSERT INTO delivery_bodies (id, raw, repaired_text) SELECT id, raw, repaired_text FROM deliveries
    WHERE status <> 'duplicate' AND NOT EXISTS (SELECT 1 FROM delivery_bodies AS moved WHERE moved.id = deliveries.id)
"""
BACK = """
    UPDATE deliveries SET
        raw = (SELECT body.raw FROM delivery_bodies AS body WHERE body.id = deliveries.id),
        repaired_text = (SELECT body.repaired_text FROM delivery_bodies AS body WHERE body.id = deliveries.id)
    WHERE EXISTS (SELECT 1 FROM delivery_bodies AS body WHERE body.id = deliveries.id)
"""


def unlimited(cursor):
    if cursor.db.vendor == "postgresql":
        cursor.execute("SET LOCAL statement_timeout = 0")


def move_rest(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        unlimited(cursor)
        cursor.execute(LEFT)


def move_back(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        unlimited(cursor)
        cursor.execute(BACK)


class Migration(migrations.Migration):
    dependencies = [
        ("signals", "0033_bodies_are_moved"),
    ]

    operations = [
        # For the way back, which makes the columns anew: beside rows that are there a column needs a value.
        migrations.AlterField("delivery", "raw", models.BinaryField(blank=True)),
        migrations.RunPython(move_rest, move_back),
        migrations.RemoveField("delivery", "raw"),
        migrations.RemoveField("delivery", "repaired_text"),
    ]
