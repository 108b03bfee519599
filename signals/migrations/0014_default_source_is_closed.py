from django.db import migrations


def close(apps, schema_editor):
    """A first start made it open to whatever came from loopback, bare tunnels included."""
    apps.get_model("signals", "Source").objects.filter(is_default=True).update(open_on_loopback=False)


class Migration(migrations.Migration):
    dependencies = [
        ("signals", "0013_contradictions_are_marked"),
    ]

    operations = [migrations.RunPython(close, migrations.RunPython.noop)]
