"""Exports against events: who fired, and is missing in an export that came whole."""

from collections.abc import Iterable
from typing import Any

import pytest

from reconciliation.models import IndicatorExport
from signals.models import AutomatedSignal
from signals.vocabulary import Status
from tests.builders import SIGNAL_BAR, Alert, at, created, entry, exit_stop, send
from tests.reconciliation.cycles import cycle, scheduled, snapshot

pytestmark = pytest.mark.django_db
MINUTES = (0, 10, 20, 30)  # of the signals' bars


def name(minutes: int, direction: str = "BULLISH") -> str:
    return f"20251211_{940 + minutes if minutes < 20 else 1000 + minutes - 20:04}00000_{direction}"


def trade(minutes: int) -> list[Alert]:
    stated = f"{name(minutes)[9:11]}:{name(minutes)[11:13]}:00"
    told = {"signal_time": stated}
    return [
        (created(name(minutes), **told), at(minutes + 1)),
        (entry(name(minutes), **told), at(minutes + 3)),
        (exit_stop(name(minutes)), at(minutes + 6)),
    ]


def listed(minutes: int, **fields: Any) -> dict[str, Any]:
    """The trade as an export lists it."""
    bar = int(SIGNAL_BAR.timestamp() + 60 * minutes) * 1000
    return {
        "trade_id": name(minutes), "direction": "Bullish", "status": "COMPLETED", "signal_time": bar,
        "confirmation_time": bar + 120_000, "entry": 25740, "stop": 25730, **fields,
    }  # fmt: skip


def export(*entries: dict[str, Any], number: int = 1, total: int = 0, fired: float = 60) -> Alert:
    numbers = {"batch_number": number, "batch_size": len(entries), "total_signals": total or len(entries)}
    return {"event_type": "ALL_SIGNALS_EXPORT", **numbers, "signals": list(entries)}, at(fired)


def heard(*alerts: Alert, minutes: Iterable[int] = MINUTES) -> None:
    send([*(alert for each in minutes for alert in trade(each)), *alerts])
    cycle(90)


def left_out() -> set[int]:
    rows = AutomatedSignal.objects.filter(repainted__isnull=False)
    out = {row.trade_id for row in rows if any(each["by"] == "export" for each in row.repainted)}
    return {minutes for minutes in MINUTES if name(minutes) in out}


def test_a_whole_export_leaves_out_what_fired_between_its_oldest_and_newest() -> None:
    heard(export(listed(0), listed(10), listed(30)))
    assert left_out() == {20}
    told = AutomatedSignal.objects.get(trade_id=name(20)).repainted
    assert told == [
        {"by": "export", "field": "", "fired": name(20), "says": None, "at": "2025-12-11T15:40:00Z",
         "evidence": "ALL_SIGNALS_EXPORT of 3"}
    ]  # fmt: skip


def test_what_is_older_or_newer_than_all_of_it_is_not_covered() -> None:
    heard(export(listed(10), listed(20)))
    assert left_out() == set()


def test_of_several_batches_all_must_have_come() -> None:
    first, second = export(listed(0), number=1, total=2), export(listed(30), number=2, total=2, fired=61)
    heard(first)
    assert left_out() == set()
    send([second])
    cycle(91)
    assert left_out() == {10, 20}
    assert IndicatorExport.objects.get().batches.keys() == {"1", "2"}


def test_batches_that_come_twice_or_the_other_way_round_are_one_export() -> None:
    first, second = export(listed(0), number=1, total=2), export(listed(30), number=2, total=2, fired=61)
    heard(second, first, (first[0], at(62)))
    assert left_out() == {10, 20}
    assert len(IndicatorExport.objects.get().entries) == 2


@pytest.mark.parametrize(
    ("second", "fired"),
    [(2, 59), (3, 61), (2, 67)],
    ids=["fired before the first", "not the next", "long after the first"],
)
def test_batches_of_two_exports_are_not_taken_for_one(second: int, fired: float) -> None:
    heard(export(listed(0), number=1, total=2), export(listed(30), number=second, total=2, fired=fired))
    assert left_out() == set()


@pytest.mark.parametrize(
    "entries",
    [
        [listed(0), listed(30, direction="sideways")],  # cannot be read
        [listed(0), listed(30, signal_time=None)],  # does not say its bar
        [listed(0), listed(30, symbol="ES1!")],
        [listed(0, status="CONFIRMED"), listed(30, status="CONFIRMED")],  # may leave out what is over
    ],
)
def test_nothing_is_concluded_from_an_export_that_may_lack_something(entries: list[dict[str, Any]]) -> None:
    heard(export(*entries))
    assert left_out() == set()


def test_what_was_never_confirmed_is_missed_only_where_such_are_listed() -> None:
    pending = [(created(name(10), signal_time="09:50:00"), at(11))]
    heard(*pending, export(listed(0), listed(30)), minutes=(0, 30))
    assert left_out() == set()
    send([export(listed(0), listed(30), listed(20, status="CANCELLED", confirmation_time=None, entry=0), fired=70)])
    cycle(91)
    assert left_out() == {10}


def test_the_same_signal_by_another_id_is_not_left_out() -> None:
    heard(export(listed(0), listed(10), listed(30), listed(20, trade_id="20251211_090000000_BULLISH")))
    assert left_out() == set()


def test_a_signal_heard_of_after_the_export_was_not_there_to_be_left_out() -> None:
    heard(export(listed(0), listed(30), fired=35), minutes=(0, 10, 30))
    send([(body, at(50)) for body, _ in trade(20)[:1]])
    cycle(91)
    assert left_out() == {10}


def test_an_alert_that_is_imported_late_is_held_against_the_exports_that_are_there() -> None:
    heard(export(listed(0), listed(30)), minutes=(0, 30))
    send(trade(10))
    scheduled(91)
    assert left_out() == {10}


def test_a_second_cycle_changes_nothing_and_an_export_without_news_is_not_looked_for() -> None:
    heard(export(listed(0), listed(10), listed(30)))
    before = snapshot()
    scheduled(90)
    assert snapshot() == before


def test_the_trade_that_an_export_states_otherwise_is_found_as_well() -> None:
    heard(export(listed(0), listed(10, entry=25745), listed(20), listed(30)))
    row = AutomatedSignal.objects.get(repainted__isnull=False)
    assert (row.trade_id, row.status, row.entry_price) == (name(10), Status.COMPLETED, 25740)
    assert [(each["by"], each["field"], each["says"]) for each in row.repainted] == [("report", "entry_price", "25745")]
