from datetime import datetime, timedelta

from django.db import migrations, models
from django.db.models import Q

REPORTS = ("UNIFIED_SNAPSHOT_V1", "INDICATOR_EXPORT_V2", "ALL_SIGNALS_EXPORT", "POLLING_RESPONSE")


def date(apps, schema_editor):
    """Date what is stored: by the event that told it, and what a report told by the signal's own bar."""
    Signal = apps.get_model("signals", "AutomatedSignal")
    told = Signal.objects.filter(htf_alignment__isnull=False).only("signal_time", "provenance").order_by()
    dated = []
    for signal in told.iterator(chunk_size=1000):
        entry = signal.provenance.get("htf_alignment")
        if entry and "fill" not in entry["evidence"]:
            own = entry["evidence"].get("type") in REPORTS
            fired = datetime.fromisoformat(entry["at"]) - timedelta(minutes=1)
            signal.htf_as_of = signal.signal_time if own else fired
            dated.append(signal)
    Signal.objects.bulk_update(dated, ["htf_as_of"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [
        ("signals", "0014_default_source_is_closed"),
    ]

    operations = [
        migrations.AddField(
            model_name="automatedsignal",
            name="htf_as_of",
            field=models.DateTimeField(
                blank=True,
                help_text="The bar that an event told its alignment of; empty when none did.",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="automatedsignal",
            index=models.Index(
                condition=Q(("htf_as_of__isnull", False)), fields=["source", "htf_as_of"], name="signal_tells_htf"
            ),
        ),
        migrations.RunPython(date, migrations.RunPython.noop),
    ]
