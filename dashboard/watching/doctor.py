"""The troubleshooting list of docs/operations.md, walked: what is wrong, and what to do about it. It only looks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .checks import CHECKS, Check, judge

WALKED = tuple(check for check in CHECKS if not check.decision)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `advice` says what is wrong and what to do; of a check that holds, what was seen."""

    check: str
    ok: bool
    advice: str


def examine(now: datetime) -> list[Finding]:
    return findings(WALKED, now)


def findings(checks: Iterable[Check], now: datetime) -> list[Finding]:
    return [Finding(check.name, result.ok, result.says) for check, result in judge(checks, now)]
