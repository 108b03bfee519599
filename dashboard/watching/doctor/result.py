"""What a check returns."""

from typing import NamedTuple


class Result(NamedTuple):
    ok: bool
    says: str


def good(says: str) -> Result:
    return Result(True, says)


def bad(says: str) -> Result:
    return Result(False, says)


def judged(faults: list[str], otherwise: str) -> Result:
    """Bad with every fault, else good."""
    return bad(" ".join(faults)) if faults else good(otherwise)
