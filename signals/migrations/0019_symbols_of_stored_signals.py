from django.db import migrations
from django.db.models import Count, F, OuterRef, Q, Subquery

from signals.clock import TradeId

WITH_ENTRY = ("current_price", "be_price", "be_exit_price", "stop_exit_price", "highest_high", "lowest_low")
DERIVED_ANEW = "Its alerts were stored before signals were told apart by symbol and life: to be derived anew."


def tell(apps, schema_editor):
    """What the alert log has told of the symbols of stored events, and which signals the next cycle must derive anew."""
    Signal, Event = apps.get_model("signals", "AutomatedSignal"), apps.get_model("signals", "SignalEvent")
    Delivery = apps.get_model("signals", "Delivery")
    told = Delivery.objects.filter(pk=OuterRef("delivery_id")).values("symbol")
    Event.objects.filter(delivery__symbol__gt="").update(symbol=Subquery(told))
    stated = Event.objects.filter(signal=OuterRef("pk"), symbol__gt="").order_by().values("symbol")[:1]
    named = Signal.objects.filter(events__symbol__gt="").order_by()
    several = named.annotate(symbols=Count("events__symbol", filter=Q(events__symbol__gt=""), distinct=True))
    doubtful = set(several.filter(symbols__gt=1).values_list("pk", flat=True))
    Signal.objects.filter(pk__in=named.values("pk")).update(symbol=Subquery(stated))
    births = Count("events", filter=Q(events__type__in=("SIGNAL_CREATED", "ENTRY")))
    for key, trade_id in Signal.objects.annotate(births=births).filter(births__gt=1).values_list("pk", "trade_id"):
        if TradeId.parse(trade_id) is None:
            doubtful.add(key)
    far = Q(stop_loss__gt=F("entry_price") * 2) | Q(entry_price__gt=F("stop_loss") * 2)
    for name in WITH_ENTRY:
        far |= Q(**{f"{name}__gt": F("entry_price") * 1.08}) | Q(entry_price__gt=F(name) * 1.08)
    doubtful.update(Signal.objects.filter(far).values_list("pk", flat=True))
    keys = sorted(doubtful)
    for start in range(0, len(keys), 500):
        some = Signal.objects.filter(pk__in=keys[start : start + 500])
        some.update(rebuild_error=DERIVED_ANEW, needs_sync=True)


class Migration(migrations.Migration):
    dependencies = [
        ("signals", "0018_signals_of_several_symbols_and_lives"),
    ]

    operations = [
        migrations.RunPython(tell, migrations.RunPython.noop),
    ]
