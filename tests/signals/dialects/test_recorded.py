"""The recorded alert logs: every row reads, without a fault, and says what is known of them."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from signals import dialects
from signals.facts import Reading

SHARED = Path(__file__).resolve().parents[4] / "shared"
needs_logs = pytest.mark.skipif(not SHARED.is_dir(), reason="the folder of recorded logs is not beside the project")
csv.field_size_limit(10**9)

LOGS = {
    "recorded/created-batches-night.csv": {"batch": 482, "telemetry": 128},
    "recorded/strategy-malformed.csv": {"strategy": 2},
    "recorded/strategy.csv": {"strategy": 624},
    "recorded/telemetry-chicago.csv": {"telemetry": 597},
    "recorded/telemetry-newyork.csv": {"telemetry": 317},
    "scenarios/mission-before.csv": {"plain": 70},
    "scenarios/mission-signal-created.csv": {"plain": 36},
}


def readings(log: str) -> list[Reading]:
    with (SHARED / log).open(encoding="utf-8-sig", newline="") as file:
        return [dialects.read(row["Description"].encode()) for row in csv.DictReader(file)]


@needs_logs
@pytest.mark.parametrize("log", LOGS)
def test_every_row_is_read_by_its_dialect_without_a_fault(log: str):
    found = readings(log)

    assert Counter(reading.dialect for reading in found) == LOGS[log]
    assert [reading.faults for reading in found if reading.faults] == []


@needs_logs
def test_the_one_broken_row_is_mended():
    assert [bool(reading.repair) for reading in readings("recorded/strategy-malformed.csv")] == [False, True]


@needs_logs
def test_every_batch_has_one_close():
    batches = [reading for reading in readings("recorded/created-batches-night.csv") if reading.dialect == "batch"]

    assert {len(reading.bars) for reading in batches} == {1}
    assert sum(len(reading.events) for reading in batches) == 4315


@needs_logs
@pytest.mark.parametrize(
    ("log", "marked"),
    [("strategy.csv", True), ("telemetry-chicago.csv", True), ("telemetry-newyork.csv", None)],
)
def test_the_scripts_of_one_leg_are_known(log: str, marked: bool | None):
    events = [event for reading in readings(f"recorded/{log}") for event in reading.events]

    assert {event.values.get("single_leg") for event in events} == {marked}
