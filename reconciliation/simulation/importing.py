"""What is simulated taken in by this process, as if its webhooks had come when they did."""

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from io import StringIO

from signals.bars.importing import import_bars
from signals.intake import take_in
from signals.models import Source
from signals.parcels import Incoming
from signals.simulator import Bar, Scenario
from signals.simulator.faults import Arrival
from signals.storage.queries import batches
from signals.symbols import normalised

from .planning import Simulated

AT_ONCE = 500


def import_simulated(one: Simulated, *, bars: bool, now: datetime) -> tuple[Source, int]:
    """Take in what arrives of a source, and the chart's bars; returns the source, and how many alerts there were.

    Raises ValueError where a source of this name is none of the simulator's.
    """
    source, alerts = source_of(one), 0
    for some in batches(one.arrivals(), AT_ONCE):
        take_in(source, [incoming(each) for each in some], now=now)
        source.refresh_from_db()
        alerts += len(some)
    if bars:
        take_in_bars(one.scenario, one.simulation.bars)
    return source, alerts


def source_of(one: Simulated) -> Source:
    made = {"simulated": True, "symbol": one.symbol, "bar_minutes": 1, "calendar": one.scenario.hours.name}
    source, _ = Source.objects.get_or_create(name=one.name, defaults={**made, "addresses": "any"})
    if not source.simulated:
        raise ValueError(f"there is a source {one.name} that is not simulated: rename it first")
    return source


def incoming(arrival: Arrival) -> Incoming:
    return Incoming(arrival.alert.body, arrival.at)


def take_in_bars(scenario: Scenario, bars: Sequence[Bar]) -> None:
    """Bars of a chart, as a person would export and import them."""
    if bars:
        lines = as_file(bars)
        import_bars(lambda: lines, symbol=normalised(scenario.ticker), hours=scenario.hours)


def as_file(bars: Iterable[Bar]) -> list[str]:
    """The lines of a file of bars."""
    file = StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(("time", "open", "high", "low", "close"))
    rows.writerows((f"{bar.time:%Y-%m-%dT%H:%M:%SZ}", *bar[1:]) for bar in bars)
    return file.getvalue().splitlines(keepends=True)
