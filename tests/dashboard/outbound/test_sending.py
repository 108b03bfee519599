"""Posting events: signed so that the standard's library verifies it, tried again, noted. The receiver is a server."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from dashboard.models import Attempt, Endpoint, Outgoing, StreamEvent
from dashboard.outbound import endpoints, replaying, sending, step
from dashboard.outbound.kinds import Kind
from tests.builders import at, created, entry, exit_stop, send
from tests.server import Server, serving

from .build import endpoint as made

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def server(settings: Any) -> Iterator[Server]:
    settings.OUTBOUND_NETWORKS = ["127.0.0.1"]
    with serving() as server:
        yield server


@pytest.fixture
def bot(server: Server) -> Endpoint:
    """An endpoint at the server, when the stream has begun."""
    bot = made(server.url)
    step.tell(timezone.now())
    return bot


def confirmed() -> StreamEvent:
    """A signal is confirmed, and that is told."""
    send([(created(), at(1)), (entry(), at(3))])
    step.tell(timezone.now())
    return StreamEvent.objects.get(type=Kind.CONFIRMED)


def deliver(later: timedelta = timedelta(0)) -> None:
    step.deliver(timezone.now() + later)


def secrets(bot: Endpoint, now: datetime | None = None) -> list[str]:
    bot.refresh_from_db()
    return list(endpoints.secrets_of(bot, now or timezone.now()))


class TestAnEvent:
    def test_it_is_verified_by_the_standards_library(self, server: Server, bot: Endpoint) -> None:
        event = confirmed()
        deliver()
        ((headers, body),) = server.received
        message = Webhook(secrets(bot)[0]).verify(body, headers)
        assert (message["type"], message["data"]["signal"]["status"]) == ("signal.confirmed", "CONFIRMED")
        assert headers["webhook-id"] == event.key

    def test_anothers_secret_does_not_verify_it(self, server: Server, bot: Endpoint) -> None:
        confirmed()
        deliver()
        ((headers, body),) = server.received
        with pytest.raises(WebhookVerificationError):
            Webhook(endpoints.new_secret()).verify(body, headers)

    def test_while_a_secret_is_rotated_both_verify_and_then_the_new_one_alone(
        self, server: Server, bot: Endpoint
    ) -> None:
        (old,) = secrets(bot)
        new = endpoints.rotate(bot, overlap=DAY, now=timezone.now())
        confirmed()
        deliver()
        ((headers, body),) = server.received
        assert Webhook(old).verify(body, headers) == Webhook(new).verify(body, headers)
        assert secrets(bot, timezone.now() + DAY) == [new]
        assert endpoints.rotate(bot, overlap=timedelta(0), now=timezone.now()) == secrets(bot)[0]
        assert len(secrets(bot)) == 1

    def test_the_secret_is_kept_sealed(self, bot: Endpoint) -> None:
        (secret,) = secrets(bot)
        assert secret.startswith("whsec_")
        assert secret not in bot.secret

    def test_what_came_back_is_noted(self, server: Server, bot: Endpoint) -> None:
        server.body = b"thanks"
        event = confirmed()
        deliver()
        attempt = Attempt.objects.get()
        assert (attempt.status, attempt.body, attempt.number, attempt.event) == (202, "thanks", 1, event)
        bot.refresh_from_db()
        assert (bot.last_success_at, bot.failing_since) == (attempt.at, None)


class TestTrouble:
    def test_what_failed_comes_again_later_with_the_same_id_and_body(self, server: Server, bot: Endpoint) -> None:
        server.status, server.body = 500, b"no\0t now"
        confirmed()
        deliver()
        deliver()
        assert len(server.received) == 1
        server.status = 200
        deliver(HOUR)
        (first, second) = server.received
        assert (first[0]["webhook-id"], first[1]) == (second[0]["webhook-id"], second[1])
        assert [(each.status, each.number) for each in Attempt.objects.order_by("pk")] == [(500, 1), (200, 2)]
        assert Outgoing.objects.get().state == "sent"

    def test_a_failing_endpoint_is_told_and_switched_off_after_days(self, server: Server, bot: Endpoint) -> None:
        server.status = 500
        confirmed()
        deliver()
        bot.refresh_from_db()
        assert bot.last_error == "answered with status 500"
        Endpoint.objects.update(failing_since=timezone.now() - endpoints.FAILS_FOR + HOUR)
        deliver(HOUR)
        bot.refresh_from_db()
        assert bot.enabled
        Endpoint.objects.update(failing_since=timezone.now() - endpoints.FAILS_FOR)
        deliver(2 * HOUR)
        bot.refresh_from_db()
        assert (bot.enabled, bot.off_because) == (False, "Nothing was taken for 5 days.")

    def test_gone_is_gone(self, server: Server, bot: Endpoint) -> None:
        server.status = 410
        confirmed()
        deliver()
        bot.refresh_from_db()
        assert not bot.enabled
        assert "410" in bot.off_because
        assert Outgoing.objects.get().state == "dead"
        deliver(DAY)
        assert len(server.received) == 1

    def test_a_redirect_is_not_followed(self, server: Server, bot: Endpoint) -> None:
        server.status, server.headers = 307, {"Location": server.url}
        confirmed()
        deliver()
        assert len(server.received) == 1
        assert "enter the address that it leads to" in Outgoing.objects.get().last_error

    def test_who_does_not_answer_is_given_up_on(
        self, server: Server, bot: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending, "DEADLINE", 0.3)
        server.silent = True
        confirmed()
        deliver()
        assert Attempt.objects.get().error == "did not answer in time"
        assert Outgoing.objects.get().state == "waiting"

    def test_nothing_is_posted_to_a_private_address_that_is_not_named(
        self, server: Server, bot: Endpoint, settings: Any
    ) -> None:
        settings.OUTBOUND_NETWORKS = []
        confirmed()
        deliver()
        assert server.received == []
        assert "OUTBOUND_NETWORKS" in Attempt.objects.get().error

    def test_one_that_hangs_keeps_no_other_waiting(
        self, server: Server, bot: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending, "DEADLINE", 0.3)
        with serving() as other:
            other.silent = True
            made(other.url, name="hangs")
            confirmed()
            deliver()
            assert (len(server.received), len(other.received)) == (1, 1)

    def test_one_whose_secret_nobody_can_open_any_more_says_so(
        self, server: Server, bot: Endpoint, settings: Any
    ) -> None:
        confirmed()
        settings.SECRET_KEY = "another one"
        deliver()
        bot.refresh_from_db()
        assert (server.received, bot.failing_since is None) == ([], False)
        assert "SECRET_KEY was changed" in bot.last_error

    def test_what_waits_for_one_that_is_switched_off_is_dropped_and_for_no_other(
        self, server: Server, bot: Endpoint
    ) -> None:
        other = made("https://other.example/", name="other")
        confirmed()
        endpoints.switch(bot, on=False)
        assert [message.destination for message in Outgoing.objects.all()] == [f"endpoint {other.pk}"]

    def test_what_is_on_its_way_when_it_is_switched_off_is_given_up(self, server: Server, bot: Endpoint) -> None:
        confirmed()
        Endpoint.objects.update(enabled=False)
        deliver()
        assert server.received == []
        assert Outgoing.objects.get().state == "dead"

    def test_one_that_was_removed_gets_nothing(self, server: Server, bot: Endpoint) -> None:
        confirmed()
        bot.delete()
        deliver()
        assert (server.received, Outgoing.objects.get().state) == ([], "dead")


class TestAgain:
    def test_a_replay_sends_what_was_told_since_under_the_ids_that_it_had(self, server: Server, bot: Endpoint) -> None:
        confirmed()
        deliver()
        moment = timezone.now()
        send([(exit_stop(), at(9))])
        step.tell(timezone.now())
        deliver()
        assert replaying.counted(bot, moment) == {Kind.COMPLETED: 1}
        assert replaying.replay(bot, moment - HOUR, timezone.now()) == 2
        deliver(HOUR)
        ids = [headers["webhook-id"] for headers, _ in server.received]
        assert ids[:2] == ids[2:]
        assert Attempt.objects.filter(again=True).count() == 2

    def test_a_replay_goes_by_what_the_endpoint_asks_for(self, bot: Endpoint) -> None:
        moment = timezone.now()
        confirmed()
        Endpoint.objects.update(types=[Kind.COMPLETED])
        bot.refresh_from_db()
        assert replaying.replay(bot, moment, timezone.now()) == 0

    def test_more_than_one_replay_sends_is_refused(self, bot: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(replaying, "MOST", 0)
        moment = timezone.now()
        confirmed()
        with pytest.raises(replaying.TooManyError):
            replaying.replay(bot, moment, timezone.now())

    def test_a_test_reaches_an_endpoint_that_is_off_and_nobody_else(self, server: Server, bot: Endpoint) -> None:
        endpoints.switch(bot, on=False)
        made("https://other.example/", name="other")
        replaying.test(bot, timezone.now())
        deliver()
        ((headers, body),) = server.received
        assert Webhook(secrets(bot)[0]).verify(body, headers)["type"] == "test"
        assert Outgoing.objects.count() == 1


def test_the_workers_turn_tells_and_posts(server: Server) -> None:
    made(server.url)
    step.task()
    send([(created(), at(1)), (entry(), at(3))])
    assert "1 sent" in step.task()
    assert len(server.received) == 1
