"""The command line without its database: one line that says what to do, not a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks.registry import registry
from django.core.management import get_commands, load_command_class

from signals.checks import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow
NOWHERE = "postgres://root@127.0.0.1:1/x"  # nothing listens there


def manage(tmp_path: Path, *arguments: str, url: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env={**os.environ, "VAR_DIR": str(tmp_path), "DATABASE_URL": url},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [["runsync"], ["syncstatus"], ["signalhistory", "x"], ["export_signals"], ["rebuild_signals", "--check"]],
    ids=lambda command: command[0],
)
def test_without_a_database_a_command_says_so_in_one_line(command: list[str], tmp_path: Path) -> None:
    result = manage(tmp_path, *command, url=NOWHERE)
    assert result.returncode == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("The database does not answer: ")
    assert "Connection refused" in line
    assert line.endswith("`manage.py doctor` says more.")


def test_the_traceback_is_shown_where_it_is_asked_for(tmp_path: Path) -> None:
    assert "Traceback" in manage(tmp_path, "syncstatus", "--traceback", url=NOWHERE).stderr


def test_a_database_that_answers_but_fails_is_not_called_down(tmp_path: Path) -> None:
    (line,) = manage(tmp_path, "syncstatus").stderr.splitlines()
    assert line.startswith("The database failed: no such table")


def test_a_command_asks_what_is_wrong_with_the_settings_and_imports_no_page_for_it() -> None:
    """Django's own checks import every page, which took longer than most commands do."""
    apart = {"doctor": (), "truthtest": (), "serve": "__all__"}
    asked = {name: load_command_class(app, name).requires_system_checks for name, app in own_commands()}
    assert {name: asked.pop(name) for name in apart} == apart
    assert asked == dict.fromkeys(asked, (SETTINGS,))
    assert {SETTINGS} < registry.tags_available()


def own_commands() -> list[tuple[str, str]]:
    return [(name, app) for name, app in get_commands().items() if app in {"signals", "reconciliation", "dashboard"}]
