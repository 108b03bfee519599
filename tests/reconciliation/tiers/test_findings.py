"""Findings: each condition says the same of a row in the database and of a signal in memory."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.findings import FINDINGS
from signals.models import AutomatedSignal, Source
from signals.vocabulary import Direction, Session

from .build import BAR, SHORT_ID, TRADE_ID, case, created, entry, event, update

BY_NAME = {finding.name: finding for finding in FINDINGS}
quarters = st.none() | st.integers(-8, 8).map(lambda n: Decimal(n) / 4)
prices = st.none() | st.sampled_from([Decimal(n) for n in (99, 100, 101)])
moments = st.none() | st.just(BAR)
labels = st.none() | st.sampled_from([*Session.values, "SYDNEY", ""])
FROZEN = {"events": 0, "changes": {"mae": 6}, "frozen": ["mae"]}
rows = st.fixed_dictionaries(
    {
        "direction": st.none() | st.sampled_from(Direction.values),
        "entry_price": prices,
        "stop_loss": prices,
        "be_mfe": quarters,
        "no_be_mfe": quarters,
        "mae": quarters,
        "be_mfe_peak": quarters,
        "no_be_mfe_peak": quarters,
        "session": st.none() | st.sampled_from(Session.values),
        "session_label": labels,
        "htf_conflict": st.none() | st.booleans(),
        "entry_fired_at": moments,
        "be_exit_at": moments,
        "stop_exit_at": moments,
        "before_its_bar": st.booleans(),
        "entries_differ": st.booleans(),
        "price_far": st.booleans(),
        "bars_far": st.booleans(),
        "symbol_unclear": st.booleans(),
        "repainted": st.none() | st.just([{"by": "bars"}]),
        "flips": st.sampled_from([None, {"events": 0, "changes": {"mae": 2}}, FROZEN]),
        "trade_id": st.sampled_from([TRADE_ID, SHORT_ID, SHORT_ID.lower(), "20251211_094000000", "Long", "xBULLISH"]),
    }
)


def found(**fields: Any) -> set[str]:
    return {finding.name for finding in FINDINGS if finding.holds(AutomatedSignal(**fields))}


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"be_mfe": Decimal("-0.05")}, "negative_mfe"),
        ({"no_be_mfe": Decimal("-0.05")}, "negative_mfe"),
        ({"mae": Decimal("0.1")}, "mae_above_zero"),
        ({"be_mfe": Decimal(2), "no_be_mfe": Decimal(1)}, "legs_crossed"),
        ({"be_mfe": Decimal(1), "be_mfe_peak": Decimal(2)}, "mfe_falling"),
        ({"no_be_mfe": Decimal(1), "no_be_mfe_peak": Decimal(2)}, "mfe_falling"),
        ({"entry_price": Decimal(100), "stop_loss": Decimal(100)}, "entry_is_stop"),
        ({"direction": "Bullish", "entry_price": Decimal(100), "stop_loss": Decimal(101)}, "stop_on_wrong_side"),
        ({"direction": "Bearish", "entry_price": Decimal(100), "stop_loss": Decimal(99)}, "stop_on_wrong_side"),
        ({"stop_exit_at": BAR}, "exit_without_entry"),
        ({"be_exit_at": BAR}, "exit_without_entry"),
        ({"htf_conflict": True}, "htf_conflict"),
        ({"session": "NY AM", "session_label": "LONDON"}, "wrong_session"),
        ({"session": "NY AM", "session_label": "SYDNEY"}, "unknown_session"),
        ({"before_its_bar": True}, "events_before_bar"),
        ({"entries_differ": True}, "entries_differ"),
        ({"price_far": True}, "price_far"),
        ({"bars_far": True}, "bars_far"),
        ({"repainted": [{"by": "bars"}]}, "repainted"),
        ({"flips": FROZEN}, "frozen"),
        ({"symbol_unclear": True}, "symbol_unclear"),
        ({"direction": "Bullish", "trade_id": SHORT_ID}, "direction_against_id"),
        ({"direction": "Bearish", "trade_id": TRADE_ID.lower()}, "direction_against_id"),
    ],
)
def test_what_cannot_be_right_is_found(fields: dict[str, Any], name: str) -> None:
    assert found(**fields) == {name}


def test_a_sound_signal_has_no_findings() -> None:
    sound = case(created(), entry(), update(6, "0.4", "0.4", mae="0"), event("EXIT_STOP_LOSS", 9)).signal
    assert [finding.name for finding in FINDINGS if finding.holds(sound)] == []


def test_a_signal_that_nobody_heard_of_owes_no_entry() -> None:
    assert found(origin="replay", stop_exit_at=BAR) == set()


def test_zero_is_no_finding_where_it_is_a_value() -> None:
    assert found(mae=Decimal(0), be_mfe=Decimal(0), no_be_mfe=Decimal(0)) == set()


def test_each_is_named_once_and_says_what_to_do() -> None:
    assert len(BY_NAME) == len(FINDINGS) == 18
    assert all(finding.advice.endswith(".") for finding in FINDINGS)
    assert [finding.name for finding in FINDINGS if finding.corrected] == ["wrong_session"]


@pytest.mark.django_db
@given(batch=st.lists(rows, min_size=1, max_size=30))
@transaction.atomic
def test_the_query_and_the_predicate_agree_on_every_row(batch: list[dict[str, Any]]) -> None:
    source = Source.objects.get_or_create(name="findings")[0]
    AutomatedSignal.objects.filter(source=source).delete()
    now = datetime(2025, 12, 12, tzinfo=UTC)
    stamps = dict.fromkeys(("first_event_at", "last_event_at", "created_at", "updated_at"), now)
    AutomatedSignal.objects.bulk_create(
        AutomatedSignal(source=source, **{**stamps, **fields, "trade_id": f"{n}_{fields['trade_id']}"})
        for n, fields in enumerate(batch)
    )
    stored = list(AutomatedSignal.objects.filter(source=source))
    for finding in FINDINGS:
        asked = set(AutomatedSignal.objects.filter(finding.q, source=source).values_list("pk", flat=True))
        assert asked == {row.pk for row in stored if finding.holds(row)}, finding.name
