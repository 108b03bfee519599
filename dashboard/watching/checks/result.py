"""What a check finds: problems, each with what to do about it, or that all is well."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """BAD does not work, WARN is for somebody to decide or to see to in time, INFO can wait. Worst first."""

    BAD = "bad"
    WARN = "warn"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Problem:
    """`says` what is wrong and what that means, `todo` what to do about it, `link` where, called `label`.

    `detail` is for those only who run the system: which database, where, with which error.
    """

    says: str
    todo: str = ""
    severity: Severity = Severity.BAD
    link: str = ""
    label: str = ""
    detail: str = ""

    @property
    def public(self) -> str:
        return " ".join(filter(None, (self.says, self.todo)))

    @property
    def text(self) -> str:
        return " ".join(filter(None, (self.says, self.detail, self.todo)))


class Result(NamedTuple):
    """The problems, and what was `seen` where there are none."""

    problems: tuple[Problem, ...]
    seen: str = ""

    @property
    def ok(self) -> bool:
        """What can wait is no fault."""
        return all(problem.severity == Severity.INFO for problem in self.problems)

    @property
    def says(self) -> str:
        return " ".join(problem.text for problem in self.problems) or self.seen


def good(seen: str) -> Result:
    return Result((), seen)


def bad(
    says: str, todo: str = "", *, severity: Severity = Severity.BAD, link: str = "", label: str = "", detail: str = ""
) -> Result:
    return Result((Problem(says, todo, severity, link, label, detail),))


def judged(faults: Sequence[Problem | str], otherwise: str) -> Result:
    """Every fault, or good."""
    return Result(tuple(Problem(fault) if isinstance(fault, str) else fault for fault in faults), otherwise)
