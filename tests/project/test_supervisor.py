"""The supervisor, with real processes: what it starts, stops, restarts, and that nothing ever outlives it."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from signalsync_project.supervisor import LONGEST_BACKOFF, STEADY, Round, backoff, failures_after, how_it_ended
from tests.processes import PATIENCE, Output, readable, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="death signals and subreapers are Linux's"),
]

ROOT = Path(__file__).resolve().parents[2]

# A main process, its fork and that one's fork, as gunicorn and django-q have them. Each names itself.
TREE = """
    import os, signal, sys, time

    def say(name):
        os.write(1, f"{name} {os.getpid()}\\n".encode())

    def on_term(number, frame):
        say(f"term-{name}")
        if name == "main" and "stubborn" not in sys.argv:
            os._exit(0)

    name = "main"
    signal.signal(signal.SIGTERM, on_term)
    for deeper in ("middle", "leaf"):
        if os.fork():
            break
        name = deeper
    say(name)
    while True:
        signal.pause()
"""

DRIVER = """
    import logging, os, sys
    from signalsync_project import supervisor
    from signalsync_project.supervisor import Child, Supervisor

    logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s", level=logging.INFO)
    os.write(1, f"supervisor {os.getpid()}\\n".encode())
    verdicts = []

    def watchdog():
        verdict = verdicts.pop(0) if verdicts else None
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    def child(*argv, **more):
        return Child("web", argv, os.environ, **more)

"""


def tree(output: Output) -> dict[str, int]:
    """The numbers of the three processes of TREE, which report in any order."""
    found = [output.expect(r"^(main|middle|leaf) (\d+)$") for _ in range(3)]
    return {match[1]: int(match[2]) for match in found}


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator:
    """Starts a supervisor of the given children, written in Python, as a process of its own."""
    (tmp_path / "tree.py").write_text(textwrap.dedent(TREE))
    started: list[subprocess.Popen[bytes]] = []

    def start(children: str, setup: str = "", **modules: str) -> Output:
        for name, code in modules.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(code))
        script = textwrap.dedent(DRIVER) + f"{textwrap.dedent(setup)}\nSupervisor([{children}]).run()\n"
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        )
        started.append(process)
        return Output(process)

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


# --- stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_signal_asks_the_main_process_alone_and_ends_with_success(supervise, number) -> None:
    output = supervise("child('tree')")
    tree(output)
    output.process.send_signal(number)
    output.expect_end()
    assert "term-main" in output.seen
    assert "term-middle" not in output.seen
    assert "term-leaf" not in output.seen
    assert output.process.wait() == 0


def test_what_does_not_stop_in_time_is_killed_with_its_group(supervise) -> None:
    output = supervise("child('tree', 'stubborn', stop_grace_seconds=0.3)")
    tree(output)
    output.process.terminate()
    output.expect("WARNING web did not stop within 0.3 s")
    output.expect_end()
    assert output.process.wait() == 0


def test_a_second_stop_signal_kills_at_once(supervise) -> None:
    output = supervise("child('tree', 'stubborn', stop_grace_seconds=3600)", "supervisor.AGAIN_AFTER = 0")
    tree(output)
    output.process.terminate()
    output.expect("term-main")
    output.process.send_signal(signal.SIGINT)
    output.expect_end()
    assert output.process.wait() == 0


def test_signals_that_come_together_are_one(supervise) -> None:
    output = supervise("child('tree', 'stubborn', stop_grace_seconds=0.3)", "supervisor.AGAIN_AFTER = 3600")
    tree(output)
    output.process.terminate()
    output.process.send_signal(signal.SIGINT)
    output.expect("did not stop within 0.3 s")
    output.expect_end()
    assert "again" not in output.seen


def test_a_child_that_waits_for_its_restart_is_not_started_when_stopping(supervise) -> None:
    output = supervise("child('broken')", broken="raise SystemExit(3)")
    output.expect("exited with status 3")
    output.process.terminate()
    output.expect_end()
    assert output.process.wait() == 0


# --- kill -9 of anything


def test_killing_the_supervisor_takes_the_whole_tree_with_it(supervise) -> None:
    output = supervise("child('tree')")
    tree(output)
    output.process.kill()
    output.expect_end()


def test_killing_the_main_process_takes_its_tree_and_starts_another(supervise) -> None:
    output = supervise("child('tree')")
    before = tree(output)
    watched = [os.pidfd_open(pid) for pid in before.values()]
    os.kill(before["main"], signal.SIGKILL)
    output.expect(r"ERROR web was killed by SIGKILL after \d+ s; restarting in 1 s")
    for fd in watched:
        assert readable(fd, PATIENCE), "a process outlived its main process"
        os.close(fd)
    assert set(tree(output).values()).isdisjoint(before.values())
    output.process.terminate()
    output.expect_end()


def test_killing_a_fork_takes_its_own_forks_and_nothing_else(supervise) -> None:
    output = supervise("child('tree')")
    pids = tree(output)
    leaf, main = os.pidfd_open(pids["leaf"]), os.pidfd_open(pids["main"])
    os.kill(pids["middle"], signal.SIGKILL)
    assert readable(leaf, PATIENCE), "the leaf outlived the middle"
    assert not readable(main, 0)
    os.close(leaf)
    os.close(main)
    output.process.terminate()
    output.expect_end()


def test_a_fork_in_a_session_of_its_own_dies_with_the_supervisor(supervise) -> None:
    away = """
        import os, signal
        if os.fork() == 0:
            os.setsid()
            os.write(1, b"away 0\\n")
        signal.pause()
    """
    output = supervise("child('away')", away=away)
    output.expect("away")
    output.process.kill()
    output.expect_end()


def test_a_process_whose_parent_was_gone_before_it_could_watch_it_does_not_stay() -> None:
    nobody = subprocess.Popen([sys.executable, "-c", ""])
    nobody.wait()
    late = [sys.executable, "-m", "signalsync_project.supervised", str(nobody.pid), "tree"]
    assert subprocess.run(late, cwd=ROOT, check=False, timeout=PATIENCE).returncode == -signal.SIGKILL


def test_orphans_are_reaped(supervise) -> None:
    # The fork's own child (not a fork of ours: no death signal) loses its parent, writes its number and ends.
    double = """
        import os, signal, subprocess, sys
        if os.fork() == 0:
            subprocess.Popen(["/bin/sh", "-c", "read line; echo orphan $$"], stdin=subprocess.PIPE)
            os._exit(0)
        signal.pause()
    """
    output = supervise("child('double')", double=double)
    supervisor = output.pid("supervisor")
    orphan = output.pid("orphan")
    wait_for(lambda: not Path(f"/proc/{orphan}").exists(), f"no zombie is left under {supervisor}")
    output.process.terminate()
    output.expect_end()


# --- restarting


def test_a_dead_child_is_restarted_later_each_time(supervise) -> None:
    output = supervise("child('broken')", broken="raise SystemExit(3)")
    output.expect(r"web exited with status 3 after \d+ s; restarting in 1 s")
    output.expect(r"web exited with status 3 after \d+ s; restarting in 2 s")
    output.process.terminate()
    output.expect_end()


def test_a_child_that_cannot_even_be_started_is_tried_again(supervise) -> None:
    output = supervise("child('tree')", setup="sys.executable = '/nowhere/python'")
    output.expect(r"ERROR web cannot be started \(.*\) after 0 s; restarting in 1 s")
    output.process.terminate()
    output.expect_end()
    assert output.process.wait() == 0


def test_the_wait_doubles_up_to_half_a_minute() -> None:
    assert [backoff(failures) for failures in range(1, 8)] == [
        1,
        2,
        4,
        8,
        16,
        LONGEST_BACKOFF,
        LONGEST_BACKOFF,
    ]
    assert backoff(10_000) == LONGEST_BACKOFF


def test_a_minute_of_running_well_forgets_earlier_failures() -> None:
    assert failures_after(5, STEADY - 0.1) == 6
    assert failures_after(5, STEADY) == 1


def test_an_end_is_told_in_words() -> None:
    assert how_it_ended(3 << 8) == "exited with status 3"
    assert how_it_ended(signal.SIGSEGV) == "was killed by SIGSEGV"


# --- watchdogs

QUICK = "watchdog=watchdog, watchdog_after=0.2, watchdog_every=0.2, stop_grace_seconds=0.5"


def test_a_wedged_child_is_asked_then_killed_then_restarted(supervise, tmp_path: Path) -> None:
    setup = f"""
        def watchdog():
            return "no cycle for 9 minutes" if os.path.exists("{tmp_path}/wedged") else None
    """
    output = supervise(f"child('tree', 'stubborn', {QUICK})", setup)
    tree(output)  # it ignores the signal once it is up
    (tmp_path / "wedged").touch()
    output.expect("ERROR web is wedged: no cycle for 9 minutes; restarting it")
    output.expect("WARNING web did not stop within 0.5 s")
    output.expect("web was killed by SIGKILL")
    output.expect("INFO web started")
    output.process.kill()
    output.expect_end()


def test_a_watchdog_that_fails_is_reported_once_and_harms_nobody(supervise) -> None:
    setup = "verdicts = [OSError('database down'), OSError('database down'), None, 'seen']"
    output = supervise(f"child('tree', {QUICK})", setup)
    output.expect("is wedged: seen")
    assert output.seen.count("WARNING web cannot be judged: database down") == 1
    assert output.seen.count("INFO web can be judged again") == 1
    output.process.terminate()
    output.expect_end()


def test_a_watchdog_that_hangs_holds_up_nothing(supervise) -> None:
    setup = """
        import threading

        def watchdog():
            os.write(1, b"asked 0\\n")
            threading.Event().wait()
    """
    output = supervise(f"child('tree', {QUICK})", setup)
    output.pid("asked")
    output.process.terminate()
    output.expect_end()
    assert output.process.wait() == 0


def until_done(each: Round) -> None:
    wait_for(lambda: each.inquiry is not None and each.inquiry.known, "the round has ended")


def test_a_round_is_done_again_and_again_and_its_trouble_told_once(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []

    def do() -> None:
        done.append(len(done))
        if len(done) < 3:
            raise OSError("database down")

    each = Round("telling", do, every=60, after=300)
    for now in (0.0, 299.0):
        each.turn(now)
    assert done == []
    for now in (300.0, 361.0, 422.0):
        each.turn(now)  # begins it
        until_done(each)
        each.turn(now + 1)  # takes in what came of it
        each.turn(now + 59)
    assert done == [0, 1, 2]
    assert [record.message for record in caplog.records] == ["telling cannot be done: database down"]


def test_a_round_that_hangs_holds_up_nothing_and_is_not_begun_again() -> None:
    gate, begun = threading.Event(), []

    def do() -> None:
        begun.append(1)
        gate.wait(PATIENCE)

    each = Round("telling", do, every=1, after=0)
    for now in range(5):
        each.turn(now)
    gate.set()
    assert begun == [1]


# --- what a child is given


def test_a_child_inherits_the_sockets_it_is_given_and_no_others(supervise) -> None:
    look = """
        import os, sys
        for fd in map(int, sys.argv[1:]):
            try:
                os.fstat(fd)
                os.write(1, f"open {fd}\\n".encode())
            except OSError:
                os.write(1, f"closed {fd}\\n".encode())
    """
    setup = "given, kept = os.pipe()"
    output = supervise("child('look', str(given), str(kept), inherited_fds=(given,))", setup, look=look)
    output.expect("open")
    output.expect("closed")
    output.process.terminate()
    output.expect_end()
