"""What needs an operator now: each with what it means, and a link to where it can be dealt with."""

from datetime import datetime

from .checks import CHECKS, problems
from .checks.result import Problem

LISTED = tuple(check for check in CHECKS if check.cheap)


def needs(now: datetime) -> list[Problem]:
    """Worst first. Asked for every few seconds: every count stops at some, and asks an index."""
    return problems(LISTED, now)
