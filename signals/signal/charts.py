"""Charts: what deliveries tell of their source's symbol and bar length goes to the source.

`signals.learning` decides; here its decisions are stored, by writers that hold the source's clock alone.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from signals.bars.storing import rename_bars
from signals.learning import Told, join
from signals.models import AutomatedSignal, Source
from signals.models.sources import CHART, LEARNED


def learn(source: Source, told: Iterable[Told]) -> None:
    """Keep what these deliveries tell of the source's chart, and draw the conclusions.

    Where one changes what stored signals follow from, the next cycle makes them anew. Prices whose symbol is now known
    are put under it.
    """
    learned = join(source.learned, told)
    if learned == source.learned:
        return
    key, before = source.price_key, followed(source)
    source.learned = learned
    source.conclude()
    values: dict[str, Any] = {name: getattr(source, name) for name in CHART}
    if followed(source) != before and AutomatedSignal.objects.filter(source=source).exists():
        values["switched"] = source.switched = True
    Source.objects.filter(pk=source.pk).update(**values)
    if source.price_key != key:
        rename_bars(source.pk, key, source.price_key)


def followed(source: Source) -> Mapping[str, Any]:
    """What signals follow from, of all that is learned."""
    return {name: getattr(source, name) for name in LEARNED}
