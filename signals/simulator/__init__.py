"""Realistic alert logs from a seed: sample history, test data and benchmark logs (docs/simulator.md).

Pure: the same scenario gives the same bytes, and no clock is read. `stream` runs in flat memory; `simulate`
also keeps the price path and the truth about every trade.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from signals.clock import MINUTE
from signals.market import market
from signals.simulator.bodies import Said, speaker
from signals.simulator.delivery import deliver, write_log
from signals.simulator.scenario import DIALECTS, Alert, Bar, Scenario, Simulation, TradeTruth
from signals.simulator.trades import Indicator, Minute, MinuteOfTrades, Signal, price_path

__all__ = (
    "DIALECTS",
    "Alert",
    "Bar",
    "Scenario",
    "Simulation",
    "TradeTruth",
    "sample_history",
    "simulate",
    "stream",
    "write_log",
)


def stream(scenario: Scenario) -> Iterator[Alert]:
    """The scenario's alerts in time order, minute by minute, in flat memory."""
    return _alerts(scenario, Indicator(scenario, watch=lambda _: None), price_path(scenario))


def simulate(scenario: Scenario) -> Simulation:
    """The same alerts as `stream`, with the whole price path and the truth. Holds everything in memory."""
    path = tuple(price_path(scenario))
    signals: list[Signal] = []
    alerts = tuple(_alerts(scenario, Indicator(scenario, watch=signals.append), path))
    truth = {signal.trade_id: signal.truth() for signal in signals}
    return Simulation(alerts, tuple(minute.bar() for minute in path), truth)


def _alerts(scenario: Scenario, indicator: Indicator, path: Iterable[Minute]) -> Iterator[Alert]:
    return deliver(_said(scenario, indicator.run(path)), scenario)


def _said(scenario: Scenario, steps: Iterable[MinuteOfTrades]) -> Iterator[tuple[Minute, list[Said]]]:
    speak = speaker(scenario)
    for step in steps:
        yield step.minute, list(speak(step))


def sample_history(now: datetime, hours: int = 30, seed: int = 1) -> tuple[Scenario, ...]:
    """Three alerts of one chart, one after the other, over the last `hours` of open market before `now`.

    A fifth is `strategy`, a fifth the first New York telemetry, the rest `mixed`, with losses, repeats and
    outages.
    The last alert fires minutes before `now`, or before the close where the market is closed.
    """
    hours_open = market()
    end = hours_open.last_open(now - timedelta(minutes=3)) + MINUTE
    start, wanted = end, hours * 60
    while (missing := wanted - hours_open.open_minutes(start, end)) > 0:
        start -= missing * MINUTE
    turn, recent = (hours_open.add_open_minutes(start, wanted * fifths // 5) for fifths in (1, 2))
    return (
        Scenario(seed, start, turn, "strategy", alert_id="3361921643", damage=0.5),
        Scenario(seed + 1, turn, recent, "telemetry", alert_id="3403239073", loss=0.05),
        Scenario(
            seed + 2,
            recent,
            end,
            "mixed",
            alert_id="3486109403",
            loss=0.12,
            repeats=0.08,
            late=0.08,
            outages=True,
        ),
    )
