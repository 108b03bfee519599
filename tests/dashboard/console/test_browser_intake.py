"""The intake pages as people use them, in a real browser: at a desk, on a phone, in the dark, without JavaScript."""

from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from dashboard.console.actions import ActionPage
from dashboard.console.page import Page
from dashboard.console.urls import PAGES
from signals.intake import take_in
from signals.models import AutomatedSignal, Delivery, Quarantine, Source
from signals.parcels import Incoming
from signals.receiving.senders import default_source
from tests.builders import created, update
from tests.posting import CREATED

from . import browser
from .browser import Visitor
from .conftest import MENDED, quarantined
from .test_ledger import LOG, arrived, told

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
# What the navigation leads to, and the actions that need no subject.
SHOWN: list[type[Page]] = [
    page for page in PAGES if "<" not in page.route and (page.icon or issubclass(page, ActionPage))
]


def test_signing_in_leads_to_where_one_wanted_to_go_and_out_again(visitor: Visitor) -> None:
    visitor.type_password("Viewer", "/console/sources/")
    assert visitor.page.url.endswith("/console/sources/")
    visitor.page.get_by_text("viewer-person").click()
    visitor.press("Log out")
    visitor.page.wait_for_url("**/admin/login/**")


def test_a_quarantined_body_is_mended_previewed_and_replayed(visitor: Visitor) -> None:
    quarantined()
    visitor.sign_in("Operator", reverse("console:quarantine"))
    visitor.page.get_by_role("link", name="Mend", exact=True).click()
    visitor.page.get_by_label("Mended copy").fill(MENDED)
    visitor.press("Preview")
    visitor.sees("stop_loss 25730")
    visitor.press("Replay")
    visitor.sees("Replayed: 1 event stored.")
    visitor.page.get_by_role("link", name="20251211_094500000_BULLISH").click()
    visitor.sees("Its values, and where each came from")
    assert Quarantine.objects.get().state == Quarantine.State.REPLAYED
    assert AutomatedSignal.objects.get().stop_loss == 25730


def test_several_are_ticked_at_once_and_dismissed_with_a_reason(visitor: Visitor) -> None:
    quarantined(b"<html>", 6)
    quarantined(b"<p>", 7)
    visitor.sign_in("Operator", reverse("console:quarantine"))
    visitor.page.get_by_label("All on this page").check()
    visitor.press("Dismiss…")
    visitor.sees("2 leave the quarantine")
    visitor.page.get_by_label("Why").fill("a scanner")
    visitor.press("Dismiss")
    visitor.sees("2 dismissed.")
    assert set(Quarantine.objects.values_list("note", flat=True)) == {"a scanner"}


def test_an_uploaded_log_shows_what_was_lost_and_importing_brings_it_back(visitor: Visitor, tmp_path: Path) -> None:
    arrived(told(created()), 1.03)
    file = tmp_path / "alerts.csv"
    file.write_text(LOG)
    visitor.sign_in("Operator", reverse("console:alert-log"))
    visitor.page.get_by_label("Alert log (CSV)").set_input_files(file)
    visitor.press("Compare")
    visitor.sees("4 of 5 rows are not stored")
    visitor.press("Import what is lost")
    visitor.sees("5 rows: 3 stored, 1 were there, 1 to quarantine")
    visitor.sees("Nothing is lost: every row of this log is stored.")
    assert Delivery.objects.filter(channel="log").count() == 5


def test_the_feed_follows_what_arrives_by_itself(visitor: Visitor) -> None:
    default_source()
    visitor.sign_in("Viewer", reverse("console:deliveries"))
    visitor.sees("Nothing arrived in the last 24 hours.")
    arrived(told(update(0.4)), 5)
    expect(visitor.page.get_by_role("region", name="Deliveries")).to_be_visible()


def test_activation_turns_as_the_first_alert_is_posted(visitor: Visitor) -> None:
    default_source()
    visitor.sign_in("Viewer", reverse("console:activation"))
    visitor.sees("Waiting for your first alert…")
    now = timezone.now()
    take_in(default_source(), [Incoming(body=CREATED, received_at=now)], now=now)
    expect(visitor.page.get_by_text("This page turns by itself")).to_be_hidden()
    visitor.sees("an alert arrived")


def test_what_somebody_has_ticked_is_not_replaced_under_their_hands(visitor: Visitor) -> None:
    quarantined()
    visitor.sign_in("Operator", reverse("console:quarantine"))
    box = visitor.page.get_by_label("All on this page")
    assert visitor.page.evaluate("consoleIdle(document.getElementById('live'))")
    box.check()
    assert not visitor.page.evaluate("consoleIdle(document.getElementById('live'))")


def test_a_server_that_does_not_answer_is_said_and_taken_back(visitor: Visitor) -> None:
    default_source()
    visitor.sign_in("Viewer", reverse("console:sources"))
    note = visitor.page.locator("#stale")
    expect(note).to_be_hidden()
    visitor.page.context.set_offline(True)
    visitor.page.evaluate("htmx.trigger(document, 'consolevisible')")
    expect(note).to_be_visible()
    visitor.page.context.set_offline(False)
    visitor.page.evaluate("htmx.trigger(document, 'consolevisible')")
    expect(note).to_be_hidden()
    visitor.problems.clear()  # chromium names the failed request, as it should


def test_a_new_address_is_shown_once_and_can_be_copied(visitor: Visitor) -> None:
    source = default_source()
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.sign_in("Administrator", reverse("console:rotate-token", args=[source.pk]))
    visitor.press("Make the new address")
    shown = visitor.page.get_by_label("Webhook address").input_value()
    assert "/api/automated-signals/webhook/" in shown
    visitor.page.get_by_role("button", name="Copy").first.click()
    visitor.sees("Copied")
    assert visitor.page.evaluate("navigator.clipboard.readText()") == shown
    assert Source.objects.get().tokens.count() == 1


def test_menus_open_by_keys(visitor: Visitor) -> None:
    visitor.sign_in("Viewer", reverse("console:sources"))
    menu = visitor.page.get_by_role("button", name="viewer-person")
    menu.focus()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("button", name="Log out")).to_be_visible()


def test_no_page_is_wider_than_the_screen(visitor: Visitor) -> None:
    some_of_everything()
    visitor.sign_in("Administrator")
    paths = [reverse(f"console:{page.name}") for page in SHOWN]
    assert browser.too_wide(visitor, paths, [390, 1920]) == []


def test_on_a_phone_the_navigation_opens_and_leads_on(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    visitor.sign_in("Viewer", reverse("console:sources"))
    link = visitor.page.get_by_role("link", name="Alert log")
    expect(link).to_be_hidden()
    visitor.page.get_by_role("button", name="Navigation").last.click()
    link.click()
    visitor.page.wait_for_url("**/console/alert-log/")


def test_pages_are_dark_where_the_system_is(visitor: Visitor) -> None:
    visitor.page.emulate_media(color_scheme="dark")
    visitor.sign_in("Viewer", reverse("console:sources"))
    red = visitor.page.evaluate("Number(getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/)[0])")
    assert visitor.page.evaluate("document.documentElement.classList.contains('dark')")
    assert red < 60


def test_without_javascript_everything_can_be_done(chromium: Browser, live_server: LiveServer) -> None:
    quarantined()
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    visitor = Visitor(context.new_page(), live_server.url)
    visitor.type_password("Operator", reverse("console:quarantine"))
    visitor.page.get_by_role("checkbox").last.check()
    visitor.press("Dismiss…")
    visitor.page.get_by_label("Why").fill("a scanner")
    visitor.press("Dismiss")
    visitor.sees("1 dismissed.")
    visitor.press("Log out")
    visitor.page.wait_for_url("**/admin/login/**")
    context.close()
    assert visitor.problems == []


def test_pages_are_accessible_light_and_dark(visitor: Visitor) -> None:
    some_of_everything()
    visitor.sign_in("Administrator")
    row = Quarantine.objects.earliest("pk")
    paths = [reverse(f"console:{page.name}") for page in SHOWN]
    paths += [
        reverse("console:quarantine"), f"{reverse('console:quarantine')}?state=dismissed",
        reverse("console:mend", args=[row.pk]), reverse("console:delivery", args=[row.delivery_id]),
    ]  # fmt: skip
    assert browser.violations(visitor, paths, opened=0) == []


def some_of_everything() -> None:
    arrived(told(created()), 1.03)
    quarantined()
    dismissed = quarantined(b"<html>", 7)
    Quarantine.objects.filter(pk=dismissed.pk).update(state=Quarantine.State.DISMISSED, decided_at=timezone.now())
    Source.objects.update(alert_expires_at=timezone.now())
