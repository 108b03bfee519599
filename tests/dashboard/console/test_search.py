"""Search: anything is found by what people have of it, in a bounded number of queries."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from dashboard.console.finding import find, only
from dashboard.console.page import PAGES
from dashboard.console.roles import VIEWER
from reconciliation.cycle.run import run_sync
from signals.dialects.builtin import BUILTIN
from signals.models import AlertId, Delivery, Source
from signals.receiving.senders import default_source
from signals.teaching.saving import save
from tests.builders import TRADE_ID, at, created, send, the_signal

from .conftest import As
from .examples import job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("trade")]
SEARCH = reverse("console:search")


@pytest.fixture
def viewer(signed_in: As) -> Client:
    return signed_in(VIEWER)


def links(text: str, title: str = "") -> list[str]:
    return [hit.link for group in find(text) for hit in group.hits if title in {"", group.title}]


def link(name: str, *args: Any) -> str:
    return reverse(f"console:{name}", args=args)


@pytest.mark.parametrize("text", [TRADE_ID, "20251211_0940", "bullish", "MNQ1!", "mnq1!", "2025-12-11"])
def test_a_signal_is_found_by_its_id_a_part_of_it_its_symbol_and_its_day(text: str) -> None:
    assert links(text, "Signals") == [link("signal", the_signal().pk)]


@pytest.mark.parametrize("text", ["2025-12-12", "20250101", "", "   ", "\0", "%", "x" * 5000])
def test_what_nobody_has_is_not_found(text: str) -> None:
    assert links(text, "Signals") == []


def test_a_delivery_is_found_by_its_id_and_by_how_it_begins() -> None:
    first = Delivery.objects.order_by("pk")[0]
    assert links(str(first.pk), "Deliveries") == [link("delivery", first.pk)]
    assert link("delivery", first.pk) in links(str(first.pk)[:8], "Deliveries")
    assert links("ffffffff", "Deliveries") == []


def test_a_day_leads_to_what_came_on_it_too() -> None:
    assert links("2025-12-11", "Deliveries") == [f"{link('deliveries')}?period=day&until=2025-12-11"]


@pytest.mark.parametrize("form", ["{}", "#{}", "run {}", "Run #{}"])
def test_a_run_is_found_by_its_number_as_people_write_it(form: str) -> None:
    run = run_sync(now=at(6), trigger="command").run_id
    assert link("run", run) in links(form.format(run))


def test_work_in_the_background_is_found_by_its_number() -> None:
    number = job()
    assert link("job", number) in links(f"job {number}")


def test_a_source_is_found_by_name_symbol_and_number_of_an_alert() -> None:
    source = default_source()
    AlertId.objects.create(source=source, alert_id="3456789012")
    for text in ("defa", "mnq1", "3456789012"):
        assert links(text, "Sources") == [link("source", source.pk)]


def test_formats_gaps_and_pages_are_found_by_name() -> None:
    made = save(BUILTIN["traderspost"].spec, source=default_source(), by=None, now=at(1))
    assert links("traders", "Formats") == [link("format", made.pk)]
    assert link("gap", "no_htf_alignment") in links("alignment", "Gaps")
    assert links("tester", "Pages") == [link("trades")]


def test_a_whole_id_leads_there_at_once_unless_it_is_of_several_or_one_wants_to_stay(viewer: Client) -> None:
    assert viewer.get(SEARCH, {"q": TRADE_ID})["Location"] == link("signal", the_signal().pk)
    assert viewer.get(SEARCH, {"q": TRADE_ID, "stay": 1}).status_code == 200
    send([(created(), at(1))], Source.objects.create(name="other"))
    assert only(find(TRADE_ID)) == ""
    assert viewer.get(SEARCH, {"q": TRADE_ID}).status_code == 200


def test_results_stand_in_groups_and_htmx_gets_them_alone(viewer: Client) -> None:
    whole = viewer.get(SEARCH, {"q": "bullish"}).content.decode()
    part = viewer.get(SEARCH, {"q": "bullish"}, headers={"HX-Request": "true"}).content.decode()
    assert "<h2>Signals</h2>" in whole
    assert "<html" not in part
    assert TRADE_ID in part
    assert "Nothing was found" in viewer.get(SEARCH, {"q": "nowhere"}).content.decode()


def test_what_is_typed_is_shown_as_text(viewer: Client) -> None:
    assert "<script>alert" not in viewer.get(SEARCH, {"q": "<script>alert(1)</script>"}).content.decode()


@pytest.mark.parametrize("text", ["bullish", "2025-12-11", "0193b2c4-0000-7000-8000-000000000000", "12"])
def test_it_costs_a_bounded_number_of_queries(text: str, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(8):
        find(text)


def test_every_page_has_the_search_and_the_keys(viewer: Client) -> None:
    shown = viewer.get(link("runs")).content.decode()
    assert f'action="{SEARCH}"' in shown
    assert f'href="{link("signals")}" data-go="s"' in shown
    assert 'data-go="n"' not in shown  # Start is for administrators


def test_no_two_pages_have_the_same_key() -> None:
    keys = [page.key for page in PAGES if page.key]
    assert len(set(keys)) == len(keys)


def test_who_turns_the_keys_off_has_none(viewer: Client) -> None:
    viewer.post(link("preferences"), {"zone": "market"})
    shown = viewer.get(link("runs")).content.decode()
    assert "data-go" not in shown
    assert f'action="{SEARCH}"' in shown
