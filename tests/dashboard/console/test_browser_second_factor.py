"""Setting up a second factor and signing in with it, in a real browser: nothing is against the page's policy."""

from base64 import b32decode
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.utils import timezone

from .browser import Visitor
from .conftest import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
WANTED = "/console/runs/"


def code(key: str, later: int = 0) -> str:
    """What the app shows so many seconds from now."""
    return TOTP(b32decode(key), 6, SHA1(), 30).generate(int(timezone.now().timestamp()) + later).decode()


def test_it_is_set_up_at_the_first_sign_in_and_asked_for_at_the_next(visitor: Visitor, settings: Any) -> None:
    settings.TWO_FACTOR = "all"
    page = visitor.page
    visitor.type_password("Viewer", WANTED)
    assert page.get_by_alt_text("QR code").evaluate("picture => picture.naturalWidth") > 100
    page.get_by_text("Without a camera").click()
    key = page.locator("details code").inner_text()
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=code]", code(key))
    visitor.press("Turn it on")
    page.get_by_role("link", name="I have kept them").click()
    page.wait_for_url(f"**{WANTED}")

    page.goto("about:blank")  # a page that follows changes would be refused them in the middle
    page.context.clear_cookies()
    visitor.type_password("Viewer", WANTED)
    page.fill("[name=code]", code(key, 30))
    visitor.press("Go on")
    page.wait_for_url(f"**{WANTED}")
