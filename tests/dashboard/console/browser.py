"""A real chromium, driven by Playwright, against the application as served; what went wrong in it is remembered."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.processes import PATIENCE

from .conftest import with_password

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
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))

    def note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def open(self, path: str) -> None:
        self.page.goto(self.site + path)

    def sign_in(self, role: str, path: str = "/console/sources/") -> None:
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


def violations(visitor: Visitor, paths: Iterable[str], *, opened: int = 8) -> list[str]:
    """What axe finds serious on the pages, with so many of each page's details opened."""
    script, found = axe_script(), []
    for path in paths:
        visitor.open(path)
        for summary in visitor.page.locator("#content details > summary").all()[:opened]:
            summary.evaluate("summary => summary.parentElement.open = true")
        visitor.page.evaluate(script.read_text())  # added to the page, its own policy would refuse it
        result = visitor.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [
            f"{path}: {violation['id']} {json.dumps([node['target'] for node in violation['nodes']][:3])}"
            for violation in result["violations"]
            if violation["impact"] in {"serious", "critical"}
        ]
    return found
