"""Screenshots of the console for the docs: the demo in a database of its own, a signed-in browser, docs/screenshots.

`make screenshots` runs it. It needs Debian's chromium, or one that CHROMIUM names.
"""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import httpx
from playwright.sync_api import Page, sync_playwright

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
SHOTS = ROOT / "docs" / "screenshots"
PASSWORD = "only-for-these-screenshots"  # noqa: S105 - of a demo that is gone afterwards
PATIENCE = 90  # seconds until the demo is there, and until its first scheduled cycle has ended
MOST_BYTES = 2_500_000
# Where data are kept is a folder that is gone afterwards: readers see the usual one.
USUAL = """folder => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll(folder, "var");
}"""
STILL = "*, *::before, *::after { animation: none !important; transition: none !important; caret-color: transparent }"


class Shot(NamedTuple):
    """One picture: its file, the page, and how it is looked at. `upto` cuts a long page, in CSS pixels."""

    name: str
    path: str
    dark: bool = False
    width: int = 1440
    upto: int = 900


def shots(found: dict[str, str]) -> list[Shot]:
    """The pages, some of them in the dark, and one on a phone. `found` are addresses of rows that there are."""
    return [
        Shot("overview", "/", upto=1140),
        Shot("overview-dark", "/", dark=True, upto=1140),
        Shot("overview-phone", "/", width=390, upto=1500),
        Shot("activation", "/console/activation/", upto=1180),
        Shot("all-signals", "/console/signals/"),
        Shot("all-signals-dark", "/console/signals/", dark=True),
        Shot("signal", found["signal"], upto=1400),
        Shot("analysis", "/console/analysis/", upto=1400),
        Shot("gaps", "/console/gaps/", upto=660),
        Shot("runs", "/console/runs/", upto=660),
        Shot("deliveries", "/console/deliveries/"),
        Shot("alert-log", found["ledger"]),
        Shot("audit", "/console/audit/"),
        Shot("sources", "/console/sources/", upto=660),
    ]


@contextmanager
def demo(folder: Path) -> Iterator[str]:
    """`manage.py serve` with sample history in a folder of its own; gives its address."""
    own = {"VAR_DIR": str(folder), "DATABASE_URL": "", "OPERATOR_PASSWORD": PASSWORD, "DEMO": "1", "PRODUCTION": "0"}
    log = folder / "serve.log"
    with log.open("w") as output:
        serve = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--bind", "127.0.0.1:0"],
            cwd=ROOT, env={**os.environ, **own}, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield waited(lambda: re.search(r"SignalSync runs at (http://\S+)/ ", log.read_text()), serve)[1]
        finally:
            serve.terminate()
            serve.wait(60)


def waited(ask: Callable[[], T | None], serve: "subprocess.Popen[bytes] | None" = None) -> T:
    """What `ask` answers as soon as it answers anything. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and (serve is None or serve.poll() is None):
        if answer := ask():
            return answer
        time.sleep(0.5)
    raise TimeoutError(f"nothing came within {PATIENCE} s")


def alerts(now: datetime) -> Iterator[tuple[datetime, bytes]]:
    """A few alerts of the last minutes, and when they fired: three signals, and two bodies that cannot be read."""
    for minute, direction in ((4, "Bullish"), (3, "Bearish"), (2, "Bullish")):
        bar = (now - timedelta(minutes=minute)).astimezone(ZoneInfo("America/New_York"))
        frames = dict.fromkeys(("h1", "m15", "m5", "m1"), direction)
        signal = {
            "event_type": "SIGNAL_CREATED", "trade_id": f"{bar:%Y%m%d_%H%M}00000_{direction.upper()}",
            "direction": direction, "signal_date": f"{bar:%Y-%m-%d}", "signal_time": f"{bar:%H:%M}:00",
            "htf_alignment": {"daily": "Bullish", "h4": "Neutral", **frames},
        }  # fmt: skip
        yield now, json.dumps(signal).encode()
    yield now, b'{"event_type":"ENTRY","trade_id":"20251211_094500000_BULLISH","entry_price":25740,"stop_loss":2573'
    yield now, b"Alert on MNQ1!"


def log_of(sent: list[tuple[datetime, bytes]]) -> str:
    """TradingView's log of these alerts, and of two that never arrived."""
    lost = [
        (fired - timedelta(minutes=20), body.replace(b"000_", b"500_").replace(b"SIGNAL_CREATED", b"MFE_UPDATE"))
        for fired, body in sent[:2]
    ]
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["Alert ID", "Ticker", "Name", "Description", "Time", "Webhook status"])
    for number, (fired, body) in enumerate([*sent, *lost]):
        marked = "Failed" if number % 3 == 2 else "Delivered"
        writer.writerow(["3486109403", "CME_MINI:MNQ1!, 1m", "", body.decode(), f"{fired:%Y-%m-%dT%H:%M:%SZ}", marked])
    return file.getvalue()


def prepare(site: str, webhook: str, page: Page) -> dict[str, str]:
    """Sign in, send alerts, wait for a scheduled cycle, upload a log; gives addresses of what there is then."""
    sent = list(alerts(datetime.now(UTC)))
    with httpx.Client(base_url=site, auth=("operator", PASSWORD), timeout=30) as client:
        for _, body in sent:
            client.post(webhook, content=body, headers={"Content-Type": "application/json"})
        ended = {"trigger": "schedule", "state": "finished"}
        waited(lambda: client.get("/api/sync/runs", params=ended).json()["results"])
        asked = {"status": "COMPLETED", "data_source": "backend_calculated", "page_size": "1"}
        [signal] = client.get("/api/automated-signals/all-signals", params=asked).json()["results"]
    page.goto(f"{site}/console/alert-log/")
    page.fill("[name=username]", "operator")
    page.fill("[name=password]", PASSWORD)
    page.click("#login-form button[type=submit]")
    file = {"name": "alerts-log.csv", "mimeType": "text/csv", "buffer": log_of(sent).encode()}
    page.set_input_files("input[type=file]", files=[file])
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/console/alert-log/*/")
    return {"ledger": page.url.removeprefix(site), "signal": f"/console/signals/?search={signal['trade_id']}"}


def take(page: Page, site: str, folder: str, shot: Shot) -> None:
    page.set_viewport_size({"width": shot.width, "height": 600})
    page.emulate_media(color_scheme="dark" if shot.dark else "light", reduced_motion="reduce")
    page.goto(site + shot.path, wait_until="networkidle")
    page.add_style_tag(content=STILL)
    page.evaluate(USUAL, folder)
    whole = page.evaluate("Math.max(document.documentElement.scrollHeight, 600)")
    # As high as what is shown: what scrolls by itself would else be cut by the window.
    height = min(shot.upto, whole)
    page.set_viewport_size({"width": shot.width, "height": height})
    page.screenshot(path=SHOTS / f"{shot.name}.png", clip={"x": 0, "y": 0, "width": shot.width, "height": height})


def chromium() -> str:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        raise SystemExit("No chromium here: install Debian's package, or name one in CHROMIUM.")
    return found


def main() -> str | None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(prefix="signalsync-screenshots-") as folder,
        demo(Path(folder)) as site,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(timezone_id="America/New_York", locale="en-US")
        webhook = (Path(folder) / "webhook_address").read_text()
        for shot in shots(prepare(site, webhook, page)):
            take(page, site, folder, shot)
        browser.close()
    taken = sum(path.stat().st_size for path in SHOTS.glob("*.png"))
    sys.stdout.write(f"{SHOTS.relative_to(ROOT)}: {len(list(SHOTS.glob('*.png')))} pictures, {taken / 1e6:.1f} MB\n")
    return f"More than {MOST_BYTES / 1e6:.1f} MB: leave something out." if taken > MOST_BYTES else None


if __name__ == "__main__":
    sys.exit(main())
