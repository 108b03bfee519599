"""Scenarios for the simulator's tests, and what their alerts say."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from signals.simulator import DIALECTS, Alert, Scenario, Simulation, TradeTruth, simulate

NEW_YORK, CHICAGO = ZoneInfo("America/New_York"), ZoneInfo("America/Chicago")
MONDAY, WEDNESDAY = datetime(2025, 12, 8, 20, tzinfo=UTC), datetime(2025, 12, 10, 19, tzinfo=UTC)
TWO_LEGS = [name for name, dialect in DIALECTS.items() if not dialect.single_leg]
ONE_LEG = [name for name, dialect in DIALECTS.items() if dialect.single_leg]
every_dialect = pytest.mark.parametrize("dialect", DIALECTS)


def scenario(dialect: str = "mixed", **changes: Any) -> Scenario:
    return Scenario(**{"seed": 7, "start": MONDAY, "end": WEDNESDAY, "dialect": dialect, **changes})


@lru_cache(maxsize=32)
def simulated(given: Scenario) -> Simulation:
    return simulate(given)


def reports(alert: Alert) -> list[dict[str, Any]]:
    """What an undamaged alert says, one dict a signal."""
    said = json.loads(alert.body, parse_float=Decimal)
    return said["signals"] if alert.kind == "MFE_UPDATE_BATCH" else [said]


def trade_of(report: dict[str, Any]) -> str:
    return report.get("trade_id") or report["signal_id"]


def told(given: Scenario, *kinds: str) -> Iterator[tuple[Alert, dict[str, Any]]]:
    for alert in simulated(given).alerts:
        if not kinds or alert.kind in kinds:
            yield from ((alert, report) for report in reports(alert))


def confirmed(given: Scenario) -> list[TradeTruth]:
    return [truth for truth in simulated(given).truth.values() if truth.entry is not None]
