"""A real chromium, driven by Playwright, against the application as served; what went wrong in it is remembered."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.processes import PATIENCE

from .conftest import person, with_password

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def chromium() -> str | None:
    """Debian's chromium, or the one that CHROMIUM names."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class Visitor:
    """Somebody at a browser."""

    page: Page
    site: str
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE * 1000)
        self.page.on("console", self.note)
        self.page.expose_function("violated", lambda what: self.problems.append(f"against the page's policy: {what}"))
        self.page.add_init_script(
            "document.addEventListener('securitypolicyviolation',"
            " event => window.violated(`${event.violatedDirective} ${event.blockedURI} on ${location.pathname}`))"
        )
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))

    def note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def open(self, path: str) -> None:
        self.page.goto(self.site + path)

    def sign_in(self, role: str, path: str = "/console/sources/") -> None:
        """Opens a page as somebody who has signed in already."""
        client = Client()
        client.force_login(person(role))
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        self.page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": self.site}])
        self.open(path)

    def type_password(self, role: str, path: str) -> None:
        """Signs in as people do, and is led to the page that was asked for."""
        typed = with_password(role)
        self.open(path)
        self.page.fill("[name=username]", typed["username"])
        self.page.fill("[name=password]", typed["password"])
        self.page.click("#login-form button[type=submit]")
        self.page.wait_for_url(lambda address: "/login/" not in address)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def sees(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()


def launched() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip("no chromium here: install Debian's package, or name one in CHROMIUM")
    # Playwright's sync API runs an event loop, in which Django would refuse the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


def axe_script() -> Path:
    """axe-core as axe-playwright-python ships it; skips the test where that is not installed."""
    package = pytest.importorskip("axe_playwright_python")
    return Path(package.__file__).parent / "axe.min.js"


OPEN_DETAILS = """most => {
  const all = [...document.querySelectorAll("#content details:has(> summary)")];
  for (const details of all.slice(0, most)) details.open = true;
}"""

# Two frames: what is drawn anew because the size has changed, charts too, is drawn.
DRAWN = "() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))"

COLOUR_RULES = ["color-contrast", "link-in-text-block"]
"""What axe asks of colours: all of its rules that are tagged cat.color and on by default."""

AXE = "options => axe.run(document, {...options, resultTypes: ['violations']})"

# Colours that fade into each other are as they end.
FADED = "() => { for (const each of document.getAnimations()) if (each instanceof CSSTransition) each.finish(); }"


def darken(visitor: Visitor) -> None:
    """Does to the page what the theme does where the system is dark."""
    visitor.page.emulate_media(color_scheme="dark")
    visitor.page.evaluate("document.documentElement.classList.add('dark')")
    visitor.page.evaluate(FADED)


def serious(visitor: Visitor) -> list[str]:
    """What axe finds serious on the page as it is; in the dark only what can differ there from the light."""
    visitor.page.evaluate(axe_script().read_text())  # added to the page, its own policy would refuse it
    found = visitor.page.evaluate(AXE, {})["violations"]
    darken(visitor)
    dark = visitor.page.evaluate(AXE, {"runOnly": {"type": "rule", "values": COLOUR_RULES}})["violations"]
    visitor.page.emulate_media(color_scheme="light")
    return [
        f"{urlsplit(visitor.page.url).path} ({theme}): {violation['id']}"
        f" {json.dumps([node['target'] for node in violation['nodes']][:3])}"
        for theme, violations in (("light", found), ("dark", dark))
        for violation in violations
        if violation["impact"] in {"serious", "critical"}
    ]


def violations(visitor: Visitor, paths: Iterable[str], *, opened: int = 8) -> list[str]:
    """What axe finds serious on the pages, light and dark, with so many of each page's details opened."""
    found = []
    for path in paths:
        visitor.open(path)
        visitor.page.evaluate(OPEN_DETAILS, opened)
        found += serious(visitor)
    return found


def too_wide(visitor: Visitor, paths: Iterable[str], widths: Sequence[int]) -> list[str]:
    """Pages wider than the screen: each is opened on the narrowest, as on a phone, then the window is drawn wider."""
    found = []
    for path in paths:
        visitor.page.set_viewport_size({"width": min(widths), "height": 844})
        visitor.open(path)
        for width in sorted(widths):
            visitor.page.set_viewport_size({"width": width, "height": 844})
            visitor.page.evaluate(DRAWN)
            if visitor.page.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"{path} on {width}")
    return found
