"""A page behind the real front door follows what happens without asking again and again."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.project.front.building import Door
from tests.project.front.test_following import SIGN_IN

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_page_is_told_of_an_alert_and_asks_only_then(chromium: Browser, tmp_path: Path) -> None:
    with Door(tmp_path) as door:
        door.run(SIGN_IN)
        site = f"http://127.0.0.1:{door.web.port}"
        context = chromium.new_context()
        session = (tmp_path / "session").read_text()
        context.add_cookies([{"name": "sessionid", "value": session, "url": site}])
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if request.headers.get("hx-request") else None)
        page.goto(f"{site}/console/deliveries/")
        page.wait_for_function("follow.heard > 0")
        page.wait_for_function("!follow.stale && Date.now() - follow.shown > 6000")  # longer than it would ask in
        before = len(asked)
        assert before <= 1  # the first look at what there is
        assert door.post(1).status == 200
        expect(page.get_by_role("region", name="Deliveries")).to_be_visible()
        assert len(asked) == before + 1
        context.close()
