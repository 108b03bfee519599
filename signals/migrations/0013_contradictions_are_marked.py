from decimal import Context

from django.db import migrations, models
from django.db.models import Count, F, Q

from signals.clock import TradeId, instant


def mark(apps, schema_editor):
    """The marks of what is stored already, as the events of the signals make them."""
    Signal, Event = apps.get_model("signals", "AutomatedSignal"), apps.get_model("signals", "SignalEvent")
    digits, prices = Context(prec=15), {}
    several = Signal.objects.annotate(entries=Count("events", filter=Q(events__type="ENTRY"))).filter(entries__gt=1)
    for key in list(several.order_by().values_list("pk", flat=True)):
        stated = Event.objects.filter(signal=key, type="ENTRY").values_list("facts", flat=True)
        if len({digits.create_decimal(facts["entry_price"]) for facts in stated if "entry_price" in facts}) > 1:
            Signal.objects.filter(pk=key).update(entries_differ=True, needs_sync=True)
    Signal.objects.filter(signal_time__gt=F("first_event_at")).update(before_its_bar=True, needs_sync=True)
    unknown = Signal.objects.filter(signal_time__isnull=True).exclude(clock_zone="")
    for key, text, zone, first in list(unknown.values_list("pk", "trade_id", "clock_zone", "first_event_at")):
        named = TradeId.parse(text)
        if named and first < instant(named.naive, zone, near=first):
            Signal.objects.filter(pk=key).update(before_its_bar=True, needs_sync=True)


class Migration(migrations.Migration):
    dependencies = [
        ("signals", "0012_sources_that_can_be"),
    ]

    operations = [
        migrations.AddField(
            model_name="automatedsignal",
            name="entries_differ",
            field=models.BooleanField(default=False, help_text="Two of its ENTRYs state different prices."),
        ),
        migrations.AddField(
            model_name="automatedsignal",
            name="before_its_bar",
            field=models.BooleanField(default=False, help_text="It has an event from before its bar opened."),
        ),
        migrations.RunPython(mark, migrations.RunPython.noop),
    ]
