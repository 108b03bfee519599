"""All Signals and Signal as people use them, in a real browser: at a desk, on a phone, in the dark, without scripts."""

import json
import re
from decimal import Decimal

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from dashboard.console.pages.signals import TICKED
from reconciliation.cycle.run import run_sync
from reconciliation.decisions import dismiss_gap
from reconciliation.models import SyncAuditLog
from signals.bars.storing import Bar, store_bars
from signals.models import AutomatedSignal, PriceBar
from tests.builders import (
    TRADE_ID,
    at,
    break_even,
    cancelled,
    created,
    entry,
    exit_stop,
    payload,
    send,
    the_signal,
    update,
)

from . import browser
from .browser import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LIST = "/console/signals/"
OTHER, STRANGER = "20251211_094100000_BEARISH", "20251211_094500000_BULLISH"

# A page hears a little later of what was opened, and moves it then; of what is opened now it hears after that.
SETTLED = """() => new Promise((heard) => {
  const probe = document.body.appendChild(document.createElement("details"));
  probe.addEventListener("toggle", () => { probe.remove(); heard(); }, { once: true });
  probe.open = true;
})"""

WAKE = """() => {
  let asked = 0;
  document.addEventListener("htmx:beforeRequest", () => asked++);
  htmx.trigger(document, "consolevisible");
  return asked;
}"""


@pytest.fixture(autouse=True)
def morning(db: None) -> None:
    """A finished trade, a cancelled signal, and a stranger with gaps that no tier can fill; no cycle yet."""
    send(
        [
            (created(), at(1)),
            (entry(), at(3)),
            *((update(n / 10), at(3 + n)) for n in range(1, 9)),
            (break_even(), at(12)),
            (exit_stop(), at(20)),
            (created(OTHER, direction="Bearish"), at(2)),
            (cancelled(OTHER), at(4)),
            (payload("MFE_UPDATE", STRANGER, be_mfe=0.4, no_be_mfe=0.4), at(8)),
        ]
    )


def link_of(trade_id: str) -> str:
    return reverse("console:signal", args=[the_signal(trade_id).pk])


def test_the_chart_tells_its_bars_by_keys_and_pointer_and_is_shown_closer(visitor: Visitor) -> None:
    price = Decimal(25740)
    store_bars(
        Bar("MNQ1!", at(minute), PriceBar.Kind.BAR, price, price + minute, price, price, f"{minute}:0")
        for minute in range(20)
    )
    visitor.sign_in("Viewer", link_of(TRADE_ID))
    slider, told = visitor.page.get_by_label("Bar", exact=True), visitor.page.locator(".reader output")
    slider.press("Home")
    expect(told).to_contain_text("09:40: open 25,740.00, high 25,740.00")
    slider.press("ArrowRight")
    expect(told).to_contain_text("09:41")
    slider.evaluate("slider => slider.blur()")
    visitor.page.keyboard.press("+")
    visitor.page.wait_for_url("**from=**")
    visitor.page.locator(".candle").first.hover(force=True)
    expect(visitor.page.locator(".reader output")).to_contain_text("high 25,7")
    visitor.page.get_by_role("link", name="Whole life").click()
    expect(visitor.page.locator(".candle")).to_have_count(20)


def test_a_list_is_narrowed_sorted_and_kept_in_the_address(visitor: Visitor) -> None:
    visitor.sign_in("Viewer", LIST)
    visitor.page.locator("summary", has_text="Status").click()
    visitor.page.get_by_label("Completed").check()
    visitor.page.get_by_label("Cancelled").check()
    visitor.press("Show")
    visitor.page.wait_for_url("**/signals/?status=COMPLETED&status=CANCELLED")
    visitor.page.get_by_role("link", name="Direction", exact=True).click()
    visitor.page.wait_for_url("**ordering=-direction")
    rows = visitor.page.locator("table.signals tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Bullish")
    visitor.page.reload()
    expect(visitor.page.get_by_role("columnheader", name="Direction")).to_have_attribute("aria-sort", "descending")


@pytest.mark.parametrize("width", [390, 700, 1280])
def test_the_filters_lists_open_inside_the_screen_one_at_a_time(visitor: Visitor, width: int) -> None:
    visitor.sign_in("Viewer", LIST)
    visitor.page.set_viewport_size({"width": width, "height": 844})
    visitor.page.locator(".more > summary").click()
    lists = visitor.page.locator(".pick > :is(fieldset, form)")
    for number, summary in enumerate(visitor.page.locator(".pick > summary").all()):
        if number >= len(TICKED):  # what an open list may cover
            visitor.page.keyboard.press("Escape")
        summary.click()
        expect(visitor.page.locator(".pick[open]")).to_have_count(1)
        lists.nth(number).evaluate(SETTLED)
        box = lists.nth(number).bounding_box()
        assert box is not None
        assert 0 <= box["x"] < box["x"] + box["width"] <= width
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_filters_list_closes_by_escape_and_by_a_click_beside_it(visitor: Visitor) -> None:
    visitor.sign_in("Viewer", LIST)
    summary, opened = visitor.page.locator("summary", has_text="Status"), visitor.page.locator(".pick[open]")
    summary.click()
    visitor.page.get_by_label("Completed").check()
    visitor.page.keyboard.press("Escape")
    expect(opened).to_have_count(0)
    expect(summary).to_be_focused()
    summary.press("Enter")
    expect(visitor.page.get_by_label("Completed")).to_be_checked()
    visitor.page.get_by_role("heading", level=1).click()
    expect(opened).to_have_count(0)


def test_a_gap_leads_to_its_signal_which_is_reconciled_and_undone(visitor: Visitor) -> None:
    visitor.sign_in("Operator", f"{LIST}?status=COMPLETED")
    visitor.page.locator("table.signals tbody a").first.click()
    visitor.page.wait_for_url(f"**{link_of(the_signal().trade_id)}")
    visitor.page.get_by_role("link", name="Reconcile now…").click()
    visitor.sees("Targets 1R to 20R")
    visitor.press("Reconcile")
    visitor.sees("Reconciled in run")
    visitor.page.locator(".life").get_by_role("link", name="Undo…").first.click()
    visitor.page.get_by_label("Why").fill("seen on the chart")
    visitor.press("Undo")
    visitor.sees("Undone. The next cycle looks at the signal again.")
    visitor.sees("by operator-person")
    assert SyncAuditLog.objects.filter(action="undone", actor="operator-person").count() == 1


def test_a_gap_badge_leads_to_where_it_is_dismissed(visitor: Visitor) -> None:
    visitor.sign_in("Operator", f"{LIST}?gap=no_entry_price")
    visitor.page.get_by_role("link", name="entry", exact=True).click()
    visitor.page.get_by_role("row", name="No entry price").get_by_role("link", name="Dismiss…").click()
    visitor.page.get_by_label("Why").fill("before this source was set up")
    visitor.press("Dismiss")
    visitor.sees("1 gap dismissed: No entry price.")
    visitor.sees("Dismissed: No entry price, by operator-person")


def test_what_is_read_does_not_move_when_signals_arrive(visitor: Visitor) -> None:
    send([(created(f"20251211_{10 + n // 60}{n % 60:02}00000_BULLISH"), at(21 + n)) for n in range(60)])
    visitor.sign_in("Viewer", LIST)
    first = visitor.page.locator("table.signals tbody tr").first
    before = first.inner_text()
    visitor.page.mouse.wheel(0, 1200)
    visitor.page.wait_for_function("scrollY > 300")
    send([(created("20251211_130000000_BULLISH"), at(201))])
    visitor.page.evaluate("htmx.trigger(document, 'consolevisible')")
    note = visitor.page.get_by_role("link", name="1 new signal")
    expect(note).to_be_visible()
    assert first.inner_text() == before
    note.click()
    expect(first).to_contain_text("20251211_130000000_BULLISH")


def test_at_the_top_of_the_list_new_signals_appear_by_themselves(visitor: Visitor) -> None:
    visitor.sign_in("Viewer", LIST)
    send([(created("20251211_130000000_BULLISH"), at(201))])
    visitor.sees("20251211_130000000_BULLISH")


def test_a_body_as_received_can_be_copied(visitor: Visitor) -> None:
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.sign_in("Viewer", link_of(STRANGER))
    visitor.page.locator("#bodies summary").first.click()
    body = visitor.page.get_by_label("Body as received").first
    assert json.loads(body.input_value())["trade_id"] == STRANGER
    visitor.page.locator("#bodies").get_by_role("button", name="Copy").first.click()
    visitor.sees("Copied")
    assert json.loads(visitor.page.evaluate("navigator.clipboard.readText()"))["trade_id"] == STRANGER


def test_what_is_opened_is_not_closed_by_what_arrives(visitor: Visitor) -> None:
    def asks_when_woken() -> int:
        """How often the page asks for its live part when it comes back to the front."""
        return int(visitor.page.evaluate(WAKE))

    visitor.sign_in("Viewer", link_of(STRANGER))
    visitor.page.evaluate("document.querySelector('#live > section').id = 'former'")
    assert asks_when_woken() == 1
    expect(visitor.page.locator("#former")).to_have_count(0)
    visitor.page.locator("table.values summary").first.click()
    assert asks_when_woken() == 0


def test_a_trade_id_that_is_searched_leads_to_its_signal(visitor: Visitor) -> None:
    visitor.sign_in("Viewer", LIST)
    visitor.page.get_by_label("Trade id").fill(OTHER)
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url(f"**{link_of(OTHER)}")
    visitor.sees("Cancelled after")


def test_neither_page_is_wider_than_the_screen(visitor: Visitor) -> None:
    run_sync(now=at(60), trigger="command")
    visitor.sign_in("Operator", LIST)
    paths = [LIST, *(reverse("console:signal", args=[signal.pk]) for signal in AutomatedSignal.objects.all())]
    assert browser.too_wide(visitor, paths, [390, 1400]) == []


@pytest.mark.parametrize(
    ("width", "whole"), [(390, ["Signal", "Status", "Health, gaps"]), (1280, ["Signal", "Health, gaps", "MAE (R)"])]
)
def test_what_matters_most_in_the_list_is_seen_without_scrolling(
    visitor: Visitor, width: int, whole: list[str]
) -> None:
    run_sync(now=at(60), trigger="command")
    visitor.sign_in("Viewer", LIST)
    visitor.page.set_viewport_size({"width": width, "height": 844})
    for heading in whole:
        box = visitor.page.get_by_role("columnheader", name=heading, exact=True).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width, heading


def test_a_list_that_goes_on_to_the_right_says_so_and_keeps_its_signals_in_view(visitor: Visitor) -> None:
    visitor.sign_in("Viewer", LIST)
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    region = visitor.page.get_by_role("region", name="Signals")
    nothing = re.compile(r"^none$|rgba\(0, 0, 0, 0\)")
    expect(region).not_to_have_css("box-shadow", nothing)
    region.evaluate("region => region.scrollLeft = region.scrollWidth")
    expect(region).to_have_css("box-shadow", nothing)
    signal = region.get_by_role("link").filter(has=visitor.page.locator("time")).first
    signal.evaluate("link => window.scrollTo(0, link.getBoundingClientRect().top)")  # down, but not to the side
    expect(signal).to_be_in_viewport(ratio=1)


LINES = """cells => cells.map(cell => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return [cell.textContent, new Set([...range.getClientRects()].map(box => Math.round(box.top))).size];
})"""


@pytest.mark.parametrize("width", [390, 1280])
def test_a_signals_numbers_and_times_stand_on_one_line(visitor: Visitor, width: int) -> None:
    visitor.sign_in("Viewer", LIST)
    visitor.page.set_viewport_size({"width": width, "height": 844})
    visitor.open(link_of(the_signal().trade_id))
    told = visitor.page.locator("table.values td:nth-child(2)").evaluate_all(LINES)
    found = [(text, lines) for text, lines in told if re.fullmatch(r"[-\d,.: ]+", text)]
    assert len(found) > 8
    assert [text for text, lines in found if lines > 1] == []


def test_on_a_phone_the_charts_levels_are_named_below_it(visitor: Visitor) -> None:
    visitor.sign_in("Viewer", link_of(the_signal().trade_id))
    levels = visitor.page.get_by_role("list", name="Levels")
    expect(levels).to_be_hidden()
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    expect(levels).to_contain_text("Stop 25,730.00")
    for level in levels.get_by_role("listitem").all():
        level.scroll_into_view_if_needed()
        expect(level).to_be_in_viewport(ratio=1)


def test_both_pages_are_accessible_and_readable_light_and_dark(visitor: Visitor) -> None:
    """With findings, one of them corrected, and a dismissed gap."""
    send([(update(-0.1, mae=0.2, trade_id=STRANGER), at(9)), (created(OTHER, session="LONDON"), at(3))])
    run_sync(now=at(60), trigger="command")
    dismiss_gap(the_signal(STRANGER), "no_entry_price", actor="operator-person", reason="before its time")
    visitor.sign_in("Operator", LIST)
    paths = (LIST, f"{LIST}?status=COMPLETED", link_of(STRANGER), link_of(OTHER), link_of(the_signal().trade_id))
    assert browser.violations(visitor, paths) == []


def test_without_javascript_a_list_is_narrowed_and_a_signal_reconciled(
    chromium: Browser, live_server: LiveServer
) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    visitor = Visitor(context.new_page(), live_server.url)
    visitor.sign_in("Operator", LIST)
    visitor.page.locator("summary", has_text="Status").click()
    visitor.page.get_by_label("Completed").check()
    visitor.press("Show")
    visitor.page.locator("table.signals tbody a").first.click()
    visitor.page.get_by_role("link", name="Reconcile now…").click()
    visitor.press("Reconcile")
    visitor.sees("Reconciled in run")
    context.close()
    assert visitor.problems == []
