"""Habits: a finding that stands on nearly every signal of a source says something of the source, and of none of them.

The worker counts findings by source now and then, so that no page has to read the table; `syncstatus` counts live.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from time import perf_counter
from typing import Any

from django.db.models import Count, Q

from signals.models import AutomatedSignal

from .findings import FINDINGS, Finding
from .models import FindingTotal

# Of fewer signals none is usual, and of those that it stands on it is usual from this share on.
SIGNALS, SHARE = 20, Fraction(3, 5)
# The worker counts for at most a hundredth of its time, and not more often than this.
REST, OFTEN = 100, timedelta(minutes=1)


@dataclass(frozen=True)
class Found:
    """How many signals a source has, and on how many of them each finding stands."""

    signals: int
    findings: Mapping[str, int]

    @property
    def habits(self) -> frozenset[str]:
        """The findings that are usual with the source. Pure."""
        return frozenset(name for name, found in self.findings.items() if is_habit(found, self.signals))


def is_habit(found: int, signals: int) -> bool:
    return signals >= SIGNALS and found >= SHARE * signals


def count() -> dict[int, Found]:
    """By source with any signals, in one pass over the table."""
    named: Mapping[str, Q] = {finding.name: finding.q for finding in FINDINGS}
    counted: dict[str, Any] = {name: Count("pk", filter=q) for name, q in named.items()}
    rows = AutomatedSignal.objects.order_by().values_list("source_id").annotate(signals=Count("pk"), **counted)
    return {source: Found(signals, dict(zip(named, found, strict=True))) for source, signals, *found in rows}


def by_type(found: Mapping[int, Found]) -> dict[str, int]:
    """The signals with each finding, but for sources whose habit it is."""
    return {
        finding.name: sum(each.findings[finding.name] for each in found.values() if finding.name not in each.habits)
        for finding in FINDINGS
    }


def keep(now: datetime) -> bool:
    """Count, unless it was done lately, for the pages. Returns whether it was counted."""
    last = FindingTotal.objects.order_by("-at").first()
    if last and last.at <= now < last.at + max(OFTEN, timedelta(seconds=REST * last.seconds)):
        return False
    started = perf_counter()
    found = count()
    seconds = perf_counter() - started
    for source, each in found.items():
        counted = {"at": now, "seconds": seconds, "signals": each.signals, "findings": each.findings}
        FindingTotal.objects.update_or_create(source_id=source, defaults=counted)
    return True


def kept(source_id: int) -> Found:
    """As the worker counted last; nothing when it has not yet."""
    total = FindingTotal.objects.filter(pk=source_id).first()
    return found_in(total) if total else Found(0, {})


def found_in(total: FindingTotal) -> Found:
    return Found(total.signals, total.findings)


def told(found: Found) -> list[tuple[Finding, int]]:
    """The source's habits in the catalogue's order, each with the number of signals that it stands on."""
    return [(each, found.findings[each.name]) for each in FINDINGS if each.name in found.habits]
