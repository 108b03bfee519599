"""The Analysis page: the signals of an address, figures that say how far to trust them, and what they lead to."""

import csv
import io
import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dashboard.analysis import counting
from signals.models import AutomatedSignal
from signals.vocabulary import Origin
from tests.dashboard.analysis.trades import LOST, MISSED, SAVED, WON, mark_filled, small_set

from .conftest import As

pytestmark = pytest.mark.django_db
PAGE = "/console/analysis/"


@pytest.fixture
def viewer(signed_in: As) -> Client:
    small_set()
    return signed_in("Viewer")


def tables(client: Client, query: str = "") -> dict[str, dict[str, Any]]:
    return {table["name"]: table for table in client.get(f"{PAGE}{query}").context["tables"]}


def cell(client: Client, table: str, row: int, column: int, query: str = "") -> tuple[Any, ...]:
    found: tuple[Any, ...] = tables(client, query)[table]["rows"][row]["cells"][column]
    return found


def listed(client: Client, link: str) -> set[str]:
    answer = client.get(link, follow=True)
    assert not answer.context["asked"].wrong, link
    return {row.signal.trade_id for row in answer.context["rows"]}


def test_every_figure_says_how_far_to_trust_it(viewer: Client) -> None:
    mark_filled(WON, "be_mfe", 0.8)
    shown = viewer.get(PAGE).content.decode()
    assert "n 4, 25.0 % filled, heard −0.33 (n 3)" in shown  # noqa: RUF001 - a minus
    assert "too few: fewer than 20 signals" in shown


@pytest.mark.parametrize(
    ("query", "counted"),
    [("", 4), ("?session=NY+AM", 4), ("?session=ASIA", 0), ("?be_end=stopped", 1), ("?no_be_mfe_min=2", 2),
     ("?hour=9&weekday=4", 4), ("?hour=10", 0), ("?weekday=1", 0), ("?search=0943", 1)],
)  # fmt: skip
def test_the_address_narrows_the_signals_as_in_the_list(viewer: Client, query: str, counted: int) -> None:
    told = viewer.get(f"{PAGE}{query}").context["counted"]
    assert told["legs"]["be"]["counted"] == counted


def test_a_target_and_which_fills_count_are_chosen_in_the_address(viewer: Client) -> None:
    mark_filled(WON, "be_mfe", 0.8)
    assert cell(viewer, "overall", 0, 0, "?target=3")[0]["value"] == 0.5
    assert cell(viewer, "overall", 0, 0, "?fills=none")[0]["n"] == 3
    assert cell(viewer, "overall", 0, 0, "?fills=0.9")[0]["n"] == 3


def test_what_replay_found_is_out_unless_asked_for(viewer: Client) -> None:
    AutomatedSignal.objects.filter(trade_id=WON).update(origin=Origin.REPLAY)
    for query, counted in (("", 3), ("?found=true&fills=0", 4), ("?origin=replay&fills=0", 1)):
        assert viewer.get(f"{PAGE}{query}").context["counted"]["legs"]["be"]["counted"] == counted, query


def test_each_figure_leads_to_the_signals_behind_it(viewer: Client) -> None:
    expectancy, won = cell(viewer, "overall", 1, 0), cell(viewer, "overall", 1, 1)
    assert listed(viewer, cell(viewer, "overall", 0, 2)[2]) == {SAVED, MISSED}
    assert listed(viewer, expectancy[2]) == {LOST, SAVED, MISSED, WON}
    assert listed(viewer, won[2]) == {MISSED, WON}
    scratched, missed, saved, _ = (row["cells"][0][2] for row in tables(viewer)["break_even"]["rows"])
    assert [listed(viewer, link) for link in (scratched, missed, saved)] == [{SAVED, MISSED}, {MISSED}, {SAVED}]


def test_every_link_narrows_by_what_the_list_knows(viewer: Client) -> None:
    links = {
        link for table in tables(viewer, "?session=NY+AM").values() for row in table["rows"]
        for link in (row["link"], *(each[2] for each in row["cells"])) if link
    }  # fmt: skip
    assert all("session=NY+AM" in link for link in links)
    for link in sorted(links)[::9]:
        listed(viewer, link)


def test_a_filter_that_is_not_understood_is_named_and_left_out(viewer: Client) -> None:
    shown = viewer.get(f"{PAGE}?status=NOPE&target=17").content.decode()
    assert "status was not understood" in shown
    assert "target was not understood" in shown


def test_without_completed_signals_it_says_what_figures_are_of(signed_in: As) -> None:
    assert "No completed signal matches" in signed_in("Viewer").get(PAGE).content.decode()


def test_many_signals_are_counted_by_the_worker_and_the_page_follows(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[str] = []
    monkeypatch.setattr(counting, "FEW", 2)
    monkeypatch.setattr(counting, "async_task", lambda _, key, **__: queued.append(key))
    waiting = viewer.get(PAGE).content.decode()
    assert "the worker counts them" in waiting
    assert 'hx-trigger="load delay:2s"' in waiting
    assert viewer.get(f"{PAGE}export/?format=csv").status_code == 503
    counting.work(queued[0])
    assert viewer.get(PAGE).context["counted"]["signals"] == 7


def test_its_queries_do_not_follow_the_signals(viewer: Client) -> None:
    with CaptureQueriesContext(connection) as captured:
        viewer.get(PAGE)
    assert len(captured) <= 20


def test_what_is_shown_can_be_taken_away(viewer: Client) -> None:
    text = viewer.get(f"{PAGE}export/?format=csv&target=3").content.decode()
    rows = {(row["table"], row["row"], row["column"]): row for row in csv.DictReader(io.StringIO(text))}
    assert rows["overall", "be", "expectancy"]["value"] == "0.5"
    told = json.loads(viewer.get(f"{PAGE}export/?format=json&target=3").content)
    assert (told["target"], told["query"]) == ("3", "target=3")
    assert viewer.get(f"{PAGE}export/?format=csv&status=NOPE").status_code == 400
