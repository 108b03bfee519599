"""Invariant 2: a signal is a function of the set of its events and its source's clock.

Any order, any repetition and any split of the same alerts give the same signals, provenance included, and rebuilding
them from what is stored gives them once more.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.forms.models import model_to_dict
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.models import Fill
from signals.signal.deriving import Venue, settle
from signals.signal.rebuilding import chunks, differences, rederive, restore
from signals.vocabulary import DataSource
from tests.builders import (
    SIGNAL_BAR,
    Alert,
    at,
    break_even,
    cancelled,
    created,
    entry,
    everything,
    exit_break_even,
    exit_stop,
    send,
    the_signal,
    update,
)

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def test_what_only_measurements_have_changed_is_settled_as_from_the_beginning() -> None:
    """Whatever an update tells: `settle_after` derives less of it, and no less than can have become another."""
    send([(created(), at(0)), (entry(), at(1))])
    told: list[dict[str, Any]] = [
        update(0.2, current_price=25_514), update(1.2, highest_high=25_600), update(0.4, mae=-0.9, lowest_low=1),
        update(1.3, be_triggered=True), break_even(), update(1.4, completed=True),
    ]  # fmt: skip
    for minute, payload in enumerate(told, 2):
        send([(payload, at(minute))])
        signal = the_signal()
        before, venue = deepcopy(model_to_dict(signal)), Venue.of(signal.source)
        settle(signal, venue)
        assert model_to_dict(signal) == before


def new_york(minute: int, direction: str) -> tuple[str, datetime]:
    bar = SIGNAL_BAR + timedelta(minutes=minute)
    return f"{bar - 5 * HOUR:%Y%m%d_%H%M}00000_{direction}", bar


def chicago(minute: int, direction: str) -> tuple[str, datetime]:
    bar = SIGNAL_BAR + timedelta(minutes=minute)
    return f"{bar - 6 * HOUR:%Y%m%d_%H%M}00000_{direction}", bar


def old_entry(trade_id: str, bar: datetime) -> dict[str, Any]:
    return {
        "type": "ENTRY", "signal_id": trade_id, "bias": "Bullish", "session": "NY AM", "entry_price": 100,
        "sl_price": 99, "date": "2025-12-11", "time": "09:40:00", "timestamp": int(bar.timestamp() * 1000) - 180_000,
    }  # fmt: skip


def old_exit(trade_id: str) -> dict[str, Any]:
    return {"type": "EXIT_BREAK_EVEN", "signal_id": trade_id, "final_be_mfe": 0.5, "final_no_be_mfe": 0.5}


def old_update(trade_id: str) -> dict[str, Any]:
    return {
        "type": "MFE_UPDATE", "signal_id": trade_id, "be_mfe": 0.3, "no_be_mfe": 0.3, "highest_high": 101,
        "lowest_low": 99.5, "current_price": 100.5,
    }  # fmt: skip


def z_entry(trade_id: str) -> dict[str, Any]:
    stamp = f"{trade_id[:4]}-{trade_id[4:6]}-{trade_id[6:8]}T{trade_id[9:11]}:{trade_id[11:13]}:00Z"
    return {
        "schema_version": "1", "event_type": "ENTRY", "trade_id": trade_id, "event_timestamp": stamp, "entry_price": 9,
        "direction": "Bearish", "stop_loss": 10, "session": "NY PM", "mfe_R": 0, "mae_R": 0,
    }  # fmt: skip


ModernEvent = Callable[[str, int], dict[str, Any]]
MODERN: Sequence[ModernEvent] = (
    lambda i, n: created(i),
    lambda i, n: created(i, session="LONDON", htf_alignment={"daily": "Bearish"}),
    lambda i, n: entry(i),
    lambda i, n: entry(i, entry_price=25741 + n % 2),
    lambda i, n: update(0.1 * n, trade_id=i, current_price=25700 + n),
    lambda i, n: update(0.5, 0.9, mae=-0.5, trade_id=i, be_triggered=True),
    lambda i, n: break_even(i),
    lambda i, n: exit_break_even(i),
    lambda i, n: exit_stop(i),
    lambda i, n: cancelled(i),
)
OLD = (old_update, old_exit, z_entry)


@st.composite
def alerts(draw: st.DrawFn) -> list[Alert]:
    """Events of a few signals of both clocks, fired at minutes around theirs, in no order and with nothing complete."""
    sent: list[Alert] = []
    for _ in range(draw(st.integers(1, 4))):
        clock, direction = draw(st.sampled_from([new_york, chicago])), draw(st.sampled_from(["BULLISH", "BEARISH"]))
        trade_id, bar = clock(draw(st.integers(0, 200)), direction)
        for _ in range(draw(st.integers(1, 6))):
            # Few minutes, so that events of one minute compete, and both sides of what the zones make of an id.
            minute = draw(st.sampled_from([1, 2, 3, 5, 16, 17, 60, 61, 62, 90]))
            fired = bar + timedelta(minutes=minute, seconds=draw(st.integers(0, 59)))
            if clock is chicago:
                kind = draw(st.integers(0, len(OLD)))
                sent.append((old_entry(trade_id, bar) if kind == len(OLD) else OLD[kind](trade_id), fired))
            else:
                n = draw(st.integers(0, 30))
                sent.append((MODERN[draw(st.integers(0, len(MODERN) - 1))](trade_id, n), fired))
    return sent


@contextmanager
def fresh_world() -> Iterator[None]:
    """Everything done inside is undone at its end."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def outcome_of(*batches: Sequence[Alert]) -> dict[str, dict[str, Any]]:
    with fresh_world():
        for batch in batches:
            if batch:
                send(batch)
        return everything()


@given(sent=alerts(), data=st.data())
def test_order_does_not_matter(sent: list[Alert], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(sent))
    assert outcome_of(shuffled) == outcome_of(sent)


@given(sent=alerts(), data=st.data())
def test_repetition_does_not_matter(sent: list[Alert], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(sent)))
    assert outcome_of(sent, again) == outcome_of(sent)


@given(sent=alerts(), data=st.data())
def test_splitting_into_pieces_does_not_matter(sent: list[Alert], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(sent))
    cut = data.draw(st.integers(0, len(sent)))
    one_by_one = [[alert] for alert in shuffled[cut:]]
    assert outcome_of(shuffled[:cut], *one_by_one) == outcome_of(sent)


@given(sent=alerts())
def test_rebuilding_changes_nothing(sent: list[Alert]) -> None:
    with fresh_world():
        for alert in sent:
            send([alert])
        assert [d for chunk in chunks() for s, fresh in rederive(chunk) for d in differences(s, fresh)] == []


@settings(max_examples=25)
@given(sent=alerts(), data=st.data())
def test_a_fill_stands_only_where_no_event_says_better(sent: list[Alert], data: st.DataObject) -> None:
    """Invariant 3, for the projection: whether a fill joins before or after the events, the better value stands."""
    first = data.draw(st.integers(0, len(sent)))
    field, value = data.draw(st.sampled_from([("entry_price", "1.5"), ("stop_loss", "1.25"), ("direction", "Bearish")]))

    def filled(before: Sequence[Alert], after: Sequence[Alert]) -> dict[str, dict[str, Any]]:
        with fresh_world():
            send(before)
            trade_id = sorted(everything())[0]
            now = SIGNAL_BAR + 24 * HOUR
            for chunk in chunks():
                for signal in chunk:
                    if signal.trade_id == trade_id:
                        make_fill(signal, field, value, now)
                restore(chunk, now=now)
            if after:
                send(after)
            for chunk in chunks():
                restore(chunk, now=now)
            return {trade_id: everything()[trade_id]}

    target = sent[0][0].get("trade_id") or sent[0][0]["signal_id"]
    of_target = [a for a in sent if (a[0].get("trade_id") or a[0]["signal_id"]) == target]
    cut = max(1, min(first, len(of_target)))
    assert filled(of_target[:cut], of_target[cut:]) == filled(of_target, [])


def make_fill(signal: Any, field: str, value: str, now: datetime) -> None:
    Fill.objects.create(
        signal=signal, field=field, value=value, tier="2", method="test", data_source=DataSource.CALCULATED,
        confidence="0.8", evidence={"rule": "none"}, evidence_key="k", created_at=now,
    )  # fmt: skip
