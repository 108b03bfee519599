"""A spool of each test's own."""

from pathlib import Path

import pytest

from signals.receiving.spool import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")
