"""Small inputs of other people's charts and alerts, each with what is right, where they are at hand."""

from pathlib import Path

import pytest

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"


def case(name: str, file: str) -> Path:
    """A file of a case; the test is skipped where the cases are not there."""
    path = CASES / name / file
    if not path.exists():
        pytest.skip(f"the case {name}/{file} is not at hand")
    return path
