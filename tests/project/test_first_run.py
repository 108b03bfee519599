"""A stranger walks the README alone: from `git clone` to an own alert on the screen and a message on the phone."""

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from signalsync_project.variables import VARIABLES
from tests.commands import commands
from tests.processes import PATIENCE, Output
from tests.server import Server, serving

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
TEXT = " ".join(README.read_text().split())

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from tests.dashboard.console.browser import launched

    yield from launched()


@dataclass(frozen=True)
class Clone:
    """A clone of what is committed, in which commands are typed; nothing of this environment tells it what to do."""

    place: Path
    port: int

    @property
    def environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        return {**ours, "PORT": str(self.port), "PYTHONWARNINGS": "ignore"}

    def type(self, text: str) -> str:
        typed = text.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{self.port}")
        return subprocess.run(
            ["sh", "-euc", typed], cwd=self.place, env=self.environment, capture_output=True, text=True, check=True
        ).stdout

    def start(self, text: str) -> Output:
        shell = ["sh", "-euc", f"exec {text}"]
        piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return Output(subprocess.Popen(shell, cwd=self.place, env=self.environment, **piped))


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """Its packages are those that are installed here, for the same requirements; `.ci/run` has make install them."""
    missing = [name for name in ("git", "make", "curl") if not shutil.which(name)]
    if missing or not (ROOT / ".git").exists():
        pytest.skip(f"there is nothing to clone from, or not with what: {', '.join(missing) or 'no .git'}")
    place = tmp_path / "signalsync"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(place)], check=True)
    (place / ".venv").symlink_to((ROOT / ".venv").resolve())
    would = subprocess.run(["make", "--dry-run", "run"], cwd=place, capture_output=True, text=True, check=True).stdout
    if "pip" in would:
        pytest.skip("the packages of requirements.txt are not installed in .venv; `make quick` does so")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return Clone(place, port)


@pytest.fixture
def running(clone: Clone) -> Iterator[Output]:
    """The first command of the README, as it stands there."""
    first = commands(README)[0].text
    assert first == "make run"
    output = clone.start(first)
    yield output
    output.process.terminate()
    output.expect_end()
    output.process.wait()


def signed_in(page: Page, site: str, password: str) -> None:
    page.goto(site)
    page.fill("[name=username]", "operator")
    page.fill("[name=password]", password)
    page.click("#login-form button[type=submit]")


def test_from_the_clone_to_an_own_alert_and_a_message_by_what_the_readme_says(
    chromium: Browser, clone: Clone, running: Output
) -> None:
    password = running.expect(r"Operator account: operator\s+password: (\S+)")[1]
    site = running.expect(r"SignalSync runs at (\S+)")[1]
    page = chromium.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    signed_in(page, site, password)
    follow_start(page, site, clone)
    post, ask = [command.text for command in commands(README) if command.program == "curl"]
    assert json.loads(clone.type(post))["status"] == "accepted"
    trade_id = re.search(r"search=(\w+)", ask)[1]
    found = json.loads(clone.type(ask.replace("PASSWORD", password)))
    assert [row["trade_id"] for row in found["results"]] == [trade_id]
    assert "It is in the console (`/console/signals/`)" in TEXT
    page.goto(f"{site}console/signals/?search={trade_id}")  # a whole id leads to its signal
    expect(page.get_by_role("heading", name=trade_id, level=1)).to_be_visible()
    expect(page.get_by_text("Its values, and where each came from")).to_be_visible()
    with serving() as phone:
        be_told_on(page, phone)
        told = json.loads(phone.received[0][1])
    assert "SignalSync" in told["title"]
    assert told["message"]
    page.close()


def follow_start(page: Page, site: str, clone: Clone) -> None:
    """The guided start: an address, the text of an alert, and waiting until it is there."""
    assert "sign in, open **Start** in the console, and follow its four steps" in TEXT
    page.locator("#nav-sidebar").get_by_text("Start", exact=True).click()
    for step in ("1. The way here", "2. Who sends, and what", "3. The alert, 4. its arrival"):
        expect(page.get_by_role("heading", name=step)).to_be_visible()
    page.get_by_role("button", name="Make the address").click()
    address = page.get_by_label("Webhook address").input_value()
    assert address.startswith(f"{site}api/automated-signals/webhook/")
    expect(page.get_by_text("Waiting for the first alert…").first).to_be_visible()
    (clone.place / "alert.json").write_text(page.get_by_label("Text of an alert").input_value())
    assert json.loads(clone.type(f"curl -sS --data-binary @alert.json {address}"))["events"] == 1
    expect(page.get_by_role("heading", name="Seen: your alert is a signal")).to_be_visible()


def be_told_on(page: Page, phone: Server) -> None:
    """Add the phone where messages go, and send it one."""
    assert "**Notifications**, **Destinations**, **New destination**" in TEXT
    page.locator("#nav-sidebar").get_by_text("Notifications", exact=True).click()
    page.get_by_role("link", name="Destinations").click()
    page.get_by_role("link", name="New destination").click()
    page.get_by_label("Name").fill("phone")
    page.get_by_label("Address").fill(phone.url.replace("http://", "json://"))
    page.get_by_role("button", name="Add").click()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("The test was taken. See that it came.")).to_be_visible()
