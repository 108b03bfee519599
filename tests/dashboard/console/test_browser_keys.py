"""Keys, search, views and columns as people use them, in a real browser; and what axe says of the pages."""

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from signals.models import Source
from signals.receiving.senders import default_source
from tests.builders import TRADE_ID, at, created, entry, send

from . import browser
from .browser import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LIST = reverse("console:signals")


@pytest.fixture(autouse=True)
def stored(db: None) -> None:
    send([(created(), at(1)), (entry(), at(3))])


def test_keys_lead_to_pages_and_do_nothing_while_somebody_types(visitor: Visitor) -> None:
    page = visitor.page
    visitor.sign_in("Viewer", "/")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url(f"**{LIST}")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("g?gs/")
    expect(page.locator("#search")).to_have_value("g?gs/")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("Escape")
    page.locator("#search").evaluate("field => field.blur()")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_anything_is_searched_from_any_page(visitor: Visitor) -> None:
    page = visitor.page
    visitor.sign_in("Viewer", "/console/runs/")
    page.keyboard.press("/")
    page.keyboard.type("0940")
    page.keyboard.press("Enter")
    page.get_by_role("link", name=TRADE_ID).click()
    expect(page.get_by_role("heading", name=TRADE_ID)).to_be_visible()
    visitor.open(reverse("console:search"))
    page.get_by_label("Search", exact=True).press_sequentially("defau")
    expect(page.get_by_role("link", name="default")).to_be_visible()


def test_a_view_is_kept_and_columns_are_chosen(visitor: Visitor) -> None:
    page = visitor.page
    visitor.sign_in("Viewer", f"{LIST}?status=CONFIRMED")
    page.get_by_text("Keep this view").click()
    page.get_by_label("Name of the view").fill("Fine ones")
    visitor.press("Keep")
    expect(page.get_by_role("link", name="Fine ones")).to_have_attribute("aria-current", "page")
    page.locator(".columns > summary").click()
    page.locator(".columns").get_by_label("Confidence").check()
    page.locator(".columns").get_by_label("HTF").uncheck()
    visitor.press("Show these")
    expect(page.get_by_role("columnheader", name="Confidence")).to_be_visible()
    expect(page.get_by_role("columnheader", name="HTF")).to_be_hidden()


def test_times_follow_the_browsers_zone_once_somebody_wants_that(chromium: Browser, live_server: LiveServer) -> None:
    context = chromium.new_context(timezone_id="Asia/Tokyo")
    visitor = Visitor(context.new_page(), live_server.url)
    visitor.sign_in("Viewer", reverse("console:preferences"))
    visitor.page.get_by_label("This browser's").check()
    visitor.press("Save")
    visitor.open(LIST)
    visitor.sees("2025-12-11 23:40")
    context.close()


def test_the_new_pages_have_nothing_serious_against_them(visitor: Visitor) -> None:
    Source.objects.create(name="demo-future", simulated=True)
    visitor.sign_in("Administrator", reverse("console:start"))
    visitor.press("Make the address")
    visitor.sees("Copy it now")
    shown_once = browser.serious(visitor)
    paths = [
        reverse("console:first-alert", args=[default_source().pk]), reverse("console:preferences"),
        f"{reverse('console:search')}?q=defa", f"{LIST}?status=CONFIRMED", reverse("console:remove-simulated"),
    ]  # fmt: skip
    assert [*shown_once, *browser.violations(visitor, paths)] == []
