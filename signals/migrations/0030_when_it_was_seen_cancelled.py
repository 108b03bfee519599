from django.db import migrations, models


def derive_anew(apps, schema_editor):
    """The next cycle derives cancelled signals from their events: a report tells that they were, not when."""
    Signal = apps.get_model("signals", "AutomatedSignal")
    told = Signal.objects.filter(cancelled_at__isnull=False, event_count__gt=0)
    told.update(rebuild_error="not derived yet by this version", needs_sync=True)


class Migration(migrations.Migration):
    dependencies = [
        ("signals", "0029_when_break_even_was_seen"),
    ]

    operations = [
        migrations.AddField(
            model_name="automatedsignal",
            name="seen_cancelled_at",
            field=models.DateTimeField(blank=True, help_text="First report that calls it cancelled.", null=True),
        ),
        migrations.RunPython(derive_anew, migrations.RunPython.noop),
    ]
