"""The signals that an action is about: those with a gap, or those that were ticked in a list."""

from dataclasses import dataclass
from datetime import datetime

from django.http import Http404, HttpRequest
from django.utils import timezone

from dashboard.telling.addresses import address
from reconciliation.gaps import CATALOGUE, Gap, GapView
from signals.models import AutomatedSignal

from .actions import ActionPage, Preview
from .cycles import AT_ONCE
from .gap_lists import ACTIONABLE, Found, with_gap
from .page import picked
from .roles import RECONCILE


def gap_named(name: str) -> Gap:
    if name not in CATALOGUE:
        raise Http404(f"There is no gap {name}.")
    return CATALOGUE[name]


@dataclass(frozen=True)
class Selection:
    """Signals to act on; with the gap that it is about, if it is about one."""

    gap: Gap | None
    found: Found
    whole: bool = False

    @classmethod
    def of(cls, request: HttpRequest, now: datetime) -> "Selection":
        """`?gap=…&all=1` is all of a type; `?pick=…&pick=…` the ticked ones, with or without a gap."""
        name = request.GET.get("gap", "")
        gap = gap_named(name) if name else None
        if gap is not None and "all" in request.GET:
            return cls(gap, with_gap(gap.name, ACTIONABLE, GapView.at(now)), whole=True)
        return cls(gap, Found([AutomatedSignal.objects.filter(pk__in=picked(request, AT_ONCE))]))

    @property
    def signals(self) -> list[AutomatedSignal]:
        """As many as one run or one answer can deal with, in order of their keys."""
        return self.found.oldest(AT_ONCE)

    @property
    def back(self) -> str:
        return address("gap", self.gap.name) if self.gap else address("gaps")


NOTHING_PICKED = Preview(problem="Nothing was ticked, or it is not there any more. Tick signals in the list first.")


class OnSelection(ActionPage[Selection]):
    permission = RECONCILE
    back = "gaps"

    def subject(self) -> Selection:
        return Selection.of(self.request, timezone.now())

    def back_link(self) -> str:
        return self.subject().back
