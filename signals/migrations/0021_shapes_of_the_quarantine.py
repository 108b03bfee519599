from django.db import migrations

from signals.dialects.shapes import shape_of


def give_shapes(apps, schema_editor):
    """The shapes of what was quarantined before there were any, some hundred rows at a time."""
    Quarantine = apps.get_model("signals", "Quarantine")
    last = 0
    while rows := list(Quarantine.objects.filter(pk__gt=last).order_by("pk").select_related("delivery")[:500]):
        for row in rows:
            row.shape, row.shape_label, row.foreign = shape_of(bytes(row.delivery.raw))
        Quarantine.objects.bulk_update(rows, ["shape", "shape_label", "foreign"], batch_size=200)
        last = rows[-1].pk


class Migration(migrations.Migration):
    dependencies = [
        ("signals", "0020_formats_and_shapes"),
    ]

    operations = [migrations.RunPython(give_shapes, migrations.RunPython.noop)]
