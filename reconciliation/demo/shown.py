"""What the demo shows: a future in its market's hours, and a coin that trades always."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from signals.models import Source
from signals.simulator import Scenario, sample_history, stretch_before

# What no calendar reaches: the market goes on for as long as somebody looks.
WITHOUT_END = 10**6  # minutes
MOST_DAYS = timedelta(days=14)
"""After so long the demo rests: a forgotten one must not fill the disk."""
EVERY = 5  # minutes between updates of an open trade
UNHEARD_EVERY = 20  # signals


@dataclass(frozen=True)
class Shown:
    """One source of the demo. Its scenarios follow from when it was made: the last one goes on."""

    name: str
    history: Callable[[datetime], Sequence[Scenario]]

    def scenarios(self, made: datetime) -> list[Scenario]:
        """What it has told until it was made, and what it tells from then on."""
        *before, last = self.history(made)
        going_on = last.hours.add_open_minutes(last.end, WITHOUT_END)
        return [*before, replace(last, end=going_on, price_bars=True)]


def future(made: datetime) -> Sequence[Scenario]:
    """The sample history, as three generations of the indicator told it, under a symbol that nothing real has."""
    history = sample_history(made)
    ids = ("9000000001", "9000000002", "9000000003")
    told = [
        replace(each, ticker="CME_MINI:DEMO1!, 1m", alert_id=alert_id)
        for each, alert_id in zip(history, ids, strict=True)
    ]
    return [*told[:-1], replace(told[-1], update_every=EVERY)]


def coin(made: datetime) -> Sequence[Scenario]:
    """Fifteen hours of a coin."""
    coin = Scenario(
        2, made, made, ticker="BINANCE:DEMOUSDT, 1m", alert_id="9000000004", start_price=Decimal(90000),
        loss=0.08, repeats=0.05, late=0.05, outages=True, unheard_every=UNHEARD_EVERY, update_every=EVERY,
    )  # fmt: skip
    start, end = stretch_before(made, 15 * 60, coin.hours)
    return [replace(coin, start=start, end=end)]


SHOWN = (Shown("demo-future", future), Shown("demo-coin", coin))


def sources() -> dict[Shown, Source]:
    """The sources of the demo that there are."""
    rows = {source.name: source for source in Source.objects.filter(simulated=True)}
    return {shown: rows[shown.name] for shown in SHOWN if shown.name in rows}


def rests(source: Source, now: datetime) -> bool:
    """Whether it is one of the demo's that has gone on for long enough."""
    shown = source.simulated and any(source.name == each.name for each in SHOWN)
    return shown and now - source.created_at >= MOST_DAYS
