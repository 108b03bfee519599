"""Sending by Apprise to a server of our own: what is said of a failure, without secrets; what hangs, fails, is slow."""

import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.models import Outgoing
from dashboard.notifying import sending
from dashboard.notifying.sending import AddressError, Overheard, notify, service_of, try_out, without_secrets
from dashboard.outbox import Sender, deliver_due, delivering, put
from dashboard.outbox.sealing import seal

from .cases import Listener, destination

NOW = datetime(2025, 12, 12, 15, 0, tzinfo=UTC)
TOLD = {"told": "first", "severity": "bad", "title": "The worker stopped.", "body": "To do: restart it.", "link": "/"}
State = Outgoing.State


def sends(to: Any, n: int = 1) -> None:
    for each in range(n):
        put("notification", to.key, TOLD | {"n": each}, now=NOW)


class TestNotify:
    def test_title_and_body_arrive_with_the_severity(self, listener: Listener) -> None:
        notify(listener.url("room"), "a title", "a body", "bad")
        notify(listener.url("room"), "a title", "a body", "bad", good=True)
        assert [(body["title"], body["message"], body["type"]) for body in listener.bodies] == [
            ("a title", "a body", "failure"),
            ("a title", "a body", "success"),
        ]

    def test_what_apprise_says_of_a_failure_is_told(self, listener: Listener) -> None:
        listener.answer = 403
        with pytest.raises(OSError, match="403"):
            notify(listener.url("secret-room"), "t", "b", "info")

    def test_nobody_there_is_told_in_its_words(self) -> None:
        with pytest.raises(OSError, match="Connection error"):
            notify("json://127.0.0.1:9/", "t", "b", "info")

    def test_no_part_of_the_address_is_in_what_is_told(self) -> None:
        url = "json://user:p4ssword@chat.example.org/TOKENTOKEN?x=y"
        told = without_secrets("POST /TOKENTOKEN to chat.example.org as user:p4ssword failed", url)
        assert told == "POST /… to … as user:… failed"

    def test_an_address_that_apprise_does_not_know_is_refused_without_repeating_it(self) -> None:
        with pytest.raises(AddressError, match="of nonsense://") as refused:
            service_of("nonsense://token-token")
        assert "token-token" not in str(refused.value)
        with pytest.raises(AddressError):
            service_of("just some words")

    def test_what_apprise_logs_is_in_no_log_of_ours(self) -> None:
        heard: list[logging.LogRecord] = []
        ours = logging.Handler()
        ours.emit = heard.append  # type: ignore[method-assign]
        logging.getLogger().addHandler(ours)
        try:
            with pytest.raises(AddressError):
                service_of("nonsense://token-token")
        finally:
            logging.getLogger().removeHandler(ours)
        assert heard == []

    def test_services_have_names(self) -> None:
        assert service_of("discord://123456789012345678/abcdefghijklmnopqrstuvwxyz") == "Discord"

    def test_it_listens_to_its_own_thread_only(self) -> None:
        with Overheard() as heard:
            other = threading.Thread(target=lambda: logging.getLogger("apprise").warning("of another"))
            other.start()
            other.join()
            logging.getLogger("apprise").warning("of this one")
        assert heard.said == ["of this one"]


@pytest.mark.django_db
class TestDelivering:
    @pytest.fixture(autouse=True)
    def _no_thread_is_left(self) -> Any:
        yield
        for thread in list(delivering._abandoned.values()):
            thread.join(5)
        delivering._abandoned.clear()

    def test_messages_arrive(self, listener: Listener) -> None:
        sends(destination(url=listener.url("room")), 2)
        assert deliver_due(NOW).sent == 2
        assert listener.paths == ["/room", "/room"]

    def test_a_server_that_fails_is_tried_again_and_says_why(self, listener: Listener) -> None:
        listener.answer = 500
        sends(destination(url=listener.url()))
        assert deliver_due(NOW).failed == 1
        assert "500" in Outgoing.objects.get().last_error
        listener.answer = 200
        assert deliver_due(NOW + timedelta(minutes=1)).sent == 1

    def test_a_server_that_hangs_keeps_nobody_else_waiting(
        self, listener: Listener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gate = threading.Event()
        listener.before = lambda: gate.wait(5) if listener.paths[-1] == "/hangs" else None
        sends(destination("hangs", listener.url("hangs")))
        sends(destination("works", listener.url("works")))
        quick = {"notification": Sender(sending.prepare, within=0.3)}
        done = deliver_due(NOW, by=quick)
        gate.set()
        assert (done.sent, done.failed) == (1, 1)
        assert Outgoing.objects.get(state=State.WAITING).last_error == "It was not taken within 0.3 seconds."

    @pytest.mark.parametrize(
        ("spoilt", "says"),
        [
            ({"enabled": False}, "switched off"),
            ({"sealed": "sealed by another key"}, "enter it again"),
            ({"sealed": "nonsense"}, "does not understand"),
        ],
    )
    def test_what_can_never_be_sent_is_given_up_at_once(self, spoilt: dict[str, Any], says: str) -> None:
        if spoilt.get("sealed") == "nonsense":
            spoilt = {"sealed": seal("nonsense://x")}
        to = destination()
        sends(to)
        type(to).objects.update(**spoilt)
        assert deliver_due(NOW).given_up == 1
        assert says in Outgoing.objects.get().last_error

    def test_the_messages_of_a_destination_that_is_gone_are_given_up(self) -> None:
        to = destination()
        sends(to)
        to.delete()
        deliver_due(NOW)
        assert Outgoing.objects.get().last_error == "The destination was removed."


@pytest.mark.django_db
class TestTrying:
    def test_a_test_says_that_it_was_taken(self, listener: Listener) -> None:
        to = destination(url=listener.url())
        assert try_out(to, NOW, "mia") == ""
        to.refresh_from_db()
        assert (to.tested_at, to.test_error) == (NOW, "")
        assert "sent by mia" in listener.bodies[0]["message"]

    def test_or_why_it_was_not(self, listener: Listener) -> None:
        listener.answer = 404
        to = destination(url=listener.url())
        assert "404" in try_out(to, NOW, "mia")
        to.refresh_from_db()
        assert "404" in to.test_error

    def test_one_that_hangs_ends(self, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
        gate = threading.Event()
        listener.before = lambda: gate.wait(5)
        monkeypatch.setattr(sending, "WITHIN", 0.2)
        says = try_out(destination(url=listener.url()), NOW, "mia")
        gate.set()
        assert says == "It did not end within 0.2 seconds."
