"""Runs a Python module so that neither it nor any process it forks outlives its parent.

`python -m signalsync_project.supervised PARENT MODULE [ARG…]` is `python -m MODULE ARG…` for a child of the
process PARENT. Linux sends the death signal when the *thread* that forked ends, and forgets it at every fork:
so the supervisor starts children from its main thread, and here a hook renews the request in each forked
process (gunicorn's and django-q's workers are forked). Elsewhere than on Linux both calls do nothing.
"""

import ctypes
import os
import runpy
import signal
import sys

from signalsync_project import start_quickly

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Loaded before any fork: a forked process must not have to take the loader's lock.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _prctl(option: int, argument: int) -> None:
    if _libc is not None and _libc.prctl(option, ctypes.c_ulong(argument)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl {option}: {os.strerror(error)}")


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent dies."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process the signal when its parent, the process `parent`, dies."""
    _prctl(_PR_SET_PDEATHSIG, number)
    if _libc is not None and os.getppid() != parent:  # it died before it could be watched
        os.kill(os.getpid(), number)


def _renew_in_forks() -> None:
    parent = os.getpid()

    def before() -> None:
        nonlocal parent
        parent = os.getpid()

    os.register_at_fork(before=before, after_in_child=lambda: die_with(parent))


def main() -> None:
    parent, module = int(sys.argv[1]), sys.argv[2]
    die_with(parent)
    _renew_in_forks()
    del sys.argv[1:3]
    start_quickly()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
