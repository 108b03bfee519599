"""The dead-man's switch: told of every scheduled cycle once, by one of however many, and nothing fails by it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.models import Ping
from dashboard.notifying.deadman import ping, target
from reconciliation.models import SyncRun

from .cases import Listener

NOW = datetime(2025, 12, 12, 15, 0, tzinfo=UTC)


def cycle(state: str = "finished", trigger: str = "schedule") -> SyncRun:
    ended = None if state == "running" else NOW
    return SyncRun.objects.create(state=state, trigger=trigger, as_of=NOW, started_at=NOW, finished_at=ended)


@pytest.mark.parametrize(
    ("url", "failing"),
    [
        ("https://hc-ping.com/uuid", "https://hc-ping.com/uuid/fail"),
        ("https://hc.example.org/ping/key/slug?create=1", "https://hc.example.org/ping/key/slug/fail?create=1"),
    ],
)
def test_a_failure_is_told_under_the_path(url: str, failing: str) -> None:
    assert target(url, good=True) == url
    assert target(url, good=False) == failing


@pytest.mark.django_db
class TestPing:
    @pytest.fixture(autouse=True)
    def _switch(self, settings: Any, listener: Listener) -> None:
        settings.DEADMAN_PING_URL = listener.url("uuid", "http")

    def test_each_cycle_is_told_once_good_or_not(self, listener: Listener) -> None:
        assert not ping(NOW)
        cycle()
        assert ping(NOW)
        assert not ping(NOW)
        cycle("failed")
        assert ping(NOW)
        assert listener.paths == ["/uuid", "/uuid/fail"]
        last = Ping.objects.get()
        assert (last.at, last.good, last.error) == (NOW, False, "")

    def test_a_cycle_by_hand_or_one_under_way_is_not_told(self, listener: Listener) -> None:
        cycle(trigger="console")
        cycle("running")
        assert not ping(NOW)
        assert listener.paths == []

    def test_an_outside_that_fails_is_noted_and_fails_nothing(self, listener: Listener) -> None:
        listener.answer = 500
        cycle()
        assert not ping(NOW)
        assert Ping.objects.get().error == "it answered with status 500"

    def test_nobody_there_is_noted_without_the_address(self, settings: Any) -> None:
        settings.DEADMAN_PING_URL = "http://127.0.0.1:9/secret-uuid"
        cycle()
        assert not ping(NOW)
        assert "secret-uuid" not in Ping.objects.get().error
        assert "cannot be reached" in Ping.objects.get().error

    def test_without_an_address_nobody_is_told(self, settings: Any) -> None:
        settings.DEADMAN_PING_URL = ""
        cycle()
        assert not ping(NOW)
        assert not Ping.objects.exists()
