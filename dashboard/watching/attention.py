"""What needs an operator now: each with what it means, and a link to where it can be dealt with."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from .checks import CHECKS, problems
from .checks.result import Problem, Result

LISTED = tuple(check for check in CHECKS if check.cheap)


def needs(now: datetime, known: Mapping[str, Result] = MappingProxyType({})) -> list[Problem]:
    """Worst first. Asked for every few seconds: every count stops at some, and asks an index.

    What the asker has judged already is `known`, by the check's name, and not asked again.
    """
    return problems(LISTED, now, known)
