"""The stream: each step of a signal's life, each fill and each gap is told once, under an id for ever."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.models import Endpoint, Outgoing, StreamEvent, StreamMark, ToldSignal
from dashboard.outbound import endpoints, step, stream
from dashboard.outbound.building import body_of
from dashboard.outbound.kinds import Kind
from dashboard.watching.checks.outbound import outbound
from reconciliation.audit import Action, Journal
from reconciliation.cycle.run import run_sync
from reconciliation.decisions import dismiss_gap, undo_fill
from reconciliation.models import GapRecord, SyncAuditLog
from signals.formats import iso
from signals.models import AutomatedSignal, Fill
from signals.receiving.senders import default_source
from signals.signal.joining import blank
from signals.vocabulary import Approval, Origin
from tests.builders import TRADE_ID, at, cancelled, created, entry, exit_stop, send, the_signal, update

from .build import begun, endpoint, kinds, told

pytestmark = pytest.mark.django_db


def cycle(minutes: float = 30) -> None:
    run_sync(now=at(minutes), trigger="command")


def only(kind: Kind) -> StreamEvent:
    (event,) = told(kind)
    return event


class TestLifeOfASignal:
    def test_confirmed_and_completed_are_told_once_each(self) -> None:
        begun()
        send([(created(), at(1)), (entry(), at(3))])
        assert kinds() == [Kind.CONFIRMED]
        send([(update(0.5), at(4)), (exit_stop(), at(9))])
        assert kinds() == [Kind.CONFIRMED, Kind.COMPLETED]
        send([(update(0.6), at(5))])
        assert kinds() == [Kind.CONFIRMED, Kind.COMPLETED]

    def test_both_steps_at_once_are_told_in_their_order(self) -> None:
        begun()
        send([(created(), at(1)), (entry(), at(3)), (exit_stop(), at(9))])
        assert [(event.type, event.at) for event in told()] == [(Kind.CONFIRMED, at(3)), (Kind.COMPLETED, at(9))]

    def test_a_signal_is_told_with_its_values_and_where_the_step_was_heard(self) -> None:
        begun()
        send([(created(), at(1)), (entry(), at(3))])
        data = only(Kind.CONFIRMED).data
        assert data["proof"] == "entry_fired_at"
        assert data["provenance"]["heard"] is True
        assert (data["provenance"]["tier"], data["provenance"]["confidence"]) == (None, 1)
        signal = data["signal"]
        assert (signal["trade_id"], signal["source"], signal["symbol"]) == (TRADE_ID, "default", "MNQ1!")
        assert (signal["status"], signal["entry_price"], signal["stop_loss"]) == ("CONFIRMED", 25740, 25730)

    def test_a_cancellation_that_was_inferred_says_so_and_a_late_entry_confirms_after_all(self) -> None:
        begun()
        send([(created(), at(1)), (created("20251211_095000000_BEARISH", direction="Bearish"), at(11))])
        cycle()
        event = only(Kind.CANCELLED)
        assert (event.tier, event.data["provenance"]["heard"]) == ("inference", False)
        assert event.data["provenance"]["confidence"] == 0.95
        send([(entry(), at(12))])
        assert kinds().count(Kind.CONFIRMED) == 1

    def test_a_cancellation_that_was_heard_says_so(self) -> None:
        begun()
        send([(created(), at(1)), (cancelled(), at(5))])
        event = only(Kind.CANCELLED)
        assert (event.tier, event.data["provenance"]["heard"], event.at) == ("", True, at(5))

    def test_what_had_happened_before_the_stream_began_is_no_news(self) -> None:
        send([(created(), at(1)), (entry(), at(3))])
        begun()
        send([(update(0.5), at(4))])
        assert kinds() == []
        send([(exit_stop(), at(9))])
        assert kinds() == [Kind.COMPLETED]

    def test_of_a_trade_that_was_over_before_the_stream_began_nothing_is_news(self) -> None:
        send([(created(), at(1)), (entry(), at(3)), (exit_stop(), at(9))])
        begun()
        send([(update(0.5), at(4))])
        assert kinds() == []

    def test_a_step_that_was_taken_back_and_comes_again_has_another_id(self) -> None:
        begun()
        send([(created(), at(1)), (entry(), at(3)), (exit_stop(), at(9))])
        first = only(Kind.COMPLETED)
        ToldSignal.objects.update(status="CONFIRMED")  # as when the exit had been a fill that was withdrawn
        send([(update(0.5), at(4))])
        assert len({event.key for event in told(Kind.COMPLETED)} | {first.key}) == 2


class TestFoundSignals:
    def found(self, **more: Any) -> AutomatedSignal:
        now = timezone.now()
        row = blank(default_source().pk, "20251211_100000000_BULLISH")
        row.origin, row.created_at, row.updated_at = Origin.REPLAY, now, now
        row.first_event_at = row.last_event_at = at(21)
        for name, value in more.items():
            setattr(row, name, value)
        row.save()
        note(row, Action.FILLED, field="direction", tier="2", method="replay", new="Bullish")
        return row

    def test_a_found_signal_is_told_as_one(self) -> None:
        begun()
        self.found()
        event = only(Kind.FOUND)
        assert (event.tier, event.data["provenance"]["method"]) == ("2", "replay")
        assert event.data["signal"]["origin"] == "replay"

    def test_what_waits_for_approval_is_told_again_when_it_has_it_and_only_then_its_status(self) -> None:
        begun()
        row = self.found(approval=Approval.WAITING, status="CONFIRMED", seen_confirmed_at=at(25))
        assert Kind.CONFIRMED not in kinds()
        AutomatedSignal.objects.update(approval=Approval.APPROVED)
        note(row, Action.APPROVED, field="origin", new="replay")
        first, second = told(Kind.FOUND)
        assert [each.data["signal"]["approval"] for each in (first, second)] == ["waiting", "approved"]
        assert kinds().count(Kind.CONFIRMED) == 1
        assert Kind.FILLED in kinds()
        assert kinds().count(Kind.FILLED) == 1

    def test_one_that_was_none_is_withdrawn(self) -> None:
        begun()
        row = self.found()
        kinds()
        AutomatedSignal.objects.update(origin=Origin.WITHDRAWN)
        note(row, Action.WITHDRAWN, field="direction", tier="2", method="replay", old="Bullish")
        assert [event.data["field"] for event in told(Kind.WITHDRAWN)] == ["direction", "origin"]


def note(signal: AutomatedSignal, action: Action, **details: Any) -> None:
    journal = Journal(timezone.now())
    journal.note(signal, action, **details)
    journal.write()


class TestFillsAndGaps:
    def test_a_fill_is_told_with_tier_confidence_and_evidence(self) -> None:
        begun()
        send([(entry(htf_alignment=None, direction=None, session=None), at(3))])
        cycle()
        event = next(event for event in told(Kind.FILLED) if event.data["field"] == "direction")
        assert (event.tier, float(event.confidence), event.data["value"]) == ("3", 0.9, "Bullish")
        assert event.data["provenance"]["evidence"]
        assert event.data["provenance"]["heard"] is False

    def test_an_undone_fill_is_withdrawn_under_the_same_name(self) -> None:
        begun()
        send([(entry(direction=None), at(3))])
        cycle()
        filled = next(event for event in told(Kind.FILLED) if event.data["field"] == "direction")
        undo_fill(Fill.objects.get(field="direction"), actor="mia", reason="wrong")
        (gone,) = [event for event in told(Kind.WITHDRAWN) if event.data["field"] == "direction"]
        assert gone.data["fill"] == filled.data["fill"]
        assert (gone.data["because"], gone.data["was"]) == ("undone", "Bullish")

    def test_a_value_that_was_heard_at_last_replaces_the_fill(self) -> None:
        begun()
        send([(entry(direction=None), at(3))])
        cycle()
        send([(created(), at(1))])
        cycle(31)
        (gone,) = [event for event in told(Kind.WITHDRAWN) if event.data["field"] == "direction"]
        assert gone.data["because"] == "replaced"

    def test_what_was_undone_before_it_ever_stood_is_no_news(self) -> None:
        begun()
        send([(created(), at(1))])
        note(the_signal(), Action.UNDONE, field="mae", tier="2", old="-0.5")
        assert told(Kind.WITHDRAWN) == []

    def test_what_a_tier_puts_in_anew_is_told_as_filled_alone(self) -> None:
        begun()
        send([(created(), at(1))])
        signal = the_signal()
        note(signal, Action.FILLED, field="mae", tier="2", new="-0.5")
        note(signal, Action.WITHDRAWN, field="mae", tier="2", old="-0.5", new="-0.7", note="recomputed")
        note(signal, Action.FILLED, field="mae", tier="2", old="-0.5", new="-0.7")
        assert kinds() == [Kind.FILLED, Kind.FILLED]

    def test_a_gap_is_told_when_it_opens_and_when_a_late_event_closes_it(self) -> None:
        begun()
        send([(created(htf_alignment=None), at(1))])
        cycle()
        opened = only(Kind.GAP_OPENED)
        assert (opened.data["gap"], opened.data["provenance"]) == ("no_htf_alignment", None)
        send([(created(), at(1))])
        cycle(31)
        closed = only(Kind.GAP_CLOSED)
        assert (closed.data["gap"], closed.data["how"]) == ("no_htf_alignment", "heard")
        assert closed.data["opened_at"] == iso(opened.at)

    def test_a_gap_that_a_tier_fills_closes_once_however_many_values_it_took(self) -> None:
        begun()
        send([(created(), at(1))])
        signal, now = the_signal(), timezone.now()
        GapRecord.objects.create(
            signal=signal, gap="no_targets", state="filled", opened_at=at(5), closed_at=now, tier="2"
        )
        journal = Journal(now)
        for name in ("targets", "targets_extended"):
            journal.note(signal, Action.FILLED, field=name, gap="no_targets", tier="2", confidence=1)
        journal.write()
        closed = only(Kind.GAP_CLOSED)
        assert (closed.data["how"], closed.tier) == ("filled", "2")

    def test_a_dismissed_gap_is_closed(self) -> None:
        begun()
        send([(created(htf_alignment=None), at(1))])
        cycle()
        dismiss_gap(the_signal(), "no_htf_alignment", actor="mia", reason="never sent")
        assert only(Kind.GAP_CLOSED).data["how"] == "dismissed"

    def test_what_people_change_besides_is_no_news(self) -> None:
        begun()
        SyncAuditLog.objects.create(at=timezone.now(), action=Action.ADMINISTERED, actor="mia")
        assert kinds() == []


class TestReading:
    def test_reading_again_tells_nothing(self) -> None:
        begun()
        send([(created(htf_alignment=None), at(1)), (entry(), at(3))])
        cycle()
        before = [event.key for event in told()]
        assert [event.key for event in told()] == before
        assert stream.read_on(timezone.now()) == 0

    def test_a_row_that_is_committed_late_below_the_mark_is_told(self) -> None:
        begun()
        send([(created(), at(1))])
        signal, top = the_signal(), SyncAuditLog.objects.count()
        high = {"at": timezone.now(), "signal": signal, "action": Action.FILLED, "tier": "3", "new": 1}
        SyncAuditLog.objects.create(pk=top + 1003, field="session", **high)
        assert len(told(Kind.FILLED)) == 1
        SyncAuditLog.objects.create(pk=top + 1002, field="direction", **high)
        SyncAuditLog.objects.create(pk=top + 1001, field="signal_time", **high)
        assert [event.data["field"] for event in told(Kind.FILLED)] == ["session", "signal_time", "direction"]
        assert StreamMark.objects.get(pk="audit").upto == top + 1003

    def test_more_than_one_transaction_holds_is_read_in_several(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stream, "AT_ONCE", 2)
        begun()
        send([(created(f"20251211_09{n}000000_BULLISH"), at(1 + 10 * n)) for n in range(5)])
        for row in AutomatedSignal.objects.order_by("pk"):
            note(row, Action.FILLED, field="session", tier="3", new="NY AM")
        assert len(told(Kind.FILLED)) == 5

    def test_the_same_event_has_the_same_id_and_body_for_ever(self) -> None:
        begun()
        send([(created(), at(1)), (entry(), at(3))])
        (event,) = told()
        body = body_of(event)
        send([(exit_stop(), at(9))])
        step.tell(timezone.now())
        assert body_of(StreamEvent.objects.get(key=event.key)) == body
        assert (body["type"], body["timestamp"]) == ("signal.confirmed", "2025-12-11T14:43:00Z")
        assert body["data"]["sequence"] == event.pk

    def test_what_cannot_be_told_keeps_nothing_else_from_being_told_and_is_said(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: Any) -> None:
            raise ValueError("odd")

        begun()
        send([(created(htf_alignment=None), at(1)), (entry(), at(3))])
        cycle()
        monkeypatch.setattr(stream, "step", broken)
        assert Kind.GAP_OPENED in kinds()
        assert Kind.CONFIRMED not in kinds()
        said = outbound(timezone.now())
        assert not said.ok
        assert "could not be told: ValueError: odd" in said.says

    def test_it_goes_on_for_those_who_ask_while_nobody_is_posted_to(self) -> None:
        step.task()
        send([(created(), at(1)), (entry(), at(3))])
        step.task()
        assert [event.type for event in StreamEvent.objects.all()] == [Kind.CONFIRMED]
        assert not Outgoing.objects.exists()

    def test_when_the_last_endpoint_is_removed_it_goes_on_and_what_is_old_goes(self, settings: Any) -> None:
        begun()
        send([(created(), at(1)), (entry(), at(3))])
        told()
        endpoints.remove(Endpoint.objects.get())
        long_ago = timezone.now() - timedelta(days=settings.OUTBOUND_RETENTION_DAYS + 1)
        StreamEvent.objects.update(told_at=long_ago)
        send([(exit_stop(), at(9))])
        step.task()
        assert [event.type for event in StreamEvent.objects.all()] == [Kind.COMPLETED]

    def test_who_is_told_is_put_into_the_outbox_once(self) -> None:
        begun()
        endpoint(name="sheet", types=["signal.completed"])
        endpoint(name="off", enabled=False)
        send([(created(), at(1)), (entry(), at(3))])
        told()
        StreamMark.objects.filter(pk="events").update(upto=0)  # as if it had not been noted how far was read
        told()
        (message,) = Outgoing.objects.all()
        assert message.key == StreamEvent.objects.get().key

    def test_the_cost_of_a_look_without_news_is_fixed(self) -> None:
        begun()
        send([(created(), at(1)), (entry(), at(3))])
        cycle()
        told()
        with CaptureQueriesContext(connection) as captured:
            stream.read_on(timezone.now())
        assert len(captured) <= 10

    def test_what_is_old_is_forgotten_and_not_told_again(self, settings: Any) -> None:
        begun()
        send([(created(), at(1)), (entry(), at(3))])
        told()
        step.forget(timezone.now() + timedelta(days=settings.OUTBOUND_RETENTION_DAYS + 1))
        assert not StreamEvent.objects.exists()
        send([(update(0.5), at(4))])
        assert kinds() == []
