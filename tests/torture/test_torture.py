"""That the harness sees what is broken, and twenty kills for real. docs/reliability.md tells of longer runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .clients import Sent, Try
from .clock import Clock
from .machine import ROOT
from .promises import held_against, in_spool
from .victims import kind_of

NOON = 1_765_800_000.0  # the beginning of a minute
MINUTE = int(NOON) // 60
ALERT = ("torture-00", b"{}")


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


def broken(clock: Clock, tries: list[Try], *minutes: int) -> list[bool]:
    """Whether the alert is told to be lost, and whether something of it is too much."""
    return [not each.kept for each in held_against({ALERT: Sent(tries)}, {ALERT: minutes}, 0, clock)]


def test_an_acknowledged_alert_that_is_stored_once_breaks_nothing(clock: Clock) -> None:
    assert broken(clock, [Try(NOON + 5, NOON + 6, 200)], MINUTE) == [False, False]


def test_an_acknowledged_alert_that_is_not_stored_is_lost(clock: Clock) -> None:
    assert broken(clock, [Try(NOON + 5, NOON + 6, 200)]) == [True, False]


def test_the_delivery_of_another_try_is_not_the_one_that_was_acknowledged(clock: Clock) -> None:
    tries = [Try(NOON - 115, NOON - 110, 0), Try(NOON + 5, NOON + 6, 200)]
    assert broken(clock, tries, MINUTE - 2) == [True, False]


def test_what_nobody_sent_in_that_minute_is_too_much(clock: Clock) -> None:
    assert broken(clock, [Try(NOON + 5, NOON + 6, 200)], MINUTE, MINUTE + 3) == [False, True]
    assert broken(clock, [Try(NOON + 5, NOON + 6, 200)], MINUTE, MINUTE) == [False, True]


def test_minutes_are_those_of_the_clock_as_it_was_set_then(clock: Clock) -> None:
    clock.history += [(NOON + 30, NOON + 30, 300), (NOON + 50, NOON + 50, 0)]
    assert set(clock.minutes(NOON + 10, NOON + 12)) == {MINUTE}
    assert set(clock.minutes(NOON + 40, NOON + 42)) == {MINUTE + 5}
    assert set(clock.minutes(NOON + 25, NOON + 45)) == {MINUTE, MINUTE + 5}


def test_what_waited_to_be_read_is_of_the_clock_as_it_is_when_it_is_read(clock: Clock) -> None:
    clock.history += [(NOON + 90, NOON + 90, 300)]
    assert set(clock.minutes(NOON + 10, NOON + 100)) == {MINUTE, MINUTE + 1, MINUTE + 5, MINUTE + 6}


def test_whoever_sets_the_clock_may_be_held_up_in_the_midst_of_it(clock: Clock) -> None:
    clock.history += [(NOON + 10, NOON + 20, 300)]
    assert set(clock.minutes(NOON + 14, NOON + 16)) == {MINUTE, MINUTE + 5}


@pytest.mark.parametrize(
    ("title", "parent", "kind"),
    [
        ("gunicorn: worker [signalsync-pages]", "pages master", "pages worker"),
        ("qcluster MainProcess five-nebraska", "", "cluster main"),
        ("qcluster MainProcess five-nebraska", "cluster main", "cluster sentinel"),
        ("qcluster Process-6924 idle", "cluster sentinel", "cluster worker"),
        ("qcluster Process-6924 monitor", "cluster sentinel", "cluster monitor"),
        ("python -m signalsync_project.supervised 1 gunicorn", "", None),
    ],
)
def test_a_process_is_known_by_its_title(title: str, parent: str, kind: str | None) -> None:
    assert kind_of(title, parent) == kind


def test_what_is_left_in_a_spool_is_seen(tmp_path: Path) -> None:
    (tmp_path / "rejected").mkdir()
    for name in ("progress", "active.journal", "senders.123", "rejected/1-0.json", "rejected/1-9.torn"):
        (tmp_path / name).touch()
    left, torn = in_spool(tmp_path)
    assert sorted(line.partition(",")[0] for line in left) == ["rejected/1-0.json", "senders.123"]
    assert torn == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc, and die with their parent")
def test_twenty_kills_break_no_promise() -> None:
    command = [sys.executable, "-m", "tests.torture", "--kills", "20", "--seed", "1", "--database", "sqlite", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip(), done.stderr[-3000:]
    outcome = json.loads(done.stdout.strip().splitlines()[-1])
    assert [each for each in outcome["promises"] if not each["kept"]] == []
    assert sum(outcome["kills"].values()) == 20
