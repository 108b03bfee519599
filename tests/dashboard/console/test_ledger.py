"""The ledger of three, as a pure comparison, and the page that imports what it finds lost."""

import csv
import io
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from dashboard.telling.import_preview import preview_import
from reconciliation.cycle.worker import tick
from signals.clock import floor_minute
from signals.intake import take_in
from signals.models import AutomatedSignal, Delivery, Quarantine, SignalEvent
from signals.parcels import Incoming, checksum_of
from signals.receiving import uploads
from signals.receiving.ledger import ABSENT, WITHIN, Line, Receipt, Verdict, compare, ledger, marked_delivered
from signals.receiving.senders import default_source
from signals.vocabulary import Channel
from tests.builders import TRADE_ID, at, created, entry, send, update
from tests.signals.receiving.mail.mails import mail, taken

from .conftest import UNREADABLE, As, quarantined
from .test_actions import previewed

BODY = json.dumps(update(0.4)).encode()


def row(minute: float, body: bytes = BODY, marked: str = "") -> Incoming:
    return Incoming(body=body, received_at=at(500), channel=Channel.LOG, fired_at=at(minute), log_status=marked)


def rows(*bodies: bytes) -> list[Incoming]:
    return [row(1, body) for body in bodies]


def receipt(minute: float, body: bytes = BODY, *, accepted: bool = True, channel: Channel = Channel.WEBHOOK) -> Receipt:
    when: datetime = at(minute)
    return Receipt(uuid4(), checksum_of(body), when, floor_minute(when), when, channel, accepted, 1)


def verdicts(lines: list[Line]) -> list[Verdict]:
    return [line.verdict for line in lines]


class TestComparing:
    @pytest.mark.parametrize(
        ("marked", "stored", "verdict"),
        [
            ("", receipt(4), Verdict.STORED),
            ("Delivered", receipt(4), Verdict.STORED),
            ("Failed", receipt(4), Verdict.FAILED_YET_STORED),
            ("Failed", receipt(4, channel=Channel.LOG), Verdict.STORED),
            ("", None, Verdict.LOST),
            ("Failed", None, Verdict.LOST),
            ("Delivered", None, Verdict.DELIVERED_YET_ABSENT),
            ("Delivered", receipt(4, accepted=False), Verdict.QUARANTINED),
        ],
    )
    def test_the_verdict_follows_from_what_is_stored(
        self, marked: str, stored: Receipt | None, verdict: Verdict
    ) -> None:
        assert verdicts(compare([row(4, marked=marked)], [stored] if stored else [])) == [verdict]

    @pytest.mark.parametrize(("apart", "same"), [(0.05, True), (2, True), (-2, True), (2.02, False), (-2.02, False)])
    def test_a_receipt_belongs_to_a_row_within_two_minutes(self, apart: float, same: bool) -> None:
        assert (compare([row(4)], [receipt(4 + apart)])[0].receipt is not None) == same

    def test_other_bytes_are_another_alert(self) -> None:
        assert verdicts(compare([row(4)], [receipt(4, BODY + b" ")])) == [Verdict.LOST]

    def test_one_receipt_answers_for_one_row(self) -> None:
        lines = compare([row(4), row(5)], [receipt(5.02)])
        assert verdicts(lines) == [Verdict.LOST, Verdict.STORED]

    def test_the_same_minute_goes_first_so_that_the_lost_one_is_named(self) -> None:
        early, late = compare([row(4), row(5)], [receipt(5)])
        assert (early.verdict, late.verdict) == (Verdict.LOST, Verdict.STORED)

    def test_receipts_that_crossed_the_minute_find_their_rows(self) -> None:
        lines = compare([row(4.9), row(5.9)], [receipt(6.2), receipt(5.1)])
        assert verdicts(lines) == [Verdict.STORED, Verdict.STORED]

    def test_the_order_of_rows_is_kept(self) -> None:
        rows = [row(9), row(4), row(6)]
        assert [line.row for line in compare(rows, [])] == rows

    @given(
        st.lists(st.integers(0, 40), max_size=12, unique=True), st.lists(st.integers(0, 40), max_size=12, unique=True)
    )
    def test_pairs_are_one_to_one_near_and_leave_no_pair_behind(self, fired: list[int], came: list[int]) -> None:
        lines = compare([row(minute) for minute in fired], [receipt(minute) for minute in came])
        used = [line.receipt for line in lines if line.receipt]
        assert len({each.delivery for each in used}) == len(used)
        assert all(
            abs(line.receipt.at - line.row.fired_at) <= WITHIN for line in lines if line.receipt and line.row.fired_at
        )
        free = set(came) - {minutes(each.at) for each in used}
        unmatched = {minutes(line.row.fired_at) for line in lines if not line.receipt and line.row.fired_at}
        assert not any(abs(a - b) <= 2 for a in free for b in unmatched)
        assert {minutes(each.at) for each in used} >= set(fired) & set(came)


def minutes(moment: datetime) -> int:
    return (moment - at(0)) // timedelta(minutes=1)


@pytest.mark.parametrize(
    ("said", "claims"),
    [
        ("Delivered", True), ("Success", True), ("200 OK", True), ("Failed", False), ("Not delivered", False),
        ("Webhook timeout", False), ("503", False), ("", None), ("—", None),
    ],
)  # fmt: skip
def test_what_the_log_claims(said: str, claims: bool | None) -> None:
    assert marked_delivered(said) is claims


def as_csv(*rows: tuple[bytes, float, str]) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["Alert ID", "Ticker", "Name", "Description", "Time", "Webhook status"])
    for body, minute, marked in rows:
        writer.writerow(["77", "MNQ1!", "", body.decode(), f"{at(minute):%Y-%m-%dT%H:%M:%SZ}", marked])
    return file.getvalue()


def told(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def arrived(body: bytes, minute: float) -> UUID:
    item = Incoming(body=body, received_at=at(minute), channel=Channel.WEBHOOK)
    return take_in(default_source(), [item], now=timezone.now()).outcomes[0].delivery_id


def uploaded(client: Client, text: str) -> str:
    answer = client.post(reverse("console:alert-log"), {"file": SimpleUploadedFile("my log.csv", text.encode())})
    assert answer.status_code == 302, answer.content
    return str(answer["Location"])


LOG = as_csv(
    (told(update(0.9)), 6, "Delivered"),
    (told(update(0.4)), 5, "Failed"),
    (UNREADABLE, 4.5, ""),
    (told(entry()), 4, "Failed"),
    (told(created()), 1, "Delivered"),
)


@pytest.mark.django_db
class TestPage:
    def some_arrived(self) -> None:
        """Of LOG: SIGNAL_CREATED, the update marked failed, and the unreadable one. ENTRY and an update are lost."""
        arrived(told(created()), 1.03)
        arrived(told(update(0.4)), 5.02)
        quarantined(UNREADABLE, 4.6)

    def test_the_preview_sets_their_log_beside_our_receipts_and_stores_nothing(self, signed_in: As) -> None:
        self.some_arrived()
        client = signed_in("Operator")
        answer = client.get(uploaded(client, LOG))
        counts = answer.context["preview"].more.ledger.counts
        assert {verdict.value: n for verdict, n in counts.items()} == {
            "stored": 1, "lost": 1, "marked failed yet stored": 1, "marked delivered yet absent": 1, "quarantined": 1,
            "by mail alone": 0,
        }  # fmt: skip
        assert Delivery.objects.count() == 3
        assert "2 of 5 rows are not stored" in answer.content.decode()

    def test_it_names_the_gaps_that_the_lost_rows_can_close(self, signed_in: As) -> None:
        self.some_arrived()
        client = signed_in("Operator")
        shown = client.get(uploaded(client, LOG)).content.decode()
        for title in ("No entry price (1)", "No stop loss (1)", "No targets (1)", "No confirmation time (1)"):
            assert title in shown

    def test_importing_stores_what_is_lost_and_a_second_look_finds_nothing_lost(self, signed_in: As) -> None:
        self.some_arrived()
        client = signed_in("Operator")
        link = uploaded(client, LOG)
        given = {"source": "", "confirm": "yes", "previewed": previewed(client.get(link).content)}
        after = client.post(link, given, follow=True)
        assert b"5 rows: 2 stored, 2 were there, 1 to quarantine; 2 events" in after.content or (
            b"5 rows: 2 stored, 3 were there" in after.content
        )
        assert not after.context["preview"].more.ledger.absent
        assert AutomatedSignal.objects.get().entry_price == 25740

    def test_where_nothing_is_lost_importing_is_not_what_the_page_urges(self, signed_in: As) -> None:
        arrived(told(created()), 1.03)
        client = signed_in("Operator")
        shown = client.get(uploaded(client, as_csv((told(created()), 1, "")))).content.decode()
        assert "Note the exact times" in shown
        assert "Import what is lost" not in shown

    def test_it_counts_what_would_go_to_quarantine_for_its_time(self, signed_in: As) -> None:
        client = signed_in("Operator")
        text = as_csv((told(created()), 1, "")).replace(f"{at(1):%Y-%m-%dT%H:%M:%SZ}", "yesterday")
        shown = client.get(uploaded(client, text)).content.decode()
        assert "1 of 1 row is not stored" in shown
        assert "1 of them cannot be read, or their time, and would go to quarantine" in shown

    def test_one_is_not_many(self, signed_in: As) -> None:
        client = signed_in("Operator")
        shown = client.get(uploaded(client, as_csv((told(created()), 1, "")))).content.decode()
        assert "They tell 1 event of 1 signal," in shown
        assert "They would close no open gap." in shown

    def test_a_verdict_can_be_looked_at_alone(self, signed_in: As) -> None:
        self.some_arrived()
        client = signed_in("Operator")
        answer = client.get(uploaded(client, LOG), {"verdict": Verdict.LOST.value})
        assert [line.verdict for line in answer.context["preview"].more.lines] == [Verdict.LOST]

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("a,b\n1,2\n", "No column Description, Time in the first line"),
            ("Alert ID,Ticker,Name,Description,Time\n", "a header and no rows"),
            ("\x89PNG\r\n\x1a\n", "No column"),
        ],
    )
    def test_another_file_is_refused_with_what_to_do(self, text: str, problem: str, signed_in: As) -> None:
        client = signed_in("Operator")
        shown = client.get(uploaded(client, text)).content.decode()
        assert problem in shown
        assert 'name="confirm"' not in shown

    def test_a_log_that_was_cut_warns_how_far_back_it_reaches(
        self, signed_in: As, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("dashboard.console.pages.alertlog.EXPORT_LIMIT", 2)
        client = signed_in("Operator")
        text = as_csv((told(update(0.4)), 600, ""), (told(created()), 0, ""))
        assert "reaches back 10 hours only" in client.get(uploaded(client, text)).content.decode()

    def test_a_file_cut_off_before_any_time_is_compared_and_says_so(self, signed_in: As) -> None:
        client = signed_in("Operator")
        answer = client.get(uploaded(client, 'Alert ID,Ticker,Name,Description,Time\n1,X,,"hello'))
        assert answer.status_code == 200
        assert "No row of this file has a readable time, 1 row." in answer.content.decode()

    def test_a_log_too_long_to_compare_can_be_imported_all_the_same(
        self, signed_in: As, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("dashboard.console.pages.alertlog.MOST_COMPARED", 4)
        shown = signed_in("Operator").get(uploaded(signed_in("Operator"), LOG)).content
        assert b"5 rows are too many to compare" in shown
        assert b'name="confirm"' in shown

    def test_an_empty_form_and_a_huge_file_are_refused(self, signed_in: As, monkeypatch: pytest.MonkeyPatch) -> None:
        client = signed_in("Operator")
        assert client.post(reverse("console:alert-log"), {}).status_code == 400
        monkeypatch.setattr(uploads, "MAX_BYTES", 10)
        huge = {"file": SimpleUploadedFile("log.csv", LOG.encode())}
        assert b"Over 0 MB" in client.post(reverse("console:alert-log"), huge).content

    def test_a_viewer_may_not_upload(self, signed_in: As) -> None:
        client = signed_in("Viewer")
        assert b"takes the role Operator" in client.get(reverse("console:alert-log")).content
        huge = {"file": SimpleUploadedFile("log.csv", LOG.encode())}
        assert client.post(reverse("console:alert-log"), huge).status_code == 403

    def test_comparing_a_whole_export_takes_a_bounded_number_of_queries(
        self, django_assert_max_num_queries: Any
    ) -> None:
        rows = [row(n, told(update(0.01 * n))) for n in range(2000)]
        with django_assert_max_num_queries(6):
            assert len(ledger(rows).absent) == 2000


@pytest.mark.django_db
class TestPreviewOfAnImport:
    def test_a_signal_that_is_not_stored_is_counted_apart(self) -> None:
        brought = preview_import(rows(told(created()), told(entry()), b"oops"), now=at(60))
        assert (brought.events, brought.signals, brought.unknown, brought.unreadable) == (2, 1, 1, 1)
        assert brought.gaps == {}

    def test_session_and_alignment_come_from_the_signals_own_events_only(self) -> None:
        send([(update(0.5), at(4))])
        carrier = {**update(0.6), "session": "NY AM", "htf_alignment": created()["htf_alignment"]}
        assert "no_htf_alignment" not in preview_import(rows(told(carrier)), now=at(60)).gaps
        assert preview_import(rows(told(created())), now=at(60)).gaps["no_htf_alignment"] == 1

    def test_what_it_promises_is_closed_by_the_import(self) -> None:
        send([(update(0.5), at(4))])
        bodies = [created(), entry()]
        promised = preview_import(rows(*map(told, bodies)), now=at(60)).gaps
        send([(created(), at(1)), (entry(), at(3))])
        assert promised
        assert not set(preview_import(rows(*map(told, bodies)), now=at(60)).gaps) & set(promised)


@pytest.mark.django_db
def test_an_imported_log_is_deleted_at_the_workers_next_turn(signed_in: As) -> None:
    client = signed_in("Operator")
    link = uploaded(client, LOG)
    (path,) = uploads.folder().iterdir()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    tick()
    assert path.exists()
    client.post(link, {"source": "", "confirm": "yes", "previewed": previewed(client.get(link).content)})
    tick()
    assert not path.exists()
    assert client.get(link).status_code == 404


def test_a_log_that_nobody_imports_goes_after_a_day_without_another_upload() -> None:
    kept = uploads.keep(SimpleUploadedFile("log.csv", b"x"), timezone.now())
    uploads.forget_old(timezone.now() + timedelta(hours=23))
    assert kept.path.exists()
    uploads.forget_old(timezone.now() + timedelta(hours=25))
    assert not kept.path.exists()


def test_uploads_are_kept_for_a_day_and_found_by_their_key_only() -> None:
    now = timezone.now()
    kept = uploads.keep(SimpleUploadedFile("../../etc/a log.csv", b"x"), now)
    assert uploads.find(kept.key).name == "a log.csv"
    assert kept.path.parent == uploads.folder()
    for wrong in ("", "*", "0" * 32, kept.key[:-1]):
        with pytest.raises(uploads.UnknownUploadError):
            uploads.find(wrong)
    uploads.keep(SimpleUploadedFile("next.csv", b"x"), now + timedelta(days=2))
    with pytest.raises(uploads.UnknownUploadError):
        uploads.find(kept.key)


def test_absent_means_that_an_import_brings_it_back() -> None:
    assert {Verdict.LOST, Verdict.DELIVERED_YET_ABSENT} == ABSENT


@pytest.mark.django_db
def test_a_replayed_quarantine_counts_as_stored() -> None:
    held = quarantined(UNREADABLE, 4)
    assert verdicts(list(ledger([row(4, UNREADABLE)]).lines)) == [Verdict.QUARANTINED]
    Quarantine.objects.filter(pk=held.pk).update(state=Quarantine.State.REPLAYED)
    assert verdicts(list(ledger([row(4, UNREADABLE)]).lines)) == [Verdict.STORED]
    assert not SignalEvent.objects.filter(signal__trade_id=TRADE_ID).exists()


@pytest.mark.django_db
class TestMail:
    """Mail stands beside the log and the receipts."""

    @staticmethod
    def mailed(body: bytes, minute: float) -> None:
        taken(mail(body.decode(), at(minute)), source=default_source(), now=at(400))

    def test_a_row_that_only_mail_brought_is_told_as_that(self) -> None:
        self.mailed(BODY, 4)
        (line,) = ledger([row(4)]).lines
        assert (line.receipt, line.verdict) == (None, Verdict.BY_MAIL)
        assert line.mail
        assert line.mail.delivery == Delivery.objects.get().pk

    def test_a_row_that_came_both_ways_is_stored_and_has_its_mail(self) -> None:
        take_in(default_source(), [Incoming(BODY, at(4))], now=at(4))
        self.mailed(BODY, 4.1)
        (line,) = ledger([row(4)]).lines
        assert (line.verdict, line.mail is not None) == (Verdict.STORED, True)
        assert line.receipt
        assert line.receipt.channel == Channel.WEBHOOK

    def test_of_equal_rows_each_has_its_own(self) -> None:
        for minute in (4, 6):
            self.mailed(BODY, minute + 0.2)
        lines = ledger([row(6), row(4), row(5)]).lines
        assert [line.verdict for line in lines] == [Verdict.BY_MAIL, Verdict.BY_MAIL, Verdict.LOST]

    def test_the_page_shows_it(self, signed_in: As) -> None:
        self.mailed(BODY, 4)
        client = signed_in("Operator")
        shown = client.get(uploaded(client, as_csv((told(update(0.4)), 4, "")))).content.decode()
        assert "By mail alone" in shown
        assert str(Delivery.objects.get().pk) in shown
        assert "came by mail alone: the webhook lost it" in shown
