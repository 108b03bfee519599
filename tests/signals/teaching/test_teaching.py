"""Teaching: from what nobody could read, by a draft and its preview, to signals; and back."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from signals import verifying
from signals.dialects.builtin import BUILTIN
from signals.dialects.spec import SpecError
from signals.intake import take_in
from signals.models import AutomatedSignal, Delivery, Format, PriceBar, Quarantine, SignalEvent, Source
from signals.parcels import Incoming
from signals.receiving.senders import default_source
from signals.teaching.previewing import preview
from signals.teaching.replaying import replay_shape, told
from signals.teaching.saving import brought_in, exported, imported, restore, retire, save
from signals.teaching.shapes import counts, dismiss_shape, open_rows, unknown_shapes
from signals.teaching.suggesting import fitting, suggest
from tests.builders import everything

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SPEC = BUILTIN["traderspost"].spec
BUY, EXIT = {"ticker": "AMD", "action": "buy", "price": 143.12}, {"ticker": "AMD", "action": "exit", "price": 150}


def send(*sent: Any, source: Source | None = None, minute: int = 0) -> list[Delivery]:
    """Take alerts in, each a minute after the one before."""
    bodies = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in sent]
    incoming = [Incoming(body, NOW + timedelta(minutes=minute + n)) for n, body in enumerate(bodies)]
    outcomes = [take_in(source or default_source(), [each], now=each.received_at).outcomes[0] for each in incoming]
    return [Delivery.objects.get(pk=outcome.delivery_id) for outcome in outcomes]


def teach(spec: Any = SPEC, source: Source | None = None, **more: Any) -> Format:
    return save(spec, source=source, by=None, now=NOW, **more)


def statuses(deliveries: Sequence[Delivery]) -> list[str]:
    return [delivery.status for delivery in deliveries]


def test_what_nobody_can_read_is_grouped_by_shape() -> None:
    send(BUY, EXIT, b"BTCUSDT Crossing 65,000", b'{"event_type":"ENTRY","trade_id":"20')
    ordinary, crossing, damaged = unknown_shapes()

    assert (ordinary.label, ordinary.count, ordinary.foreign) == ("action, price, ticker", 2, True)
    assert (ordinary.first, ordinary.last) == (NOW, NOW + timedelta(minutes=1))
    assert (crossing.label, crossing.foreign, damaged.foreign) == ("<symbol> Crossing <number>", True, False)
    assert Delivery.objects.get(pk=ordinary.sample).received_at == ordinary.last
    assert counts() == (3, 1)
    assert not Delivery.objects.filter(status="accepted").exists()


def test_a_preview_tells_what_would_come_of_a_shape_and_stores_nothing() -> None:
    send(BUY, EXIT, {**BUY, "action": "hold"})
    (group,) = unknown_shapes()
    before = everything()
    shown = preview(suggest([row.delivery.raw for row in open_rows(group.key)]), group.key)

    assert (shown.read, shown.unread) == (2, 1)
    assert "no rule says what action 'hold' means" in shown.rows[2].reason
    (signal,) = shown.signals
    assert (signal.trade_id, signal.symbol, signal.direction) == ("AMD", "AMD", "Bullish")
    assert [(step.type, step.facts.get("entry_price"), step.facts.get("exit_price")) for step in signal.steps] == [
        ("ENTRY", "143.12", None),
        ("EXIT", None, "150"),
    ]
    assert preview({**SPEC, "events": []}, group.key).problem is not None
    assert everything() == before
    assert not Format.objects.exists()


def test_the_whole_way_from_unknown_to_signals_by_one_click() -> None:
    send(BUY, EXIT)
    (group,) = unknown_shapes()
    (offered,) = fitting(open_rows(group.key)[0].delivery.raw)
    source = default_source()
    teach(offered.spec, source)
    done = replay_shape(group.key, by=None, now=LATER)
    signal = AutomatedSignal.objects.get()

    assert (done.read, done.events, done.unread, done.done) == (2, 3, 0, True)
    assert (signal.trade_id, signal.status, signal.direction) == ("AMD", "COMPLETED", "Bullish")
    assert (signal.entry_price, signal.exit_price, signal.stop_loss) == (Decimal("143.12"), 150, None)
    assert signal.entry_fired_at == NOW
    assert unknown_shapes() == []
    assert {"no_htf_alignment", "no_mae"} <= set(Source.objects.get(pk=source.pk).gaps_off)
    assert told(done.as_json()) == "2 messages read, 3 events."


def test_a_replay_goes_on_where_it_stopped_and_repeating_it_changes_nothing() -> None:
    send(BUY, EXIT, {**BUY, "action": "hold"})
    (group,) = unknown_shapes()
    teach()
    first = replay_shape(group.key, by=None, now=LATER, limit=2)
    second = replay_shape(group.key, by=None, now=LATER, after=first.last, limit=2)
    before = everything()
    again = replay_shape(group.key, by=None, now=LATER)

    assert (first.read, first.done, second.read, second.unread, second.done) == (2, False, 0, 1, True)
    assert (again.read, again.unread, again.done) == (0, 1, True)
    assert everything() == before
    assert "1 could not be read and stay open. The commonest reason: This is no message" in told(second.as_json())


def test_what_is_taught_for_one_source_is_read_there_only() -> None:
    other = Source.objects.create(name="other")
    teach(source=other)

    assert statuses(send(BUY, source=other) + send(BUY)) == ["accepted", "quarantined"]
    teach()
    assert statuses(send(BUY, minute=9)) == ["accepted"]


def test_saving_is_a_new_version_and_an_earlier_one_comes_back_as_the_newest() -> None:
    first = teach()
    second = teach({**SPEC, "title": "Changed"}, note="why")
    (read,) = send(BUY)
    third = restore(first, by=None, now=LATER)
    first.refresh_from_db()
    second.refresh_from_db()

    assert [(row.version, row.state) for row in (first, second, third)] == [
        (1, "replaced"), (2, "replaced"), (3, "active"),
    ]  # fmt: skip
    assert (read.format, read.dialect, list(brought_in(third))) == (second, "traderspost", [read])
    assert third.spec == first.spec


def test_a_retired_format_reads_no_more_and_what_it_read_stays() -> None:
    row = teach()
    send(BUY)
    retire(row, now=LATER)

    assert row.state == Format.State.RETIRED
    assert statuses(send(EXIT, minute=5)) == ["quarantined"]
    assert AutomatedSignal.objects.count() == 1
    assert brought_in(row).count() == 1


@pytest.mark.usefixtures("unguarded")
def test_stored_events_are_checked_by_the_version_that_read_them() -> None:
    teach()
    send(BUY)
    teach({**SPEC, "events": [{"then": ["nothing"]}]})
    send(EXIT, minute=3)

    assert [fault for some in verifying.verify() for fault in some.faults] == []
    SignalEvent.objects.update(facts={})
    assert [fault for some in verifying.verify() for fault in some.faults] != []


def test_a_spec_that_cannot_be_used_is_not_saved() -> None:
    with pytest.raises(SpecError, match="trade_id"):
        teach({**SPEC, "trade_id": ["order"]})
    assert not Format.objects.exists()


def test_a_stored_format_that_can_no_longer_be_used_is_left_out_and_stops_nothing() -> None:
    Format.objects.create(name="old", version=1, spec={"name": "old"}, created_at=NOW, changed_at=NOW)
    teach()

    assert statuses(send(BUY)) == ["accepted"]


def test_formats_go_from_one_system_to_another_as_text() -> None:
    text = exported([teach(), teach(BUILTIN["openalgo"].spec)])
    Format.objects.all().delete()

    assert [row.name for row in imported(text, source=None, by=None, now=LATER)] == ["traderspost", "openalgo"]
    with pytest.raises(SpecError):
        imported(json.dumps({"formats": [SPEC, {"name": "bad"}]}), source=None, by=None, now=LATER)
    assert Format.objects.count() == 2


def test_a_shape_is_dismissed_as_a_whole() -> None:
    send(BUY, EXIT, b"BTCUSDT Crossing 65,000")
    operator = User.objects.create(username="operator")
    key = unknown_shapes()[0].key

    assert dismiss_shape(key, "not ours", by=operator, now=LATER) == 2
    assert dismiss_shape(key, "again", by=operator, now=LATER) == 0
    row = Quarantine.objects.filter(shape=key).first()
    assert row is not None
    assert (row.state, row.note, row.decider, row.decided_at) == ("dismissed", "not ours", "operator", LATER)


def test_a_price_bar_is_stored_as_one() -> None:
    bar = {"event_type": "PRICE_BAR", "ticker": "MNQ1!", "interval": "1", "time": "2026-03-02T15:59:00Z"}
    (read,) = send({**bar, "open": 20010, "high": 20015, "low": 20008, "close": 20012})

    stored = PriceBar.objects.get()
    assert (read.status, read.event_count) == ("accepted", 0)
    assert (stored.symbol, stored.time, stored.kind) == ("MNQ1!", NOW - timedelta(minutes=1), PriceBar.Kind.BAR)
    assert Delivery.objects.filter(status="accepted").exists()


def test_a_bar_that_was_not_over_when_its_alert_fired_is_left() -> None:
    bar = {"event_type": "PRICE_BAR", "ticker": "MNQ1!", "interval": "1", "time": "2026-03-02T16:00:00Z"}
    send({**bar, "open": 20010, "high": 20015, "low": 20008, "close": 20012})

    assert not PriceBar.objects.exists()
