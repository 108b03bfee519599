"""A passkey in a real browser, with an authenticator of its own: made, asked for, and on pages that fit a phone."""

from typing import Any

import pytest

from .browser import DRAWN, Visitor, serious
from .conftest import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
WANTED = "/console/runs/"
PHONE = {"width": 390, "height": 844}
# As a phone's or computer's own: it keeps passkeys and looks at a finger.
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


def faults(visitor: Visitor) -> list[str]:
    """What is wrong with the page that is shown, on a phone, light and dark."""
    visitor.page.set_viewport_size(PHONE)
    visitor.page.evaluate(DRAWN)
    wide = visitor.page.evaluate("document.documentElement.scrollWidth")
    return serious(visitor) + ([f"{visitor.page.url} is {wide} wide"] if wide > PHONE["width"] else [])


def test_it_is_made_at_the_first_sign_in_and_asked_for_at_the_next(visitor: Visitor, settings: Any) -> None:
    settings.TWO_FACTOR = "all"
    page = visitor.page
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})

    visitor.type_password("Viewer", WANTED)
    page.get_by_role("link", name="Use a passkey instead").click()
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=name]", "phone")
    assert faults(visitor) == []
    visitor.press("Add it")
    page.get_by_role("link", name="I have kept them").click()
    page.wait_for_url(f"**{WANTED}")

    page.goto("about:blank")  # a page that follows changes would be refused them in the middle
    page.context.clear_cookies()
    visitor.type_password("Viewer", WANTED)
    assert faults(visitor) == []
    visitor.press("Use a passkey")
    page.wait_for_url(f"**{WANTED}")

    visitor.open("/account/second-factor/own/")
    assert "never" not in page.get_by_role("row").filter(has_text="phone").inner_text()
    assert faults(visitor) == []
    page.get_by_role("link", name="Add a passkey").click()
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=name]", "again")
    visitor.press("Add it")
    visitor.sees("This device has a passkey for your account already.")
