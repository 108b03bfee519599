"""Overview, gaps, runs and audit in a real browser: at a desk, on a phone, in the dark, without scripts."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from reconciliation.cycle.run import run_sync
from reconciliation.models import SignalHealthMetric, SyncRun
from signals.models import Source
from signals.receiving.senders import default_source
from tests.builders import at

from . import browser
from .browser import Visitor
from .conftest import quarantined
from .test_gaps import fillable, link, without_mfe
from .test_jobs import a_job
from .test_overview import propose

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


# How many points each chart has drawn.
DRAWN = """[...document.querySelectorAll("[data-trend]")].map(
  (canvas) => Chart.getChart(canvas)?.data.datasets[0].data.length ?? 0
)"""


@pytest.fixture(autouse=True)
def stored(db: None) -> None:
    """Two cycles, a signal without gaps, some with, a trend, a quarantined delivery and a fill to approve."""
    fillable()
    without_mfe()
    propose(without_mfe(1))
    quarantined()
    run_sync(now=at(90), trigger="schedule")
    run_sync(now=at(92), trigger="command")
    for minutes in range(59, 0, -2):
        then = timezone.now() - timedelta(minutes=minutes)
        run = SyncRun.objects.create(
            trigger="schedule", state="finished", as_of=then, started_at=then, finished_at=then,
            options={"trade_ids": []},
        )  # fmt: skip
        SignalHealthMetric.objects.create(run=run, at=then, health=90.0, actionable_gaps=minutes, waiting_gaps=2)


def pages() -> list[str]:
    first, last = SyncRun.objects.order_by("pk").values_list("pk", flat=True)[:2]
    return [
        "/", link("gaps"), link("gap", "no_mfe_update"), link("approvals"), link("set-aside"),
        f"{link('fix-gaps')}?gap=no_mfe_update&all=1", link("runs"), link("run", first), link("undo-run", first),
        f"{link('compare-runs')}?pick={first}&pick={last}", link("start-run"), f"{link('audit')}?period=all",
        link("audit-changes"), link("undo-tier"), link("job", a_job().pk),
        link("job", a_job(state="failed", says="This upload is gone.").pk),
    ]  # fmt: skip


def test_the_trend_is_drawn_and_drawn_again_for_another_period(visitor: Visitor) -> None:
    visitor.sign_in("Viewer", "/?trend=1h")
    visitor.page.wait_for_function(f"({DRAWN}).every(points => points > 20)")
    visitor.page.get_by_role("link", name="7 days", exact=True).click()
    visitor.page.wait_for_url("**trend=7d")
    visitor.page.wait_for_function(f"({DRAWN}).every(points => points >= 1)")
    visitor.page.evaluate("htmx.ajax('GET', '/console/trends/?trend=1h', '[hx-get*=trends]')")
    visitor.page.wait_for_function(f"({DRAWN})[0] > 20")


def test_health_leads_to_the_signals_that_cost_it(visitor: Visitor) -> None:
    visitor.sign_in("Viewer", "/")
    visitor.page.get_by_role("region", name="What costs health").get_by_role("link", name="No current MFE").click()
    expect(visitor.page).to_have_title("No current MFE | SignalSync")
    visitor.page.get_by_role("link", name="20251211_100000000_BULLISH").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_contain_text("20251211_100000000_BULLISH")


@pytest.mark.usefixtures("unguarded")
def test_a_source_that_falls_silent_turns_by_itself(visitor: Visitor) -> None:
    default_source()
    Source.objects.update(calendar="24/7")
    webhooks = default_source().deliveries.filter(channel="webhook")
    webhooks.update(received_at=timezone.now() - timedelta(minutes=1))
    visitor.sign_in("Viewer", "/")
    expect(visitor.page.get_by_role("region", name="Sources").last).to_contain_text("Heard")
    webhooks.update(received_at=timezone.now() - timedelta(days=2))
    visitor.page.evaluate("htmx.trigger(document, 'consolevisible')")
    expect(visitor.page.get_by_role("region", name="Sources").last).to_contain_text("silent")


def test_no_page_is_wider_than_the_screen(visitor: Visitor) -> None:
    visitor.sign_in("Operator", "/")
    assert browser.too_wide(visitor, pages(), [390, 1280]) == []


def test_the_pages_are_accessible_and_readable_light_and_dark(visitor: Visitor) -> None:
    visitor.sign_in("Operator", "/")
    assert browser.violations(visitor, pages(), opened=4) == []


COLOURS = """() => [...document.querySelectorAll("body *")].map((each) => {
  const { color, backgroundColor, borderColor } = getComputedStyle(each);
  return [each.tagName, color, backgroundColor, borderColor].join(" ");
})"""


def test_a_page_that_is_darkened_for_axe_looks_as_one_opened_in_the_dark(visitor: Visitor) -> None:
    visitor.sign_in("Operator", link("gaps"))
    light = visitor.page.evaluate(COLOURS)
    browser.darken(visitor)
    darkened = visitor.page.evaluate(COLOURS)
    visitor.open(link("gaps"))
    visitor.page.evaluate(browser.FADED)
    assert visitor.page.evaluate(COLOURS) == darkened != light


def test_without_javascript_the_pages_tell_the_same(chromium: Browser, live_server: LiveServer) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    visitor = Visitor(context.new_page(), live_server.url)
    visitor.sign_in("Operator", "/?trend=1h")
    visitor.page.locator("summary", has_text="Latest figures as a table").click()
    expect(visitor.page.get_by_role("region", name="Latest figures")).to_contain_text("90.0 %")
    expect(visitor.page.locator("canvas").first).to_be_hidden()
    for path in pages():
        visitor.open(path)
        expect(visitor.page.locator(".console")).to_be_visible()
    context.close()
    assert visitor.problems == []


@pytest.mark.parametrize("width", [390, 1280])
def test_without_javascript_the_page_comes_first_and_the_navigation_is_at_hand(
    chromium: Browser, live_server: LiveServer, width: int
) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": width, "height": 844})
    visitor = Visitor(context.new_page(), live_server.url)
    visitor.sign_in("Administrator", "/")
    health = visitor.page.get_by_role("heading", name="System health").bounding_box()
    assert health is not None
    assert health["y"] < 200
    if width == 390:
        visitor.page.get_by_role("link", name="Menu").click()
    expect(visitor.page.locator("#nav-sidebar a", has_text="All Signals").first).to_be_in_viewport()
    visitor.press("Log out")
    visitor.page.wait_for_url("**/admin/login/**")
    context.close()
    assert visitor.problems == []
