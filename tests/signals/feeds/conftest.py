"""A vendor on this machine, and lines to it whose clock stands still but for sleeping."""

from collections.abc import Iterator
from typing import Any

import pytest

from signals.feeds.databento import Databento
from signals.feeds.line import Line
from signals.feeds.massive import Massive

from .server import KEY, Clock, Vendor, selling


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    with selling() as vendor:
        monkeypatch.setattr(Massive, "address", vendor.url)
        monkeypatch.setattr(Databento, "address", f"{vendor.url}/v0")
        yield vendor


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def line(clock: Clock) -> Line:
    return Line(key=KEY, per_minute=60, seconds=60.0, clock=clock, sleep=clock.sleep)


@pytest.fixture
def lines(clock: Clock, settings: Any) -> Any:
    """Makes lines for turns of asking."""
    settings.MASSIVE_API_KEY = KEY

    def made(**options: Any) -> Line:
        return Line(**options, clock=clock, sleep=clock.sleep)

    return made
