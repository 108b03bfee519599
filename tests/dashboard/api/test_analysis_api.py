"""The figures for machines: those of the page, and no parameter that means nothing."""

import pytest
from django.test import Client

from dashboard.analysis import counting
from tests.dashboard.analysis.trades import small_set

pytestmark = pytest.mark.django_db
ADDRESS = "/api/analysis"


def test_it_answers_the_report(api: Client) -> None:
    small_set()
    told = api.get(f"{ADDRESS}?target=2").json()
    [overall] = [table for table in told["tables"] if table["name"] == "overall"]
    assert overall["rows"][0]["figures"]["expectancy"]["value"] == 0.25
    assert overall["rows"][0]["query"]["status"] == "COMPLETED"
    assert (told["target"], told["since"], told["counted"]["legs"]["be"]["counted"]) == ("2", None, 4)


@pytest.mark.parametrize("query", ["targt=2", "target=17", "status=NOPE", "fills=0.75"])
def test_what_means_nothing_is_refused(api: Client, query: str) -> None:
    answer = api.get(f"{ADDRESS}?{query}")
    assert answer.status_code == 400
    assert query.split("=", maxsplit=1)[0] in answer.json()


def test_many_are_counted_by_the_worker(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "FEW", 2)
    monkeypatch.setattr(counting, "async_task", lambda *_, **__: None)
    small_set()
    answer = api.get(ADDRESS)
    assert (answer.status_code, answer["Retry-After"]) == (202, "5")


def test_it_takes_an_account() -> None:
    assert Client().get(ADDRESS).status_code == 401
