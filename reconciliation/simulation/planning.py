"""What is simulated: one scenario for each source, each of a market of its own. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from heapq import merge
from string import ascii_uppercase

from signals.simulator import Alert, Scenario, Simulation, simulate
from signals.simulator.faults import Arrival, Faults, arrivals
from signals.simulator.truth import answer, as_json
from signals.symbols import normalised

MOST_SOURCES = len(ascii_uppercase)
FAR_OFF = 2070  # the first year of contracts that nobody trades yet
MOST_DAYS = 100  # of all sources together: a day's alerts take 5 MB of memory
FIRST_ALERT_ID = 9100000000  # no alert of TradingView has such a number yet


@dataclass(frozen=True)
class Simulated:
    """One source: its name, what it tells, and what becomes of it on the way."""

    name: str
    scenario: Scenario
    faults: Faults

    @property
    def symbol(self) -> str:
        return normalised(self.scenario.ticker)

    @cached_property
    def simulation(self) -> Simulation:
        return simulate(self.scenario)

    def arrivals(self) -> Iterator[Arrival]:
        return arrivals(self.simulation.alerts, self.scenario, self.faults)

    def alerts(self) -> Iterator[Alert]:
        """In the order in which they arrive."""
        return (arrival.alert for arrival in self.arrivals())

    def answer(self, trade_ids: list[str], bar: datetime) -> bytes | None:
        """What its indicator says of these at the close of a bar; None where it knows none of them."""
        known = [truth for name in trade_ids if (truth := self.simulation.truth.get(name))]
        return answer(known, bar, self.symbol) if any(truth.signal_bar <= bar for truth in known) else None

    def truth(self) -> Iterator[str]:
        """A line for each signal."""
        for truth in self.simulation.truth.values():
            yield as_json(truth, source=self.name, symbol=self.symbol)


def planned(
    *, start: datetime, days: float, sources: int, dialect: str, seed: int, faults: Faults, drop: float = 0.0,
    unheard_every: int = 0, clock_change: bool = False,
) -> list[Simulated]:  # fmt: skip
    """The sources, each third of them a coin. Raises ValueError for what cannot be."""
    if not 1 <= sources <= MOST_SOURCES:
        raise ValueError(f"give 1 to {MOST_SOURCES} sources, not {sources}")
    if not 0 < days * sources <= MOST_DAYS:
        raise ValueError(
            f"give more than 0 and at most {MOST_DAYS} days of all sources together, not {days * sources:g}"
        )
    end = start + timedelta(days=days)
    changed = start + (end - start) / 2 if clock_change else None
    whole = Scenario(
        seed, start, end, dialect, loss=drop, unheard_every=unheard_every, cancelled=False, clock_change=changed
    )
    return [
        Simulated(f"simulated-{letter.lower()}", of_market(whole, number, letter), faults)
        for number, letter in enumerate(ascii_uppercase[:sources])
    ]


def of_market(whole: Scenario, number: int, letter: str) -> Scenario:
    """Symbols that nothing real has, of markets that are known: bars are kept by symbol, and these must not get among
    real ones."""
    ticker = f"BINANCE:SIM{letter}USDT, 1m" if number % 3 == 1 else f"CME_MINI:MNQZ{FAR_OFF + number}, 1m"
    return replace(whole, seed=whole.seed + number, ticker=ticker, alert_id=str(FIRST_ALERT_ID + 10 * number))


def in_order(simulated: list[Simulated]) -> Iterator[tuple[Arrival, Simulated]]:
    """What arrives of all sources, in order."""

    def of(one: Simulated) -> Iterator[tuple[Arrival, Simulated]]:
        return ((arrival, one) for arrival in one.arrivals())

    yield from merge(*map(of, simulated), key=lambda pair: pair[0].at)
