"""Notes and tags by API: written and removed as in the console, in the person's name, and audited."""

import pytest
from django.test import Client

from reconciliation.models import SyncAuditLog
from signals.models import SignalNote, SignalTag
from tests.builders import TRADE_ID, at, created, send

from .test_receiving_api import listed, post

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _signal(db: None) -> None:
    send([(created(), at(1))])


def audited() -> list[tuple[str, str, object, object]]:
    rows = SyncAuditLog.objects.order_by("pk")
    return [(row.action, row.actor, row.old, row.new) for row in rows]


class TestNotes:
    def test_one_is_written_listed_and_removed(self, acting: Client) -> None:
        told = post(acting, f"notes/signals/{TRADE_ID}", text=" at the news ").json()
        assert (told["trade_id"], told["source"], told["author"], told["text"]) == (
            TRADE_ID, "default", "operator-person", "at the news",
        )  # fmt: skip
        assert listed(acting, "notes", trade_id=TRADE_ID, author="operator-person") == [told]
        assert listed(acting, "notes", author="nobody") == []
        assert post(acting, f"notes/{told['id']}/remove").json() == told
        assert post(acting, f"notes/{told['id']}/remove").status_code == 404
        assert not SignalNote.objects.exists()
        assert audited() == [
            ("noted", "operator-person", None, "at the news"),
            ("note_removed", "operator-person", "at the news", None),
        ]

    def test_one_that_is_sent_twice_with_its_key_is_written_once(self, acting: Client) -> None:
        for _ in range(2):
            acting.post(
                f"/api/notes/signals/{TRADE_ID}", {"text": "once"}, content_type="application/json",
                headers={"idempotency-key": "k"},
            )  # fmt: skip
        assert SignalNote.objects.count() == 1

    @pytest.mark.parametrize("given", [{}, {"text": "  "}, {"text": "x" * 2001}, {"text": "a", "txt": "b"}])
    def test_what_is_no_note_is_refused(self, acting: Client, given: dict[str, str]) -> None:
        assert post(acting, f"notes/signals/{TRADE_ID}", **given).status_code == 400


class TestTags:
    def test_they_are_given_and_taken_in_their_one_spelling(self, acting: Client) -> None:
        told = post(acting, f"tags/signals/{TRADE_ID}", add=["News", "late  entry"]).json()
        assert told == {"trade_id": TRADE_ID, "tags": ["late entry", "news"]}
        told = post(acting, f"tags/signals/{TRADE_ID}", add=["news", "a+"], remove=["Late entry", "never had"]).json()
        assert told["tags"] == ["a+", "news"]
        assert [(action, old, new) for action, _, old, new in audited()] == [
            ("tagged", None, "late entry"), ("tagged", None, "news"),
            ("untagged", "late entry", None), ("tagged", None, "a+"),
        ]  # fmt: skip
        assert [row["name"] for row in listed(acting, "tags", trade_id=TRADE_ID)] == ["a+", "news"]
        assert [row["author"] for row in listed(acting, "tags", name=" NEWS")] == ["operator-person"]

    @pytest.mark.parametrize(
        "given", [{}, {"add": ["-"]}, {"add": ["x" * 33]}, {"add": [f"t{n}" for n in range(21)]}, {"remove": ["?"]}]
    )
    def test_nothing_is_done_where_one_of_them_is_no_tag(self, acting: Client, given: dict[str, list[str]]) -> None:
        assert post(acting, f"tags/signals/{TRADE_ID}", **given).status_code == 400
        assert not SignalTag.objects.exists()


def test_of_no_such_signal_and_without_the_permission_nothing_is_said(acting: Client, viewing: Client) -> None:
    for what, given in (("notes", {"text": "x"}), ("tags", {"add": ["x"]})):
        assert post(acting, f"{what}/signals/nobody", **given).status_code == 404
        assert post(viewing, f"{what}/signals/{TRADE_ID}", **given).status_code == 403
    assert audited() == []
