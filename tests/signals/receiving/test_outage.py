"""While the database is away: who is believed, who is refused without it, and how much disk strangers get."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError
from django.utils import timezone

from signals.models import Delivery, Source
from signals.receiving import outage, webhook
from signals.receiving.draining import drain_spool
from signals.receiving.outage import breaker, is_known, known_senders, remember_senders, senders_file, strangers
from signals.receiving.senders import hash_token, new_token
from signals.receiving.spool import Spool
from signals.receiving.webhook import spool
from tests.posting import CREATED, FIRED, first_spooled, open_source, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def source() -> Source:
    """A source that needs a token, also from this machine."""
    return Source.objects.create(name="chart", is_default=True)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Undoing it brings the database back."""

    def fail(*args: Any, **options: Any) -> Any:
        raise OperationalError("connection refused")

    monkeypatch.setattr(webhook, "find_source", fail)
    return monkeypatch


def waiting(journal: Spool) -> int:
    """Records in a spool."""
    active = journal.directory / "active.journal"
    return active.read_bytes().count(b'"received_at"') if active.exists() else 0


def test_a_token_that_was_known_is_spooled_with_all_others(source: Source, away: Any) -> None:
    token = new_token(source)
    remember_senders()
    assert post(token=token).json()["spooled"]
    assert (waiting(spool()), waiting(strangers())) == (1, 0)


def test_a_token_in_a_message_is_known_by_its_sources_name_for_it(source: Source, away: Any) -> None:
    source.token_field = "key"
    source.save()
    token = new_token(source)
    remember_senders()
    breaker.failed()
    answers = [post(CREATED[:-1] + f',"{name}":"{token}"}}'.encode()).json() for name in ("key", "token")]
    assert [answer.get("spooled") for answer in answers] == [True, None]
    assert waiting(spool()) == 1
    assert (kept := first_spooled()) is not None
    assert b'"key":"***"' in kept.body


def test_a_token_that_was_heard_once_is_known_from_then_on(source: Source) -> None:
    remember_senders()
    token = new_token(source)
    assert post(token=token).json()["events"] == 1
    assert is_known(record(hash_token(token)), known_senders())


def test_a_disk_that_cannot_remember_a_sender_refuses_nothing(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(outage, "remember_senders", fail)
    assert post(token=new_token(source)).json()["events"] == 1


def test_an_unknown_token_goes_to_the_strangers_share_and_is_stored_if_it_was_new(source: Source, away: Any) -> None:
    remember_senders()
    token = new_token(source)
    assert post(token=token).json()["spooled"]
    assert (waiting(spool()), waiting(strangers())) == (0, 1)
    away.undo()
    drain_spool(timezone.now())
    assert Delivery.objects.get().source == source


def test_what_strangers_sent_leaves_nothing(source: Source, away: Any) -> None:
    remember_senders()
    post(token="a-guess")
    away.undo()
    drain_spool(timezone.now())
    assert not Delivery.objects.exists()
    assert (waiting(strangers()), strangers().rejected(), spool().rejected()) == (0, [], [])


def test_strangers_fill_their_share_and_nobody_elses(source: Source, away: Any, settings: Any) -> None:
    token = new_token(source)
    remember_senders()
    away.setattr(outage, "STRANGERS_BYTES", 2000)
    settings.BAD_TOKEN_RATE = "1000/min"
    answers = [post(token=f"guess-{n}").status_code for n in range(6)]
    assert answers[0] == 200
    assert answers[-1] == 503
    assert post(token=token).status_code == 200


def test_strangers_are_throttled_while_nobody_can_look_them_up(source: Source, away: Any, settings: Any) -> None:
    remember_senders()
    settings.BAD_TOKEN_RATE = "2/min"
    assert [post(token=f"guess-{n}").status_code for n in range(4)] == [200, 200, 429, 429]


def test_without_a_token_and_from_elsewhere_nothing_is_spooled(away: Any) -> None:
    open_source()
    assert post(REMOTE_ADDR="203.0.113.7").status_code == 401
    assert (waiting(spool()), waiting(strangers())) == (0, 0)


@pytest.mark.parametrize(("opened", "status"), [(True, 200), (False, 401)])
def test_this_machine_is_refused_where_no_source_is_open_to_it(opened: bool, status: int, away: Any) -> None:
    Source.objects.create(name="chart", is_default=True, open_on_loopback=opened)
    remember_senders()
    assert post().status_code == status


def test_a_token_that_had_expired_is_a_strangers(source: Source, away: Any) -> None:
    token = new_token(source, expires_at=FIRED)
    remember_senders()
    with time_machine.travel(FIRED + timedelta(seconds=1), tick=False):
        post(token=token)
    assert (waiting(spool()), waiting(strangers())) == (0, 1)


def test_only_hashes_are_remembered_and_only_for_us(source: Source) -> None:
    token = new_token(source)
    remember_senders()
    assert hash_token(token) in senders_file().read_text()
    assert token not in senders_file().read_text()
    assert senders_file().stat().st_mode & 0o777 == 0o600


def test_what_is_put_aside_counts_against_the_limit() -> None:
    small = Spool(spool().directory, max_bytes=3 * 4096)

    def refuse(record: Any) -> None:
        raise ValueError("nobody's")

    kept = 0
    for _ in range(5):
        error = outage.append_to(small, [record()])
        if error is not None:
            assert "has reached its limit" in str(error)
            break
        kept += 1
        small.drain(refuse)
    assert kept == len(small.rejected()) < 4


def record(token_hash: str = "") -> Any:
    from signals.receiving.spooled import Spooled

    return Spooled(FIRED, token_hash, "127.0.0.1", CREATED, "", loopback=not token_hash)


# -- the circuit breaker


def test_after_a_failure_the_database_is_asked_again_only_after_a_pause(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = [100.0]
    monkeypatch.setattr(outage, "monotonic", lambda: moments[0])
    breaker.failed()
    assert not breaker.allows()
    moments[0] += outage.PAUSE
    assert [breaker.allows(), breaker.allows()] == [True, False]  # one tries, the others do not wait for it
    breaker.worked()
    assert breaker.allows()


def test_while_it_pauses_alerts_are_spooled_without_asking(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    token = new_token(source)
    remember_senders()
    breaker.failed()
    monkeypatch.setattr(webhook, "find_source", lambda *args, **options: pytest.fail("the database was asked"))
    assert post(token=token).json()["spooled"]


# -- many at once


def test_many_that_wait_are_taken_in_together_and_the_bad_one_alone_is_put_aside(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    from signals import intake
    from signals.receiving import draining
    from signals.receiving.spooled import Spooled

    sizes: list[int] = []

    def take_in(source: Source, incoming: Any, **options: Any) -> Any:
        sizes.append(len(incoming))
        return intake.take_in(source, incoming, **options)

    monkeypatch.setattr(draining, "take_in", take_in)
    key = hash_token(new_token(source))
    for minute in range(20):
        at = FIRED + timedelta(minutes=minute)
        spool().append(Spooled(at, key if minute != 7 else "nobody", "", CREATED, "", loopback=False))
    drained = drain_spool(timezone.now())
    assert (drained.count, drained.failed) == (19, 1)
    assert Delivery.objects.count() == 19
    spool().append_all(
        [Spooled(FIRED + timedelta(hours=n), key, "", CREATED, "", loopback=False) for n in range(1, 31)]
    )
    sizes.clear()
    assert drain_spool(timezone.now()).count == 30
    assert sizes == [30]
