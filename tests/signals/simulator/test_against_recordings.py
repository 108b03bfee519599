"""What is generated has the shape of what was recorded: the same keys in the same order, the same number formats."""

import csv
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from signals.simulator import Scenario, stream

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "recorded"
LOGS = {
    "strategy": "strategy.csv",
    "telemetry-z": "telemetry-chicago.csv",
    "telemetry": "telemetry-newyork.csv",
    "mixed": "created-batches-night.csv",
}
NUMBER = re.compile(r'(?<=":)-?[0-9.]+')
PRICE = re.compile(r"\d{5}(\.25|\.5|\.75)?")
MULTIPLE = re.compile(r"-?\d{1,3}(\.\d{1,10})?")

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded logs (../shared/recorded) are not here")


def shape(value: Any) -> Any:
    """Keys in order, through all levels, without the values; of a list's entries each shape once."""
    if isinstance(value, dict):
        return tuple((key, shape(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return tuple(sorted({shape(inner) for inner in value}))
    return ()


def shapes(bodies: Iterable[str]) -> dict[str, set[Any]]:
    """The shapes of each event type."""
    found: dict[str, set[Any]] = {}
    for body in bodies:
        said = json.loads(body)
        found.setdefault(said.get("event_type") or said["type"], set()).add(shape(said))
    return found


def recorded(dialect: str) -> list[str]:
    with (RECORDED / LOGS[dialect]).open(newline="", encoding="utf-8") as file:
        return [row["Description"] for row in csv.DictReader(file)]


def generated(dialect: str) -> list[str]:
    span = datetime(2025, 12, 8, tzinfo=UTC), datetime(2025, 12, 9, 12, tzinfo=UTC)
    return [alert.body.decode() for alert in stream(Scenario(11, *span, dialect))]


@pytest.mark.parametrize("dialect", LOGS)
def test_every_event_type_has_the_recorded_keys_in_the_recorded_order(dialect: str) -> None:
    assert shapes(generated(dialect)) == shapes(recorded(dialect))


@pytest.mark.parametrize("bodies", [recorded, generated], ids=["recorded", "generated"])
@pytest.mark.parametrize("dialect", LOGS)
def test_numbers_are_spelled_as_prices_or_multiples(dialect: str, bodies: Any) -> None:
    for body in bodies(dialect):
        for number in NUMBER.findall(re.sub(r'"timestamp":\d{13}', "", body)):
            assert PRICE.fullmatch(number) or MULTIPLE.fullmatch(number), body


@pytest.mark.parametrize("dialect", LOGS)
def test_the_constant_parts_are_those_recorded(dialect: str) -> None:
    def constants(bodies: list[str]) -> set[Any]:
        keys = ("schema_version", "strategy_version", "symbol", "exchange", "timeframe", "status", "exit_reason")
        return {(key, said[key]) for said in map(json.loads, bodies) for key in keys if key in said}

    assert constants(generated(dialect)) == constants(recorded(dialect))
