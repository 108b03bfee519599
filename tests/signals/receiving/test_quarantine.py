"""What operators do about deliveries that could not be read; the original stays whatever they do."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.forms import model_to_dict

from signals.facts import UnreadableError
from signals.intake import Outcome, take_in
from signals.models import AutomatedSignal, Delivery, DeliveryBody, Quarantine, SignalEvent
from signals.parcels import Incoming
from signals.receiving.quarantine import NotOpenError, dismiss, preview, replay, suggestion
from signals.receiving.senders import default_source
from signals.vocabulary import Channel, DeliveryStatus
from tests.builders import everything
from tests.posting import CREATED, FIRED, TRADE, at_once, open_source, post, rows_with

pytestmark = pytest.mark.django_db
CUT = CREATED[:-40]
MENDED = CREATED.decode()
LATER = FIRED + timedelta(hours=2)


@pytest.fixture
def operator() -> User:
    return User.objects.create(username="operator")


def quarantined(body: bytes = CUT, seconds: int = 4) -> Quarantine:
    open_source()
    with time_machine.travel(FIRED + timedelta(seconds=seconds), tick=False):
        assert post(body).status_code == 202
    return Quarantine.objects.get()


def row(delivery: Delivery) -> dict[str, Any]:
    stored = Delivery.objects.get(pk=delivery.pk)
    return model_to_dict(stored) | {"raw": stored.raw, "pk": stored.pk}


# -- preview


def test_a_preview_says_what_a_replay_would_do_and_stores_nothing() -> None:
    case = quarantined()
    shown = preview(case, MENDED)
    assert shown.reading is not None
    assert [(event.type, event.trade_id) for event in shown.reading.events] == [("SIGNAL_CREATED", TRADE)]
    assert (shown.known, shown.problem) == (frozenset(), "")
    assert Delivery.objects.count() == 1
    assert not AutomatedSignal.objects.exists()


def test_a_preview_names_the_signals_that_exist_already() -> None:
    case = quarantined()
    post()
    assert preview(case, MENDED).known == {TRADE}


def test_a_preview_of_a_text_that_is_still_broken_says_why() -> None:
    shown = preview(quarantined(), CUT.decode())
    assert shown.reading is None
    assert "cut off" in shown.problem


@pytest.mark.parametrize(
    ("body", "start"),
    [
        (b'{"event_type":"ENTRY","entry_price":12"x,}', '{"event_type": "ENTRY", "entry_price": 12}'),
        (b"\xff is no text", "\ufffd is no text"),
        (b"", ""),
    ],
)
def test_mending_starts_from_the_proposal_else_from_the_body(body: bytes, start: str) -> None:
    assert suggestion(quarantined(body)) == start


# -- replay


@pytest.mark.usefixtures("unguarded")
def test_a_replay_gives_the_signal_that_the_whole_message_would_have_given(operator: User) -> None:
    replay(quarantined(), MENDED, by=operator, now=LATER)
    replayed = everything()
    SignalEvent.objects.all().delete()
    AutomatedSignal.objects.all().delete()
    with time_machine.travel(FIRED + timedelta(seconds=4), tick=False):
        assert post().json()["status"] == "accepted"
    assert replayed == everything()


def test_a_replay_is_a_delivery_of_its_own_and_the_original_stays(operator: User) -> None:
    case = quarantined()
    before = row(case.delivery)
    outcome = replay(case, MENDED, by=operator, now=LATER)
    made = Delivery.objects.get(pk=outcome.delivery_id)
    assert (outcome.status, outcome.events) == (DeliveryStatus.ACCEPTED, 1)
    assert (made.channel, made.replay_of, made.raw) == (Channel.REPLAY, case.delivery, CREATED)
    assert (made.received_at, made.fired_at, made.fire_minute) == (LATER, FIRED + timedelta(seconds=4), FIRED)
    assert row(case.delivery) == before
    case.refresh_from_db()
    assert (case.state, case.replay, case.decided_by, case.decided_at) == ("replayed", made, operator, LATER)


def test_the_same_text_can_be_replayed_though_it_also_arrived_whole(operator: User) -> None:
    case = quarantined()
    with time_machine.travel(FIRED, tick=False):
        post()
    before = everything()
    assert replay(case, MENDED, by=operator, now=LATER).status == DeliveryStatus.ACCEPTED
    after = everything()
    assert (before[TRADE].pop("event_count"), after[TRADE].pop("event_count")) == (1, 2)
    assert after == before


def test_a_text_that_is_still_broken_is_not_replayed(operator: User) -> None:
    case = quarantined()
    with pytest.raises(UnreadableError, match="cut off"):
        replay(case, CUT.decode(), by=operator, now=LATER)
    case.refresh_from_db()
    assert case.state == Quarantine.State.OPEN
    assert Delivery.objects.count() == 1


def test_a_proposal_that_changes_more_than_quotes_is_not_replayed_as_it_is(operator: User) -> None:
    case = quarantined()
    proposal = suggestion(case)
    assert "in more than quotes" in preview(case, proposal).problem
    with pytest.raises(UnreadableError, match="in more than quotes"):
        replay(case, proposal, by=operator, now=LATER)
    assert not AutomatedSignal.objects.exists()


@pytest.mark.usefixtures("unguarded")
def test_a_proposal_of_old_that_lost_one_of_two_alerts_is_not_replayed(operator: User) -> None:
    case = quarantined()
    one, two = MENDED, MENDED.replace("144000000", "144500000")
    DeliveryBody.objects.filter(pk=case.delivery_id).update(raw=f"{one}\n{two}".encode())
    Quarantine.objects.filter(pk=case.pk).update(proposal=two)
    case = Quarantine.objects.get()
    with pytest.raises(UnreadableError, match="in more than quotes"):
        replay(case, suggestion(case), by=operator, now=LATER)
    assert replay(case, f"{one}\n{two}", by=operator, now=LATER).events == 2


def test_a_proposal_that_is_proved_is_replayed_with_what_of_it_can_be_read(operator: User) -> None:
    good, bad = '{"trade_id":"A","be_mfe":1,"direction":"Bullish}', '{"trade_id":"B","be_mfe":"high"}'
    case = quarantined(f'{{"event_type":"MFE_UPDATE_BATCH","signals":[{good},{bad}]}}'.encode())
    assert "Mended, but" in case.delivery.reason
    assert preview(case, suggestion(case)).problem == ""
    assert replay(case, suggestion(case), by=operator, now=LATER).events == 1


def test_a_token_pasted_into_a_copy_is_not_kept(operator: User) -> None:
    replay(quarantined(), '{"token":"correct-horse",' + MENDED[1:], by=operator, now=LATER)
    assert AutomatedSignal.objects.exists()
    assert rows_with("correct-horse") == []


def test_a_log_row_without_a_time_must_be_corrected_in_the_log(operator: User) -> None:
    incoming = Incoming(body=CREATED, received_at=LATER, channel=Channel.LOG, problem="The row's time is none.")
    take_in(default_source(), [incoming], now=LATER)
    case = Quarantine.objects.get()
    advice = "The row's time is none. Correct it in the log, import the log again, and dismiss this row."
    assert preview(case, MENDED).problem == advice
    with pytest.raises(UnreadableError, match="import the log again"):
        replay(case, MENDED, by=operator, now=LATER)


# -- one decision


def test_dismissing_keeps_the_reason_and_the_original(operator: User) -> None:
    case = quarantined()
    before = row(case.delivery)
    dismiss(case, "a test message", by=operator, now=LATER)
    case.refresh_from_db()
    assert (case.state, case.note, case.decided_by, case.decided_at) == (
        "dismissed", "a test message", operator, LATER,
    )  # fmt: skip
    assert row(case.delivery) == before


@pytest.mark.parametrize("first", [partial(replay, text=MENDED), partial(dismiss, note="noise")])
@pytest.mark.parametrize("second", [partial(replay, text=MENDED), partial(dismiss, note="noise")])
def test_a_second_decision_is_refused(first: Any, second: Any, operator: User) -> None:
    case = quarantined()
    first(case, by=operator, now=LATER)
    deliveries = Delivery.objects.count()
    with pytest.raises(NotOpenError, match=r"It was already (replayed|dismissed)"):
        second(case, by=operator, now=LATER)
    assert Delivery.objects.count() == deliveries


@pytest.mark.django_db(transaction=True)
def test_of_operators_who_replay_at_once_one_succeeds(operator: User) -> None:
    case = quarantined()
    results = at_once([lambda: replay(case, MENDED, by=operator, now=LATER)] * 6)
    assert sorted(type(result).__name__ for result in results) == ["NotOpenError"] * 5 + ["Outcome"]
    (outcome,) = (result for result in results if isinstance(result, Outcome))
    assert Quarantine.objects.get().replay_id == outcome.delivery_id
    assert Delivery.objects.filter(replay_of=case.delivery).count() == 1
    assert SignalEvent.objects.count() == 1
