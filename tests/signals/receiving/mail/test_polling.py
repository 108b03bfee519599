"""A mailbox is read to its end, each message once, and never changed; what is broken is told by its part."""

from datetime import timedelta
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError

from signals.models import Delivery, Mail, Mailbox, SignalEvent
from signals.receiving.mail import polling
from signals.receiving.mail.collecting import LARGEST
from signals.receiving.mail.imap import Folder, MailError, opened
from signals.receiving.mail.polling import AT_ONCE, DENIED, FIRST_PAUSE, LAST_PAUSE, TERM, account_of, poll
from signals.receiving.senders import default_source
from tests.builders import at, created, entry, update
from tests.processes import PATIENCE

from .mails import SERVER, mail
from .server import PASSWORD, USER, Handler, Server

pytestmark = pytest.mark.django_db
NOW = at(60)


@pytest.fixture
def box(server: Server, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    monkeypatch.setenv("MAILBOX_MY_ALERTS_PASSWORD", PASSWORD)
    return Mailbox.objects.create(
        name="my-alerts", source=default_source(), host="127.0.0.1", port=server.port, security="plain", username=USER,
        folder="Alerts", server=SERVER,
    )  # fmt: skip


def fault(box: Mailbox, **changed: Any) -> tuple[str, str]:
    """What a turn says with these changes, and what to do about it."""
    Mailbox.objects.filter(pk=box.pk).update(**changed)
    poll(NOW)
    box.refresh_from_db()
    return box.error, box.advice


def senders() -> list[str]:
    return list(Mail.objects.order_by("at").values_list("sender", flat=True))


def test_what_is_new_is_read_and_settled(server: Server, box: Mailbox) -> None:
    server.add(mail(created(), at(1)))
    server.add(mail(entry(), at(3)))
    done = poll(NOW)
    assert str(done) == "my-alerts: 2 read, 2 new, 0 refused; 2 alone"
    assert SignalEvent.objects.count() == 2
    box.refresh_from_db()
    assert (box.uid_validity, box.last_uid, box.answered_at, box.error) == (7, 2, NOW, "")


def test_nothing_is_changed_on_the_server(server: Server, box: Mailbox) -> None:
    server.add(mail(created(), at(1)))
    poll(NOW)
    assert {line.split(" ")[0] for line in server.said} <= {
        "CAPABILITY", "LOGIN", "EXAMINE", "STATUS", "UID", "LOGOUT",
    }  # fmt: skip
    assert all("PEEK" in line or "RFC822.SIZE" in line for line in server.said if "FETCH" in line)


def test_only_mails_that_name_tradingview_are_asked_for(server: Server, box: Mailbox) -> None:
    server.add(mail("Dinner?", at(1), sender="friend@example.org"))
    server.add(mail(created(), at(1)))
    poll(NOW)
    assert senders() == ["noreply@tradingview.com"]


def test_the_next_turn_reads_what_came_since(server: Server, box: Mailbox) -> None:
    server.add(mail(created(), at(1)))
    poll(NOW)
    server.said.clear()
    server.add(mail(entry(), at(3)))
    assert poll(NOW).turns[0].read == 1
    assert sum("FETCH" in line for line in server.said) == 2


def test_the_last_message_that_the_protocol_names_again_is_not_read_again(server: Server, box: Mailbox) -> None:
    server.add(mail(created(), at(1)))
    assert [poll(NOW).turns[0].read for _ in range(2)] == [1, 0]


def test_a_folder_that_was_made_anew_is_read_again_and_nothing_counts_twice(server: Server, box: Mailbox) -> None:
    server.add(mail(created(), at(1)))
    server.add(mail(entry(), at(3)))
    poll(NOW)
    server.validity, server.messages = 8, {1: server.messages[2], 2: server.messages[1]}
    server.add(mail(update(0.4), at(4)))
    done = poll(NOW)
    assert (done.turns[0].read, done.turns[0].new) == (3, 1)
    assert SignalEvent.objects.count() == 3


def test_what_came_before_the_connection_broke_is_kept_and_the_rest_is_read_later(server: Server, box: Mailbox) -> None:
    for minute in range(1, 4):
        server.add(mail(update(minute / 10), at(minute)))
    server.breaks_at = 2
    assert fault(box)[0] == "The connection broke off."
    assert Mail.objects.count() == 1
    assert box.next_at == NOW + FIRST_PAUSE
    server.breaks_at = 0
    assert poll(NOW).turns == [], "it is left alone for a while"
    poll(NOW + FIRST_PAUSE)
    assert Mail.objects.count() == 3
    box.refresh_from_db()
    assert (box.failures, box.error) == (0, "")


def test_many_are_read_in_parts(server: Server, box: Mailbox) -> None:
    for number in range(AT_ONCE + 3):
        server.add(mail(update(number / 100), at(4), number=str(number)))
    assert poll(NOW).turns[0].read == AT_ONCE + 3


def test_a_turn_whose_time_is_over_goes_on_at_the_next(server: Server, box: Mailbox) -> None:
    server.add(mail(created(), at(1)))
    assert poll(NOW, seconds=0).turns[0].read == 0
    assert poll(NOW).turns[0].read == 1


def test_of_a_huge_message_only_the_head_is_fetched(server: Server, box: Mailbox) -> None:
    uid = server.add(mail(created(), at(1)))
    server.sizes[uid] = LARGEST + 1
    poll(NOW)
    assert [line for line in server.said if "BODY" in line] == [f"UID FETCH {uid} (BODY.PEEK[HEADER])"]
    refused = Mail.objects.get()
    assert (refused.state, refused.sender) == ("refused", "noreply@tradingview.com")
    assert refused.reason.startswith("It has 1,048,577 bytes")


def test_mails_of_weeks_ago_are_not_read_at_first(server: Server, box: Mailbox) -> None:
    long_ago = at(1) - timedelta(days=30)
    server.add(mail(created(), long_ago), received=long_ago)
    server.add(mail(entry(), at(3)))
    assert poll(NOW).turns[0].read == 1


def test_each_part_that_is_broken_is_told(server: Server, box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "folder": fault(box, folder="Alarms"),
        "encryption": fault(box, folder="Alerts", security="tls", next_at=NOW),
        "plain": fault(box, security="plain", host="mail.example.org", next_at=NOW),
        "host": fault(box, security="tls", host="mail.invalid", next_at=NOW),
    }
    with monkeypatch.context() as environment:
        environment.setenv("MAILBOX_MY_ALERTS_PASSWORD", "wrong")
        told["login"] = fault(box, host="127.0.0.1", security="plain", next_at=NOW)
        environment.delenv("MAILBOX_MY_ALERTS_PASSWORD")
        told["password"] = fault(box, next_at=NOW)
    assert told == {
        "folder": ("There is no folder Alarms.", "Check its name, capitals included. There are: INBOX, Alerts."),
        "encryption": (
            f"No encrypted connection to 127.0.0.1:{server.port}.",
            "Port 993 is for TLS, 143 for STARTTLS: check which of them the server offers.",
        ),
        "plain": (
            "Without encryption only a server on this machine is read.",
            "Choose TLS, mostly at port 993.",
        ),
        "host": ("There is no host mail.invalid.", "Check the name of the IMAP server."),
        "login": (
            "127.0.0.1 does not let trader@example.org in with this password.",
            "Make an app password at the mail provider, for the usual one mostly does not do, and allow IMAP there.",
        ),
        "password": (
            "It has no password.",
            "Set MAILBOX_MY_ALERTS_PASSWORD in the environment and restart.",
        ),
    }
    assert "wrong" not in repr(account_of(box))


def test_a_wrong_password_is_not_tried_every_minute(box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILBOX_MY_ALERTS_PASSWORD", "wrong")
    fault(box)
    assert box.next_at == NOW + DENIED
    assert poll(NOW + FIRST_PAUSE).turns == []


def test_who_does_not_answer_is_asked_ever_more_seldom(box: Mailbox, server: Server) -> None:
    fault(box, port=1, failures=0)
    assert box.error == "127.0.0.1:1 does not answer as an IMAP server."
    fault(box, failures=20, next_at=NOW)
    assert box.next_at == NOW + LAST_PAUSE


def test_a_mailbox_that_fails_keeps_no_other_from_being_read(server: Server, box: Mailbox) -> None:
    Mailbox.objects.create(name="my", source=default_source(), host="127.0.0.1", port=1, username=USER, server=SERVER)
    Mailbox.objects.filter(pk=box.pk).update(next_at=at(0))  # so that it comes after
    server.add(mail(created(), at(1)))
    assert [turn.read for turn in poll(NOW).turns] == [0, 1]


def test_two_at_once_do_not_read_the_same(box: Mailbox) -> None:
    Mailbox.objects.update(busy_until=NOW + timedelta(minutes=1))
    assert poll(NOW).turns == []
    assert poll(NOW, at_once=True).turns[0].skipped == "another reads it"


def test_a_database_that_fails_does_not_make_a_mailbox_seem_read(
    server: Server, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*given: object, **named: object) -> None:
        raise DatabaseError("gone")

    server.add(mail(created(), at(1)))
    monkeypatch.setattr(polling, "collect", gone)
    with pytest.raises(DatabaseError):
        poll(NOW)
    box.refresh_from_db()
    assert (box.answered_at, box.last_uid) == (None, 0)
    monkeypatch.undo()
    monkeypatch.setenv("MAILBOX_MY_ALERTS_PASSWORD", PASSWORD)
    assert [turn.new for turn in poll(NOW + TERM).turns] == [1]


def test_a_forged_line_beneath_the_servers_own_is_worth_nothing(server: Server, box: Mailbox) -> None:
    failed = f"{SERVER}; dkim=fail header.d=tradingview.com"
    server.add(mail(created(), at(1), results=(failed, f"{SERVER}; dkim=pass header.d=tradingview.com")))
    assert poll(NOW).turns[0].refused == 1
    assert Delivery.objects.count() == 0


def test_a_server_that_stops_talking_is_given_up_on(
    server: Server, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = Event()
    monkeypatch.setattr(Handler, "do_examine", lambda handler, told: over.wait(PATIENCE) and None)
    turn = poll(NOW, opener=lambda account: opened(account, 0.2)).turns[0]
    over.set()
    assert turn.error == "The connection broke off."


@pytest.mark.parametrize(
    ("answer", "gone"), [([None], True), ([b"1 (UID 5 BODY[] NIL)"], True), ([b"1 (FLAGS (\\Seen))"], False)]
)
def test_a_mail_without_its_text_is_passed_over_only_where_it_is_gone(answer: list[Any], gone: bool) -> None:
    """Passed over, it would never be asked for again."""
    told = iter([[b"1 (UID 5 RFC822.SIZE 10)"], answer])
    folder = Folder(SimpleNamespace(client=SimpleNamespace(uid=lambda *_: ("OK", next(told)))), 1)  # type: ignore[arg-type]
    if gone:
        assert folder.message(5) is None
        return
    with pytest.raises(MailError, match="without its text"):
        folder.message(5)
