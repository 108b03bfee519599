"""A proxy that TRUSTED_PROXIES does not count is noticed, once, and told by the doctor and the overview."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.watching.checks import CHECKS, configuration
from signals.receiving.proxies import NOTED_EVERY, NOTED_FOR, uncounted

FORWARDED = {"HTTP_X_FORWARDED_FOR": "203.0.113.9"}


def ask(peer: str = "127.0.0.1", **headers: str) -> None:
    assert Client().get("/healthz", REMOTE_ADDR=peer, **headers).status_code == 200


def seen_ago(settings: Any, age: timedelta) -> None:
    then = (timezone.now() - age).timestamp()
    os.utime(settings.PROXY_NOTE, (then, then))


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.0.0.3", "172.17.0.1"])
def test_a_forwarded_request_shows_a_proxy_that_is_not_counted(peer: str) -> None:
    ask(peer, **FORWARDED)
    assert uncounted(timezone.now()) == f"{peer} (X-Forwarded-For)"
    found = configuration.proxies(timezone.now())
    assert not found.ok
    assert "Set TRUSTED_PROXIES to the number of proxies" in found.says


def test_a_request_that_nobody_forwarded_shows_none() -> None:
    ask()
    assert uncounted(timezone.now()) == ""
    assert configuration.proxies(timezone.now()).ok


def test_a_stranger_cannot_make_us_see_a_proxy() -> None:
    ask("52.89.214.238", **FORWARDED)
    assert uncounted(timezone.now()) == ""


def test_a_proxy_that_is_counted_is_none_of_these(settings: Any) -> None:
    ask(**FORWARDED)
    settings.TRUSTED_PROXIES = 1
    assert uncounted(timezone.now()) == ""
    Path(settings.PROXY_NOTE).unlink()
    ask(**FORWARDED)
    assert not Path(settings.PROXY_NOTE).exists()


def test_the_note_is_written_again_only_after_a_while(settings: Any) -> None:
    ask("127.0.0.1", **FORWARDED)
    ask("10.0.0.3", **FORWARDED)
    assert uncounted(timezone.now()).startswith("127.0.0.1")
    seen_ago(settings, NOTED_EVERY + timedelta(seconds=1))
    ask("10.0.0.3", **FORWARDED)
    assert uncounted(timezone.now()).startswith("10.0.0.3")


def test_a_proxy_not_seen_for_a_week_is_gone(settings: Any) -> None:
    ask(**FORWARDED)
    seen_ago(settings, NOTED_FOR + timedelta(seconds=1))
    assert uncounted(timezone.now()) == ""


def test_a_note_that_cannot_be_written_costs_no_request(settings: Any, tmp_path: Path) -> None:
    settings.PROXY_NOTE = tmp_path / "missing" / "note"
    ask(**FORWARDED)
    assert uncounted(timezone.now()) == ""


def test_the_overview_tells_it_too() -> None:
    [check] = [check for check in CHECKS if check.find is configuration.proxies]
    assert check.cheap
    assert not check.stored
