from django.db import migrations, models
from django.db.models import Q


def derive_anew(apps, schema_editor):
    """The next cycle derives confirmed signals from their events, which tell when +1 R was seen and when not yet."""
    Signal = apps.get_model("signals", "AutomatedSignal")
    told = Signal.objects.filter(Q(seen_confirmed_at__isnull=False) | Q(be_triggered_at__isnull=False))
    told.filter(event_count__gt=0).update(rebuild_error="not derived yet by this version", needs_sync=True)


class Migration(migrations.Migration):
    dependencies = [
        ("signals", "0028_alert_mail"),
    ]

    operations = [
        migrations.AddField(
            model_name="automatedsignal",
            name="seen_protected_at",
            field=models.DateTimeField(
                blank=True, help_text="First event that shows +1 R reached without being BE_TRIGGERED.", null=True
            ),
        ),
        migrations.AddField(
            model_name="automatedsignal",
            name="unprotected_at",
            field=models.DateTimeField(
                blank=True, help_text="Last update that shows +1 R not reached yet.", null=True
            ),
        ),
        migrations.RunPython(derive_anew, migrations.RunPython.noop),
    ]
