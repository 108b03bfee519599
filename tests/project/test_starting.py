"""How a process starts and ends: the garbage collector stays away from what it has imported."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def said(code: str) -> list[str]:
    """What a process of its own prints."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()  # fmt: skip


def test_it_ends_without_going_through_what_it_imported() -> None:
    # What is registered first is done last.
    assert said(
        "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 0)); import signalsync_project;"
        "print(gc.get_freeze_count() > 0)"
    ) == ["False", "True"]


def test_it_is_patient_while_it_starts_and_as_usual_afterwards() -> None:
    patient, usual, before, frozen = said(
        "import gc; before = gc.get_threshold()[0]; import signalsync_project as project;"
        "project.start_quickly(); print(gc.get_threshold()[0]);"
        "project.started(); print(gc.get_threshold()[0], before, gc.get_freeze_count() > 0)"
    )
    assert int(patient) > int(before)
    assert usual == before
    assert frozen == "True"
