"""Gaps in a real browser: from a type to its signals, previewed, fixed, undone, dismissed; all of a type by itself."""

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from dashboard import jobs
from dashboard.console import selection
from dashboard.console.pages import filling
from dashboard.models import Job
from reconciliation.cycle.run import run_sync
from reconciliation.models import SyncAuditLog, SyncRun
from signals.models import Fill
from tests.builders import TRADE_ID, at, the_signal

from .browser import Visitor
from .test_gaps import fillable, link, without_mfe
from .test_overview import propose

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_a_gap_is_fixed_and_the_run_undone(visitor: Visitor) -> None:
    fillable()
    visitor.sign_in("Operator", link("gap", "no_mae"))
    visitor.page.get_by_label(f"Tick {TRADE_ID}").check()
    visitor.press("Fix ticked…")
    expect(visitor.page.get_by_role("region", name="What it would fill")).to_contain_text("MAE")
    visitor.sees("Each tier, asked alone")
    assert not Fill.objects.exists()
    visitor.press("Fix")
    visitor.sees("1 signal looked at")
    assert the_signal().mae is not None
    visitor.page.get_by_role("link", name="Undo this run…").click()
    expect(visitor.page.get_by_role("region", name="What is undone")).to_contain_text("MAE")
    visitor.page.get_by_label("Why").fill("wrong prices")
    visitor.press("Undo")
    visitor.sees("undone.")
    assert the_signal().mae is None


def by(signals: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (jobs, filling, selection):
        monkeypatch.setattr(module, "AT_ONCE", signals)


def test_all_of_a_type_goes_on_by_itself_and_ends(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    by(2, monkeypatch)
    for minute in range(5):
        without_mfe(minute)
    visitor.sign_in("Operator", link("gaps"))
    visitor.page.get_by_role("row", name="No current MFE")
    visitor.open(f"{link('fix-gaps')}?gap=no_mfe_update&all=1")
    visitor.press("Fix")
    visitor.sees("0 of 5 signals looked at")
    jobs.work(Job.objects.get().pk)
    visitor.sees("5 of 5 signals looked at")
    expect(visitor.page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
    assert SyncRun.objects.count() == 3
    visitor.page.get_by_role("link", name="What is left").click()
    visitor.page.wait_for_url(f"**{link('gap', 'no_mfe_update')}")


# Has the live part ask for itself, and waits until the answer has been dealt with.
UPDATED = """() => new Promise((done) => {
  document.addEventListener("htmx:afterOnLoad", () => done(), { once: true });
  htmx.trigger(document, "consolevisible");
})"""


def test_rows_that_are_ticked_stay_ticked_while_the_page_updates_itself(visitor: Visitor) -> None:
    signal = without_mfe()
    visitor.sign_in("Operator", link("gap", "no_mfe_update"))
    box = visitor.page.get_by_label(f"Tick {signal.trade_id}")
    box.check()
    visitor.page.get_by_role("heading", level=1).click()
    visitor.page.evaluate(UPDATED)
    expect(box).to_be_checked()


def test_all_on_the_page_are_ticked_and_dismissed_with_a_reason(visitor: Visitor) -> None:
    for minute in range(3):
        without_mfe(minute)
    visitor.sign_in("Operator", link("gap", "no_mfe_update"))
    visitor.page.get_by_label("All on this page").check()
    visitor.press("Dismiss ticked…")
    visitor.page.get_by_label("Why").fill("replayed chart")
    visitor.press("Dismiss")
    visitor.sees("3 gaps dismissed")
    visitor.page.get_by_role("link", name="Dismissed").click()
    visitor.sees("replayed chart")
    assert SyncAuditLog.objects.filter(action="gap_dismissed", actor="operator-person").count() == 3


def test_a_fill_of_low_confidence_is_approved_from_the_overview(visitor: Visitor) -> None:
    propose(fillable())
    visitor.sign_in("Operator", "/")
    visitor.page.get_by_role("link", name="Approve or refuse").click()
    visitor.page.get_by_label(f"Tick mae of {TRADE_ID}").check()
    visitor.press("Approve ticked…")
    visitor.press("Approve")
    visitor.sees("1 fill approved.")
    assert the_signal().mae is not None


def test_two_runs_are_ticked_and_compared_by_keyboard(visitor: Visitor) -> None:
    fillable()
    first, second = (run_sync(now=at(minutes), trigger="schedule").run_id for minutes in (50, 52))
    visitor.sign_in("Viewer", link("runs"))
    for run in (first, second):
        visitor.page.get_by_label(f"Tick run {run}", exact=True).focus()
        visitor.page.keyboard.press("Space")
    visitor.page.get_by_role("button", name="Compare the two ticked").focus()
    visitor.page.keyboard.press("Enter")
    visitor.sees("Difference")
    expect(visitor.page.get_by_role("columnheader", name=f"Run {first}", exact=True)).to_be_visible()


def test_without_javascript_all_of_a_type_is_fixed_and_the_page_tells_when_asked_again(
    chromium: Browser, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    by(1, monkeypatch)
    for minute in range(2):
        without_mfe(minute)
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    visitor = Visitor(context.new_page(), live_server.url)
    visitor.sign_in("Operator", f"{link('fix-gaps')}?gap=no_mfe_update&all=1")
    visitor.press("Fix")
    visitor.sees("0 of 2 signals looked at")
    jobs.work(Job.objects.get().pk)
    visitor.page.reload()
    visitor.sees("2 of 2 signals looked at")
    context.close()
    assert visitor.problems == []
