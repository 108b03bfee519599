"""Notes and tags: who said what is kept, also when it is taken back, and stays with the signal's events."""

import pytest

from reconciliation.annotating import MOST_TAGS, names_of, remove_note, tag, untag, write_note
from reconciliation.merging import merge
from reconciliation.models import SyncAuditLog
from signals.models import AutomatedSignal, SignalTag
from tests.builders import TRADE_ID, at, created, send, the_signal

pytestmark = pytest.mark.django_db
OTHER = "20251211_094100000_BULLISH"


@pytest.fixture
def signal(db: None) -> AutomatedSignal:
    send([(created(), at(1)), (created(OTHER), at(2))])
    return the_signal()


def audited() -> list[tuple[str, object, object, str]]:
    return list(SyncAuditLog.objects.order_by("pk").values_list("action", "old", "new", "actor"))


def tags(signal: AutomatedSignal) -> list[str]:
    return [each.name for each in signal.tags.all()]


def test_a_note_is_kept_with_its_author_and_removed_with_a_trace(signal: AutomatedSignal) -> None:
    note = write_note(signal, "  Entered late.\n", actor="mia", now=at(5))
    assert (note.text, note.author, note.written_at) == ("Entered late.", "mia", at(5))
    remove_note(note, actor="tom", now=at(6))
    remove_note(note, actor="tom", now=at(7))  # gone already
    assert audited() == [("noted", None, "Entered late.", "mia"), ("note_removed", "Entered late.", None, "tom")]


@pytest.mark.parametrize("text", ["", "  \n", "x" * 2_001, "nul \0"])
def test_a_note_says_something_and_not_too_much(signal: AutomatedSignal, text: str) -> None:
    with pytest.raises(ValueError, match="1 to 2,000 characters"):
        write_note(signal, text, actor="mia", now=at(5))


def test_a_tag_is_given_once_and_taken_once(signal: AutomatedSignal) -> None:
    assert tag(signal, ["news", "a+"], actor="mia", now=at(5)) == ["a+", "news"]
    assert tag(signal, ["news"], actor="tom", now=at(6)) == []
    assert untag(signal, "news", actor="tom", now=at(7))
    assert not untag(signal, "news", actor="tom", now=at(8))
    assert tags(signal) == ["a+"]
    assert [(action, old, new) for action, old, new, _ in audited()] == [
        ("tagged", None, "a+"), ("tagged", None, "news"), ("untagged", "news", None)
    ]  # fmt: skip


def test_tags_are_typed_with_commas_and_have_one_spelling() -> None:
    assert names_of("Late  Entry, news,, NEWS ") == ["late entry", "news"]


@pytest.mark.parametrize("text", ["", " , ", "<b>", "a/b", "x" * 33, "-dash"])
def test_what_is_no_tag_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"tag|longer"):
        names_of(text)


def test_a_signal_has_only_so_many_tags(signal: AutomatedSignal) -> None:
    tag(signal, [f"t{n}" for n in range(MOST_TAGS)], actor="mia", now=at(5))
    with pytest.raises(ValueError, match="at most"):
        tag(signal, ["one more"], actor="mia", now=at(6))


@pytest.mark.usefixtures("unguarded")  # the events have not gone
def test_what_was_said_goes_with_the_events_to_their_signal(signal: AutomatedSignal) -> None:
    other = the_signal(OTHER)
    write_note(signal, "Entered late.", actor="mia", now=at(5))
    tag(signal, ["news", "late"], actor="mia", now=at(5))
    tag(other, ["news"], actor="tom", now=at(6))
    merge(signal, into=other)
    assert tags(other) == ["late", "news"]
    assert [note.text for note in other.notes.all()] == ["Entered late."]
    assert not SignalTag.objects.filter(signal__trade_id=TRADE_ID).exists()
