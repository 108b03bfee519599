"""A cycle's clock, a run under which gap records are made, and a companion on this machine."""

from collections.abc import Iterator

import pytest

from signals.models import Source
from signals.receiving.senders import default_source
from tests.server import Server, serving


@pytest.fixture
def source() -> Source:
    return default_source()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server
