"""Mails from files, and mailboxes read by hand."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from signals.models import Mail, Mailbox, SignalEvent
from signals.receiving.mail.trying import try_out
from signals.receiving.senders import default_source
from tests.builders import at, created, entry, update

from .mails import SERVER, TRADER, mail
from .server import PASSWORD, USER, Server

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three alerts, one of them twice and one forged."""
    messages = [
        mail(created(), at(1)), mail(created(), at(1)), mail(entry(), at(3)), mail(update(0.4), at(4), results=()),
    ]  # fmt: skip
    for number, raw in enumerate(messages):
        (tmp_path / f"{number}.eml").write_bytes(raw)
    return tmp_path


def imported(*paths: Path, **options: Any) -> dict[str, Any]:
    out = io.StringIO()
    call_command("import_mail", *map(str, paths), json=True, stdout=out, **{"source": "default", **options})
    return dict(json.loads(out.getvalue()))


def test_the_mails_of_a_folder_are_taken_in_once(folder: Path) -> None:
    default_source()
    first = imported(folder, server=SERVER, to=TRADER)
    assert (first["mails"], first["new"], first["refused"], first["alone"], first["events"]) == (4, 3, 1, 2, 2)
    assert list(first["reasons"].values()) == [1]
    again = imported(folder, server=SERVER, to=TRADER)
    assert (again["new"], again["known"], again["events"]) == (0, 3, 0)
    assert SignalEvent.objects.count() == 2


def test_a_dry_run_counts_the_same_and_stores_nothing(folder: Path) -> None:
    default_source()
    dry = imported(folder, server=SERVER, dry_run=True)
    assert Mail.objects.count() == SignalEvent.objects.count() == 0
    assert dry == imported(folder, server=SERVER)


def test_whose_word_counts_is_the_mailboxs_matter_or_must_be_said(folder: Path) -> None:
    source = default_source()
    with pytest.raises(CommandError, match="Give --server"):
        imported(folder)
    Mailbox.objects.create(name="box", source=source, host="h", username=TRADER, server=SERVER)
    assert imported(folder / "0.eml")["alone"] == 1


def test_files_none_of_which_counts_fail_with_the_reason(folder: Path) -> None:
    default_source()
    out = io.StringIO()
    with pytest.raises(CommandError, match="None of them counts"):
        call_command("import_mail", str(folder), source="default", server="mx.other.example", stdout=out)
    assert "Refused, 2: Its authenticity is vouched for by mx.example.org, not by mx.other.example." in out.getvalue()


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    default_source()
    with pytest.raises(CommandError, match="No such file"):
        imported(tmp_path / "no.eml", server=SERVER)


@pytest.fixture
def box(server: Server, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    monkeypatch.setenv("MAILBOX_BOX_PASSWORD", PASSWORD)
    return Mailbox.objects.create(
        name="box", source=default_source(), host="127.0.0.1", port=server.port, security="plain", username=USER,
        server=SERVER,
    )  # fmt: skip


def test_a_mailbox_is_read_by_hand_however_lately_it_was(server: Server, box: Mailbox) -> None:
    server.add(mail(created(), at(1)))
    out = io.StringIO()
    Mailbox.objects.update(next_at=at(10**7))
    call_command("pollmail", json=True, stdout=out)
    told = json.loads(out.getvalue())["mailboxes"]
    assert told == {"box": {"read": 0, "new": 0, "refused": 0, "error": ""}}, "of weeks ago"


def test_one_that_cannot_be_read_is_a_failure(box: Mailbox) -> None:
    Mailbox.objects.update(folder="Nowhere")
    with pytest.raises(CommandError, match="Not read: box"):
        call_command("pollmail", stdout=io.StringIO())


def test_trying_one_out_tells_each_part_and_stores_nothing(server: Server, box: Mailbox) -> None:
    server.add(mail(created(), at(1)))
    steps = try_out(box, at(60))
    assert [(step.name, step.works) for step in steps] == [
        (name, True) for name in ("password", "connection", "login", "folder", "mails", "authenticity", "message")
    ]
    assert Mail.objects.count() == 0
    Mailbox.objects.update(server="mx.google.com")
    box.refresh_from_db()
    wrong = try_out(box, at(60))[5]
    assert not wrong.works
    assert "The newest was vouched for by mx.example.org, written to trader@example.org." in wrong.says


def test_it_ends_at_the_part_that_is_broken(box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILBOX_BOX_PASSWORD", "wrong")
    steps = try_out(box, at(60))
    assert [(step.name, step.works) for step in steps][-2:] == [("connection", True), ("login", False)]
    out = io.StringIO()
    with pytest.raises(CommandError, match="does not work yet"):
        call_command("pollmail", test="box", stdout=out)
    assert "BROKEN  login: 127.0.0.1 does not let" in out.getvalue()


def test_an_empty_folder_works_up_to_the_mails(box: Mailbox) -> None:
    assert [step.name for step in try_out(box, at(60)) if not step.works] == ["mails"]
