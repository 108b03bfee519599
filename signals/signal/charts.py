"""Charts: what deliveries tell of their source's symbol and bar length goes to the source.

`signals.learning` decides; here its decisions are stored, by writers that hold the source's clock alone.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from signals.bars.storing import rename_bars
from signals.learning import Learned, Told, join
from signals.models import AutomatedSignal, Source
from signals.models.sources import CHART, LEARNED, By
from signals.rhythm import Birth, heard

STATED = {"ticker", "payload"}


def known_after(source: Source, told: Iterable[Told], births: Iterable[Birth]) -> Learned:
    """What is known of the source's chart after these; equal to what is known when they tell nothing new.

    Births show its bar length only as long as nobody states it.
    """
    learned = join(source.learned, told)
    stated = source.bar_minutes_by == By.SET or not STATED.isdisjoint(learned)
    return learned if stated else heard(learned, births, source.clocks)


def learn(source: Source, learned: Learned) -> None:
    """Keep what is now known of the source's chart, and draw the conclusions.

    Where one changes what stored signals follow from, the next cycle makes them anew. Prices whose symbol is now known
    are put under it.
    """
    if learned == source.learned:
        return
    key, before = source.price_key, followed(source)
    source.learned = learned
    source.conclude()
    values: dict[str, Any] = {name: getattr(source, name) for name in CHART}
    if followed(source) != before:
        if AutomatedSignal.objects.filter(source=source).exists():
            values["switched"] = source.switched = True
        else:
            values["voted_as"] = source.voted_as = source.chart
    Source.objects.filter(pk=source.pk).update(**values)
    if source.price_key != key:
        rename_bars(source.pk, key, source.price_key)


def followed(source: Source) -> Mapping[str, Any]:
    """What signals follow from, of all that is learned."""
    return {name: getattr(source, name) for name in LEARNED}
