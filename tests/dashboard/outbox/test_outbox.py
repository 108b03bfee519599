"""The outbox: at least once, one claim at a time, and nobody waits for anybody else's trouble."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils.module_loading import import_string
from hypothesis import given
from hypothesis import strategies as st

from dashboard.models import Outgoing, Pace
from dashboard.outbox import RefusedError, Sender, deliver_due, delivering, forget, keeping, put, senders, try_again
from dashboard.outbox.pacing import next_pace
from dashboard.outbox.sealing import SealedError, seal, unseal
from reconciliation.cycle import schedule

NOW = datetime(2025, 12, 12, 15, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
State = Outgoing.State


class Recorder:
    """A sender that notes what it is to send; what `does` says happens then."""

    def __init__(self, does: Callable[[Any], None] = lambda payload: None, **limits: Any) -> None:
        self.taken: list[Any] = []
        self.does = does
        self.by = {"test": Sender(self.prepare, **limits)}

    def prepare(self, message: Outgoing) -> Callable[[], None]:
        payload = message.payload["n"]

        def send() -> None:
            self.does(payload)
            self.taken.append(payload)

        return send


def message(n: Any, to: str = "a", **more: Any) -> None:
    put("test", to, {"n": n}, now=more.pop("now", NOW), **more)


def raising(error: Exception, *, of: Any = None) -> Callable[[Any], None]:
    def does(payload: Any) -> None:
        if of is None or payload == of:
            raise error

    return does


@pytest.mark.django_db
class TestSending:
    def test_what_is_due_is_sent_once_in_order(self) -> None:
        for n in range(3):
            message(n)
        message("later", due=NOW + HOUR)
        recorder = Recorder()
        assert deliver_due(NOW, by=recorder.by).sent == 3
        assert deliver_due(NOW, by=recorder.by).sent == 0
        assert recorder.taken == [0, 1, 2]
        assert Outgoing.objects.filter(state=State.SENT, attempts=1, claimed_until=None).count() == 3

    def test_what_is_put_twice_under_a_key_is_sent_once_to_each_destination(self) -> None:
        for _ in range(2):
            message(1, key="k")
            message(2, to="b", key="k")
            message(3)
        assert Outgoing.objects.count() == 4

    def test_what_a_transaction_took_back_is_not_sent(self) -> None:
        with transaction.atomic():
            message(1)
            transaction.set_rollback(True)
        assert not Outgoing.objects.exists()

    def test_a_failure_is_tried_again_after_a_wait_that_grows_and_is_given_up_at_last(self) -> None:
        message(1)
        down = Recorder(raising(OSError("cannot be reached")), most_attempts=3)
        now, waits = NOW, []
        for _ in range(3):
            deliver_due(now, by=down.by)
            row = Outgoing.objects.get()
            waits.append((row.due_at - now) / SECOND)
            now = row.due_at + SECOND
        assert row.state == State.DEAD
        assert row.last_error == "cannot be reached"
        assert 22 <= waits[0] <= 39
        assert 45 <= waits[1] <= 76
        assert deliver_due(NOW + 24 * HOUR, by=down.by).failed == 0

    def test_what_is_refused_for_good_is_given_up_at_once_and_sent_when_a_person_says_so(self) -> None:
        message(1)
        deliver_due(NOW, by=Recorder(raising(RefusedError("no such room"))).by)
        assert Outgoing.objects.get().state == State.DEAD
        assert try_again(Outgoing.objects.all(), NOW) == 1
        recorder = Recorder()
        deliver_due(NOW, by=recorder.by)
        assert recorder.taken == [1]

    def test_a_poison_message_stops_no_other_of_its_destination(self) -> None:
        for n in range(3):
            message(n)
        recorder = Recorder(raising(ValueError("poison"), of=0))
        deliver_due(NOW, by=recorder.by)
        assert recorder.taken == [1, 2]

    def test_what_cannot_be_prepared_stops_no_other(self) -> None:
        message(0)
        put("test", "b", {}, now=NOW)  # without the number that the sender wants
        recorder = Recorder()
        done = deliver_due(NOW, by=recorder.by)
        assert (done.sent, done.failed) == (1, 1)

    def test_a_destination_that_is_down_rests_after_three_failures(self) -> None:
        for n in range(10):
            message(n)
        done = deliver_due(NOW, by=Recorder(raising(OSError("down"))).by)
        assert done.failed == 3

    def test_what_somebody_claimed_and_never_came_back_for_is_sent_again(self) -> None:
        message(1)
        assert keeping.claim(Outgoing.objects.get().pk, NOW, within=20)
        recorder = Recorder()
        deliver_due(NOW + 49 * SECOND, by=recorder.by)
        assert recorder.taken == []
        deliver_due(NOW + 51 * SECOND, by=recorder.by)
        assert recorder.taken == [1]

    def test_what_kills_each_that_sends_it_is_given_up(self) -> None:
        message(1)
        Outgoing.objects.update(attempts=10, state=State.SENDING, claimed_until=NOW - SECOND)
        recorder = Recorder()
        assert deliver_due(NOW, by=recorder.by).given_up == 1
        assert recorder.taken == []

    def test_a_claim_that_ran_out_settles_nothing(self) -> None:
        message(1)
        key = Outgoing.objects.get().pk
        first = keeping.claim(key, NOW, within=20)
        second = keeping.claim(key, NOW + MINUTE, within=20)
        assert first
        assert second
        assert not keeping.failed(first, "late", NOW + MINUTE, give_up=True)
        assert keeping.sent(second, NOW + MINUTE)

    def test_an_unknown_kind_waits_for_who_knows_it(self) -> None:
        put("other", "a", {}, now=NOW)
        message(1)
        recorder = Recorder()
        assert deliver_due(NOW, by=recorder.by).sent == 1
        assert Outgoing.objects.get(kind="other").attempts == 0

    def test_nothing_is_begun_after_the_deadline(self) -> None:
        message(1)
        assert deliver_due(NOW, deadline=0, by=Recorder().by).sent == 0
        assert Outgoing.objects.get().attempts == 0


@pytest.mark.django_db
class TestHanging:
    @pytest.fixture
    def gate(self) -> Iterator[threading.Event]:
        gate = threading.Event()
        yield gate
        gate.set()
        for thread in list(delivering._abandoned.values()):
            thread.join(5)
        delivering._abandoned.clear()

    def test_one_that_hangs_is_abandoned_and_delays_no_other_destination(self, gate: threading.Event) -> None:
        message("hangs", to="a")
        message("waits behind it", to="a")
        message("other", to="b")

        def does(payload: Any) -> None:
            if payload == "hangs":
                gate.wait(10)

        recorder = Recorder(does, within=0.05)
        done = deliver_due(NOW, by=recorder.by)
        assert recorder.taken == ["other"]
        assert (done.sent, done.failed) == (1, 1)
        assert "not taken within" in Outgoing.objects.get(payload__n="hangs").last_error

    def test_who_still_hangs_is_sent_nothing_more_until_it_ends(self, gate: threading.Event) -> None:
        message("hangs")
        deliver_due(NOW, by=Recorder(lambda payload: gate.wait(10) and None, within=0.05).by)
        message("next")
        recorder = Recorder()
        assert deliver_due(NOW, by=recorder.by).sent == 0
        gate.set()
        delivering._abandoned["a"].join(5)
        assert deliver_due(NOW, by=recorder.by).sent == 1


@pytest.mark.django_db
class TestPace:
    def test_a_destination_gets_so_many_a_minute_and_the_rest_later(self) -> None:
        for n in range(5):
            message(n)
            message(n, to="b")
        recorder = Recorder(per_minute=3)
        assert deliver_due(NOW, by=recorder.by).sent == 6
        assert deliver_due(NOW + 21 * SECOND, by=recorder.by).sent == 2
        assert deliver_due(NOW + 3 * MINUTE, by=recorder.by).sent == 2
        assert Pace.objects.count() == 2

    @given(st.lists(st.integers(0, 90_000), min_size=1, max_size=60), st.integers(1, 20))
    def test_in_no_minute_more_than_twice_and_in_the_long_run_once(self, after: list[int], per_minute: int) -> None:
        full_at, granted = NOW, []
        for moment in sorted(NOW + timedelta(milliseconds=ms) for ms in after):
            full_at, may = next_pace(full_at, moment, per_minute=per_minute)
            granted += [moment] if may else []
        assert granted
        lasted = (granted[-1] - granted[0]) / MINUTE
        assert len(granted) <= per_minute * (lasted + 1) + 1e-6


@pytest.mark.django_db(transaction=True)
def test_however_many_send_at_once_each_message_is_sent_once() -> None:
    for n in range(24):
        message(n, to=f"to {n % 3}")
    recorder, barrier = Recorder(per_minute=1000), threading.Barrier(4)

    def drain() -> None:
        try:
            barrier.wait(5)
            deliver_due(NOW, by=recorder.by)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=drain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(recorder.taken) == list(range(24))
    assert Outgoing.objects.filter(state=State.SENT, attempts=1).count() == 24


@pytest.mark.django_db
def test_what_ended_long_ago_is_forgotten_and_nothing_that_is_still_to_be_sent(settings: Any) -> None:
    settings.RUN_RETENTION_DAYS = 30
    for n in range(3):
        message(n)
    first, second, third = Outgoing.objects.order_by("pk")
    Outgoing.objects.filter(pk=first.pk).update(state=State.SENT, ended_at=NOW - timedelta(days=31))
    Outgoing.objects.filter(pk=second.pk).update(state=State.DEAD, ended_at=NOW - timedelta(days=29))
    Outgoing.objects.filter(pk=third.pk).update(created_at=NOW - timedelta(days=99))
    assert forget(NOW) == 1
    settings.RUN_RETENTION_DAYS = 0
    assert forget(NOW + timedelta(days=999)) == 0


def test_secrets_are_sealed_under_the_secret_key(settings: Any) -> None:
    sealed = seal("json://example.org/token")
    assert "token" not in sealed
    assert unseal(sealed) == "json://example.org/token"
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another " * 8
    with pytest.raises(SealedError, match="enter it again"):
        unseal(sealed)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert unseal(sealed) == "json://example.org/token"


def test_every_sender_and_the_step_of_the_worker_are_there() -> None:
    assert all(isinstance(sender, Sender) for sender in senders().values())
    assert callable(import_string(schedule.SENDING_TASK))
