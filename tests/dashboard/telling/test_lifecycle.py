"""A signal's life as one list: in order, from each voice, and told once."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from dashboard.telling.fields import NAMES, kind_of, named, written
from dashboard.telling.lifecycle import CHECK, DOUBTED, INDICATOR, PERSON, TIER, TimelineEntry, timeline
from reconciliation.findings import FINDINGS
from reconciliation.models import SyncAuditLog
from signals.formats import iso
from signals.models import AutomatedSignal, Delivery, Fill, SignalEvent
from signals.vocabulary import DataSource, EventType
from tests.builders import at

TICK = Decimal("0.25")


def signal(**values: Any) -> AutomatedSignal:
    return AutomatedSignal(trade_id="x", last_event_at=at(30), provenance={}, **values)


def event(kind: EventType, minute: int, number: int = 1, **facts: Any) -> SignalEvent:
    return SignalEvent(type=kind, fire_minute=at(minute), sequence_number=number, facts=facts, delivery=Delivery())


def fill(key: int, field: str = "mae", value: Any = "-0.5", minute: int = 10, **more: Any) -> Fill:
    given = {"tier": "2", "method": "price_bars", "data_source": DataSource.CALCULATED, "confidence": Decimal("0.8")}
    given |= {"state": "active"}
    return Fill(pk=key, field=field, value=value, created_at=at(minute), **{**given, **more})


def entry(key: int, action: str, minute: int = 11, **more: Any) -> SyncAuditLog:
    return SyncAuditLog(pk=key, at=at(minute), action=action, **more)


def told(
    events: Sequence[SignalEvent] = (), fills: Sequence[Fill] = (), audit: Sequence[SyncAuditLog] = (), **values: Any
) -> list[TimelineEntry]:
    return timeline(signal(**values), events, fills, audit, TICK)


def test_steps_come_in_order_of_time_what_was_sent_before_what_was_made_of_it() -> None:
    found = told(
        [event(EventType.ENTRY, 10), event(EventType.SIGNAL_CREATED, 1)],
        [fill(1)],
        [entry(1, "gap_opened", 10, gap="no_mae"), entry(2, "undone", 12, field="mae", actor="ann")],
    )
    assert [step.side for step in found] == [INDICATOR, INDICATOR, CHECK, TIER, PERSON]
    assert [step.at for step in found] == [at(1), at(10), at(10), at(10), at(12)]


def test_what_would_have_ended_a_position_of_the_other_side_is_no_step() -> None:
    idle = event(EventType.EXIT, 1, direction="Bearish", if_open=True)
    ended = event(EventType.EXIT, 5, 2, direction="Bullish", if_open=True)

    assert [(step.title, step.at) for step in told([idle, ended], direction="Bullish")] == [("Exit", at(5))]


def test_updates_that_follow_each_other_are_one_step_told_by_the_last() -> None:
    updates = [event(EventType.MFE_UPDATE, n, n, be_mfe=f"0.{n}") for n in range(3, 9)]
    exits = [event(EventType.EXIT_BREAK_EVEN, 9, 9), event(EventType.MFE_UPDATE, 10, 10, be_mfe="0.9")]
    run, ended, single = told([*reversed(updates), *exits])
    assert (run.title, run.at, run.until, run.count) == ("6 MFE updates", at(3), at(8), 6)
    assert ("MFE, break-even leg", "0.80") in run.facts
    assert (ended.title, single.title, single.until) == ("Exit at break-even", "MFE update", None)


def test_what_an_exit_repeats_is_told_only_where_the_birth_was_lost() -> None:
    ended = event(EventType.EXIT_STOP_LOSS, 9, 9, entry_price="25740", exit_price="25730")
    born = [event(EventType.SIGNAL_CREATED, 1), event(EventType.ENTRY, 2, 2)]
    assert told([ended])[-1].facts == [("Entry", "25,740.00"), ("Exit price", "25,730.00")]
    assert told([*born, ended])[-1].facts == [("Exit price", "25,730.00")]


def test_a_fill_shows_its_origin_and_its_confidence() -> None:
    [step] = told(fills=[fill(1)])
    assert step.title == "MAE filled"
    assert step.origin == {"source": "backend_calculated", "tier": "2", "confidence": Decimal("0.8")}
    assert ("MAE", "-0.50") in step.facts


def test_values_made_anew_with_every_bar_are_told_once() -> None:
    fills = [fill(n, value=f"-0.{n}", minute=10 + n, state="withdrawn" if n < 5 else "active") for n in range(1, 6)]
    audit = [entry(n, "withdrawn", 10 + n, field="mae", note="recomputed") for n in range(1, 5)]
    [step] = told(fills=fills, audit=audit)
    assert (step.count, step.at) == (5, at(15))
    assert ("MAE", "-0.50") in step.facts


def test_what_people_did_is_told_each_time_with_their_name() -> None:
    audit = [entry(n, "gap_dismissed", 10 + n, gap="no_mae", actor="ann", note="same") for n in (1, 2)]
    assert [(step.who, step.says, step.title) for step in told(audit=audit)] == [
        ("ann", "same", "Gap dismissed: No MAE")
    ] * 2


def test_a_finding_stands_where_the_value_that_it_doubts_was_reported() -> None:
    odd = signal(mae=Decimal("0.5"))
    odd.provenance = {"mae": {"at": iso(at(7))}}
    [step] = timeline(odd, [], [], [], TICK)
    assert (step.at, step.title, step.side) == (at(7), "Finding: MAE above 0", CHECK)


def test_every_finding_says_which_fields_it_doubts() -> None:
    assert DOUBTED.keys() == {finding.name for finding in FINDINGS}
    assert all(hasattr(AutomatedSignal, name) for names in DOUBTED.values() for name in names)


def test_every_field_with_a_name_exists() -> None:
    columns = {column.name for column in AutomatedSignal._meta.concrete_fields}
    assert {name for name in NAMES if name not in columns} <= {"tp1", "tp2", "tp3", "exit_price", "exit_reason"}


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("entry_price", "25513.8", "25,513.75"),
        ("entry_price", Decimal("25513.75"), "25,513.75"),
        ("be_mfe", "1.2549", "1.25"),
        ("be_price", "?", "?"),
        ("targets", {"tp2": "25760", "tp1": "25750"}, "tp1 25,750.00, tp2 25,760.00"),
        ("targets", [], "[]"),
        ("single_leg", True, "yes"),
        ("bars_pending", 4, "4"),
        ("mae", None, "–"),  # noqa: RUF001
        ("no_such_field", "as it is", "as it is"),
    ],
)
def test_each_kind_of_value_is_written_its_own_way(name: str, value: Any, shown: str) -> None:
    assert written(name, value, TICK) == shown


def test_moments_and_timeframes_are_written_as_the_console_writes_them() -> None:
    assert ">2025-12-11 09:41<" in written("be_exit_at", "2025-12-11T14:41:00Z", TICK)
    assert "D Bullish" in written("htf_alignment", {"daily": "Bullish"}, TICK)
    assert (kind_of("no_be_mfe"), kind_of("stop_exit_price")) == ("r", "price")
    assert named("some_new_fact") == "Some new fact"
