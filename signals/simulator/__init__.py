"""Realistic alert logs from a seed: sample history, test data and benchmark logs (docs/simulator.md).

Pure: the same scenario gives the same bytes, and no clock is read. `stream` runs in flat memory; `simulate`
also keeps the bars and the truth about every trade.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from signals.clock import MINUTE
from signals.market import Market
from signals.simulator.bodies import PRICE_BAR, Said, speaker
from signals.simulator.delivery import deliver, write_log
from signals.simulator.prices import Minute, price_path
from signals.simulator.scenario import DIALECTS, Alert, Scenario, Simulation, TradeTruth, warmed_up_by
from signals.simulator.trades import Indicator, MinuteOfTrades, Signal
from signals.twin import Bar

__all__ = (
    "DIALECTS",
    "PRICE_BAR",
    "Alert",
    "Bar",
    "Scenario",
    "Simulation",
    "TradeTruth",
    "bars_of",
    "sample_history",
    "simulate",
    "stream",
    "stretch_before",
    "write_log",
)

UNHEARD_EVERY = 20  # of the sample history's signals


def stream(scenario: Scenario) -> Iterator[Alert]:
    """The scenario's alerts in time order, minute by minute, in flat memory."""
    return _alerts(scenario, Indicator(scenario, watch=lambda _: None), price_path(scenario))


def simulate(scenario: Scenario) -> Simulation:
    """The same alerts as `stream`, with all bars and the truth. Holds everything in memory."""
    path = tuple(price_path(scenario))
    signals: list[Signal] = []
    alerts = tuple(_alerts(scenario, Indicator(scenario, watch=signals.append), path))
    truth = {signal.trade_id: signal.truth() for signal in signals}
    return Simulation(alerts, tuple(minute.bar for minute in path), truth)


def _alerts(scenario: Scenario, indicator: Indicator, path: Iterable[Minute]) -> Iterator[Alert]:
    return deliver(_said(scenario, indicator.run(path)), scenario)


def _said(scenario: Scenario, steps: Iterable[MinuteOfTrades]) -> Iterator[tuple[Minute, list[Said]]]:
    speak = speaker(scenario)
    for step in steps:
        yield step.minute, list(speak(step))


def bars_of(scenario: Scenario, until: datetime) -> Iterator[Bar]:
    """The chart's bars that have closed by `until`, from its first one on."""
    path = price_path(replace(scenario, end=min(scenario.end, until)))
    return (minute.bar for minute in path if minute.time + MINUTE <= until)


def stretch_before(now: datetime, minutes: int, hours: Market) -> tuple[datetime, datetime]:
    """Start and end of the last so many open minutes before `now`, so that the last alert fires before it, too."""
    end = hours.last_open(now - timedelta(minutes=3)) + MINUTE
    start = end
    while (missing := minutes - hours.open_minutes(start, end)) > 0:
        start -= missing * MINUTE
    return start, end


def sample_history(now: datetime, hours: int = 30, seed: int = 1) -> tuple[Scenario, ...]:
    """Three alerts of one chart, one after the other, over the last `hours` of open market before `now`.

    A fifth is `strategy`, a fifth the first New York telemetry, the rest `mixed`, with losses, repeats and outages, and
    with signals of which nothing is heard. They tell of one market, whose bars begin before the first of them.
    The last alert fires minutes before `now`, or before the close where the market is closed.
    """
    whole = Scenario(seed, now, now)
    open_hours = whole.hours
    start, end = stretch_before(now, hours * 60, open_hours)
    turn, recent = (open_hours.add_open_minutes(start, hours * 60 * fifths // 5) for fifths in (1, 2))
    origin = warmed_up_by(start, open_hours)
    return (
        Scenario(seed, start, turn, "strategy", alert_id="3361921643", damage=0.5, origin=origin),
        Scenario(seed, turn, recent, "telemetry", alert_id="3403239073", loss=0.05, origin=origin),
        Scenario(
            seed,
            recent,
            end,
            "mixed",
            alert_id="3486109403",
            loss=0.12,
            repeats=0.08,
            late=0.08,
            outages=True,
            unheard_every=UNHEARD_EVERY,
            origin=origin,
        ),
    )
