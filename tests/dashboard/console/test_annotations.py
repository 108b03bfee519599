"""Notes and tags on the page of a signal, in the list, in the API and in exports."""

import json

import pytest
from django.test import Client

from signals.exporting import record
from tests.builders import TRADE_ID, the_signal

from .conftest import As

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("trade")]


@pytest.fixture
def operator(signed_in: As) -> Client:
    return signed_in("Operator")


def act(client: Client, what: str, **given: str) -> str:
    address = f"/console/signals/{the_signal().pk}/{what}/"
    return client.post(address, {"confirm": "yes", **given}, follow=True).content.decode()


def test_an_operator_writes_a_note_and_a_viewer_reads_it(operator: Client, signed_in: As) -> None:
    assert "The note is kept." in act(operator, "note", text="Entered <late>")
    shown = signed_in("Viewer").get(f"/console/signals/{the_signal().pk}/").content.decode()
    assert "Entered &lt;late&gt;" in shown
    assert "operator-person" in shown
    assert "Write a note" not in shown


def test_a_note_is_removed_after_it_was_shown(operator: Client) -> None:
    act(operator, "note", text="Entered late")
    note = the_signal().notes.get().pk
    address = f"/console/signals/{the_signal().pk}/note/{note}/remove/"
    assert "Entered late" in operator.get(address).content.decode()
    assert "The note is removed." in operator.post(address, {"confirm": "yes"}, follow=True).content.decode()
    assert operator.get(address).status_code == 404


def test_tags_are_added_found_by_and_removed(operator: Client) -> None:
    assert "Tagged late entry, news." in act(operator, "tags", tags="News, late entry")
    for query, found in (("tag=news", 1), ("tag=NEWS,other", 1), ("tag=other", 0), ("note=late", 0)):
        assert len(operator.get(f"/console/signals/?{query}").context["rows"]) == found, query
        told = operator.get(f"/api/automated-signals/all-signals?{query}").json()
        assert told["count"] == found, query
    assert told["results"] == []
    assert "is removed" in act(operator, f"tags/{the_signal().tags.get(name='late entry').pk}/remove")
    assert [tag.name for tag in the_signal().tags.all()] == ["news"]


def test_signals_are_found_by_their_notes(operator: Client) -> None:
    act(operator, "note", text="Slippage of two ticks")
    assert operator.get("/api/automated-signals/all-signals?note=SLIPPAGE").json()["count"] == 1


def test_a_tag_that_is_none_is_explained(operator: Client) -> None:
    assert "A tag begins with a letter or digit" in act(operator, "tags", tags="<b>")


def test_the_api_and_exports_tell_them(operator: Client) -> None:
    act(operator, "note", text="Entered late")
    act(operator, "tags", tags="news")
    told = operator.get(f"/api/automated-signals/signals/{TRADE_ID}").json()
    [note] = told["notes"]
    assert (told["tags"], note["text"], note["author"]) == (["news"], "Entered late", "operator-person")
    assert operator.get("/api/automated-signals/all-signals").json()["results"][0]["tags"] == ["news"]
    exported = json.loads(json.dumps(record(the_signal())))
    assert (exported["tags"], exported["notes"][0]["text"]) == (["news"], "Entered late")


def test_they_are_in_the_audit_log_under_the_persons_name(operator: Client) -> None:
    act(operator, "tags", tags="news")
    shown = operator.get("/console/audit/").content.decode()
    assert "Tagged" in shown
    assert "operator-person" in shown
