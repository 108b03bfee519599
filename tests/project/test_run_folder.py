"""The folder of the service's sockets is there while it runs, and not for ever after it was killed."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from signalsync_project.run_folder import LOCK, YOUNG, remove_abandoned, run_folder

ROOT = Path(__file__).parent.parent.parent
HOLD = """
from signalsync_project.run_folder import run_folder
with run_folder() as folder:
    print(folder, flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def later() -> float:
    return time.time() + YOUNG + 1


def test_it_is_of_this_user_alone_and_gone_with_the_service() -> None:
    with run_folder() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_the_next_start_removes_what_a_killed_one_left(own_place: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=ROOT, env={**os.environ, "TMPDIR": str(own_place)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as service:  # fmt: skip
        assert service.stdout is not None
        folder = Path(service.stdout.readline().strip())
        remove_abandoned(later())
        assert folder.exists()  # it runs
        service.send_signal(signal.SIGKILL)
        service.wait()
    assert folder.exists()
    remove_abandoned(later())
    assert not folder.exists()


def test_one_that_is_just_being_made_stays(own_place: Path) -> None:
    (folder := own_place / "signalsync-new").mkdir()
    (folder / LOCK).touch()
    remove_abandoned(time.time())
    assert folder.exists()


def test_what_only_has_such_a_name_stays(own_place: Path) -> None:
    (folder := own_place / "signalsync-of-somebody").mkdir()
    (folder / "kept").touch()
    remove_abandoned(later())
    assert (folder / "kept").exists()


def test_nothing_is_followed_out_of_it(own_place: Path) -> None:
    (elsewhere := own_place / "elsewhere").mkdir()
    (elsewhere / LOCK).touch()
    (own_place / "signalsync-link").symlink_to(elsewhere)
    remove_abandoned(later())
    assert (elsewhere / LOCK).exists()


def test_a_lock_that_is_held_within_this_process_counts_too(own_place: Path) -> None:
    (folder := own_place / "signalsync-held").mkdir()
    with (folder / LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        remove_abandoned(later())
        assert folder.exists()
