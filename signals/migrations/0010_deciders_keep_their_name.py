import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def name_deciders(apps, schema_editor):
    Quarantine = apps.get_model("signals", "Quarantine")
    User = apps.get_model(*settings.AUTH_USER_MODEL.split("."))
    name = User.objects.filter(pk=OuterRef("decided_by")).values("username")[:1]
    Quarantine.objects.filter(decided_by__isnull=False).update(decider=Subquery(name))


class Migration(migrations.Migration):
    dependencies = [
        ("signals", "0009_bars_of_files"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="quarantine",
            name="decider",
            field=models.CharField(blank=True, help_text="Name of who decided, frozen.", max_length=150),
        ),
        migrations.AlterField(
            model_name="quarantine",
            name="decided_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunPython(name_deciders, migrations.RunPython.noop),
    ]
