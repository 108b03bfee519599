"""From an empty installation to a signal of somebody's own alert, by clicks only, in a real browser."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from dashboard import jobs
from dashboard.models import Job
from signals.models import AutomatedSignal, Quarantine
from tests.posting import open_source, post

from .browser import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
BUY = b'{"action":"buy","ticker":"BTCUSDT","price":65000,"time":"2026-11-26T08:00:00Z"}'
PAIRS = b"sym=ES1!;do=LE;px=5012.25"


def posted(visitor: Visitor, body: bytes) -> None:
    """An alert arrives that nobody can read; Activation sends there."""
    open_source()
    assert post(body).status_code == 202
    visitor.sign_in("Administrator", reverse("console:activation"))
    visitor.sees("1 arrived, none could be read")
    visitor.page.get_by_role("link", name="See what they are, and teach their format").click()


def read(visitor: Visitor) -> AutomatedSignal:
    """The worker does what was queued, and the job's page says so."""
    visitor.sees("Waiting for the worker")
    jobs.work(Job.objects.get().pk)
    visitor.sees("1 messages read")
    assert Quarantine.objects.get().state == Quarantine.State.REPLAYED
    visitor.open(reverse("console:activation"))
    visitor.sees("an alert arrived and was read")
    return AutomatedSignal.objects.get()


def test_an_alert_for_a_bot_is_read_by_the_built_in_format_that_fits(visitor: Visitor) -> None:
    posted(visitor, BUY)
    visitor.page.get_by_role("link", name="Use TradersPost…").click()
    visitor.sees("1 of 1 alert can be read and tell of 1 signal.")
    visitor.press("Use it")
    signal = read(visitor)
    assert (signal.direction, signal.entry_price) == ("Bullish", 65000)


def test_a_text_is_taught_with_the_preview_following_what_is_typed(visitor: Visitor) -> None:
    posted(visitor, PAIRS)
    visitor.page.get_by_role("link", name="Teach this format…").click()
    page, outcome = visitor.page, visitor.page.locator("#outcome")
    page.get_by_label("Name", exact=True).fill("mine")
    page.get_by_label("What happens").fill("do")
    page.get_by_label("Price", exact=True).fill("px")
    page.get_by_label("Rule 1: where").fill("action = LE")
    page.locator("[name=then_0]").select_option("open long")
    expect(outcome).to_contain_text("entry price 5012.25")
    outcome.get_by_role("button", name="Save this format").click()
    signal = read(visitor)
    assert (float(signal.entry_price or 0), signal.direction) == (5012.25, "Bullish")
