"""No other user of the machine reads passwords, sessions, alerts or tokens: files are made private, and kept so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.watching.checks.disk import privacy
from signals.checks import check_privacy
from signalsync_project.private import close_to_others, open_to_others
from signalsync_project.variables import VARIABLES

ROOT = Path(__file__).resolve().parents[2]


def start_in(var_dir: Path, *command: str) -> None:
    """A command in a process of its own, of a user whose files are readable by others."""
    inherited = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env={**inherited, "VAR_DIR": str(var_dir)}, umask=0o022,
        capture_output=True, check=True,
    )  # fmt: skip


def rights(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o}"


def test_what_a_first_start_makes_is_private(tmp_path: Path) -> None:
    var = tmp_path / "var"
    start_in(var, "migrate", "-v0")
    assert rights(var) == "700"
    assert {rights(path) for path in (var / "signalsync.sqlite3", var / "secret_key")} == {"600"}
    assert open_to_others(var, var / "signalsync.sqlite3") == []


def test_what_an_older_version_left_open_is_closed_at_the_next_start(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    left = [tmp_path / name for name in ("signalsync.sqlite3", "spool/active.journal", "uploads/log.csv")]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.touch()
        path.chmod(0o644)
        path.parent.chmod(0o755)
    start_in(tmp_path, "check")
    assert {rights(path) for path in left} == {"600"}
    assert {rights(path) for path in (tmp_path, tmp_path / "spool", tmp_path / "uploads")} == {"700"}


def test_the_journals_of_sqlite_are_private_too(tmp_path: Path) -> None:
    database = tmp_path / "db.sqlite3"
    for end in ("", "-wal", "-shm"):
        (tmp_path / f"db.sqlite3{end}").touch(0o644)
    close_to_others(tmp_path, database)
    assert {rights(path) for path in tmp_path.iterdir()} == {"600"}


def test_a_folder_that_all_users_share_is_left_as_it_is_and_reported(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    close_to_others(tmp_path, None)
    assert rights(tmp_path) == "777"
    assert open_to_others(tmp_path, None) == [tmp_path]


def test_starts_and_doctor_say_what_is_open(tmp_path: Path, settings: pytest.FixtureRequest) -> None:
    settings.VAR_DIR, settings.SQLITE_FILE = tmp_path, tmp_path / "db.sqlite3"
    tmp_path.chmod(0o700)
    assert check_privacy() == []
    (tmp_path / "db.sqlite3").touch(0o644)
    (warning,) = check_privacy()
    assert "db.sqlite3 can be read by other users" in warning.msg
    said = privacy(None)
    assert not said.ok
    assert "db.sqlite3" in said.says
