"""Many signals are counted by the worker, once a question; its last count stands meanwhile."""

from datetime import timedelta

import pytest
from django.http import QueryDict
from django.utils import timezone

from dashboard.analysis import counting
from dashboard.analysis.counting import answer, question, work
from dashboard.models import AnalysisCount

from .trades import small_set

pytestmark = pytest.mark.django_db
NOW = timezone.now()
LATER = NOW + timedelta(minutes=10)
ALL = QueryDict("")


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keys of the questions that the worker was asked; more than two signals are many."""
    asked: list[str] = []
    monkeypatch.setattr(counting, "async_task", lambda _, key, **__: asked.append(key))
    monkeypatch.setattr(counting, "FEW", 2)
    small_set()
    return asked


def test_few_signals_are_counted_at_once(queued: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "FEW", 100)
    found = answer(ALL, NOW)
    assert found.report
    assert (found.report["counted"]["signals"], found.counted_at, queued) == (7, NOW, [])


def test_of_many_the_worker_is_asked_once_and_its_count_is_shown(queued: list[str]) -> None:
    first, again = answer(ALL, NOW), answer(ALL, NOW)
    assert (first.report, first.counting, again.counting, len(queued)) == (None, True, True, 1)
    assert work(queued[0]).startswith("7 signals")
    found = answer(ALL, NOW)
    assert found.report
    assert (found.report["counted"]["signals"], found.counting, len(queued)) == (7, False, 1)


def test_an_old_count_is_shown_while_it_is_made_anew(queued: list[str]) -> None:
    answer(ALL, NOW)
    work(queued[0])
    found = answer(ALL, LATER)
    assert (bool(found.report), found.counting, len(queued)) == (True, True, 2)


def test_what_waits_for_a_worker_that_is_gone_is_asked_again(queued: list[str]) -> None:
    answer(ALL, NOW)
    answer(ALL, LATER)
    assert len(queued) == 2
    assert [work(key) for key in queued][1] == "not waiting"  # both tasks come through in the end


def test_a_count_that_fails_says_why_and_is_tried_again(queued: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("the disk is full")

    answer(ALL, NOW)
    with monkeypatch.context() as patched:
        patched.setattr(counting, "read", broken)
        work(queued[0])
    found = answer(ALL, NOW)
    assert (found.failed, found.counting) == ("the disk is full", False)
    assert answer(ALL, LATER).counting


def test_the_same_question_is_asked_once_however_it_is_put() -> None:
    one, other = QueryDict("session=LONDON&session=ASIA&page=3&direction="), QueryDict("session=ASIA&session=LONDON")
    assert question(one) == question(other) == "session=ASIA&session=LONDON"


def test_the_worker_is_asked_so_many_questions_at_a_time(queued: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_WAITING", 1)
    answer(ALL, NOW)
    other = answer(QueryDict("target=3"), NOW)
    assert (other.counting, len(queued)) == (True, 1)
    work(queued[0])
    answer(QueryDict("target=3"), NOW)
    assert len(queued) == 2


def test_each_question_has_its_own_count_and_old_ones_are_forgotten(
    queued: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "KEPT", 2)
    for n, target in enumerate(("1", "2", "3", "4")):
        answer(QueryDict(f"target={target}"), NOW + timedelta(seconds=n))
    assert set(AnalysisCount.objects.values_list("query", flat=True)) == {"target=3", "target=4"}
