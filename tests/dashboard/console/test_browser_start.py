"""A stranger's first ten minutes, in a real browser: from signing in to an alert of one's own on the screen."""

import httpx
import pytest
from django.urls import reverse
from playwright.sync_api import expect

from signals.models import AutomatedSignal

from .browser import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def made(visitor: Visitor) -> None:
    visitor.sign_in("Administrator", "/")
    visitor.page.locator('#nav-sidebar a[href="/console/start/"]').click()
    visitor.sees("A public address, three ways")
    visitor.page.get_by_label("Name of a new source").fill("my-chart")
    visitor.press("Make the address")
    visitor.sees("Copy it now")


def test_the_shown_alert_is_posted_to_the_copied_address_and_its_signal_opens(visitor: Visitor) -> None:
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    made(visitor)
    visitor.page.locator("[data-copy=address]").click()
    address = visitor.page.evaluate("navigator.clipboard.readText()")
    visitor.sees("Waiting for the first alert…")
    assert httpx.post(address, content=visitor.page.get_by_label("Text of an alert").input_value()).status_code == 200
    expect(visitor.page.get_by_role("heading", name="Seen: your alert is a signal")).to_be_visible()
    trade = AutomatedSignal.objects.get(source__name="my-chart").trade_id
    visitor.page.get_by_role("link", name=f"Open {trade}").click()
    expect(visitor.page.get_by_role("heading", name=trade)).to_be_visible()


def test_it_can_be_sent_from_the_page_itself(visitor: Visitor) -> None:
    made(visitor)
    visitor.press("Send it")
    visitor.sees("The webhook answered 200")
    expect(visitor.page.get_by_role("heading", name="Seen: your alert is a signal")).to_be_visible()


def test_a_message_that_nobody_knows_leads_to_teaching_it(visitor: Visitor) -> None:
    made(visitor)
    address = visitor.page.get_by_label("Webhook address").input_value()
    httpx.post(address, content='{"sym": "MNQ1!", "way": "up", "px": 20010}')
    visitor.sees("Seen, and not understood yet")
    visitor.page.get_by_role("link", name="Teach this format…").click()
    visitor.page.wait_for_url(f"**{reverse('console:unknown-formats')}**")
