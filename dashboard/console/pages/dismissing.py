"""Dismissing gaps and taking that back: for one signal from its page, or for those ticked in a gap's list."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from dashboard.console.actions import ActionError, Done, Preview
from dashboard.console.forms import NoteForm, ReasonForm
from dashboard.console.gap_lists import Found
from dashboard.console.selection import NOTHING_PICKED, OnSelection, Selection, gap_named
from dashboard.telling.addresses import address
from dashboard.telling.formats import some
from dashboard.telling.history import open_gaps
from reconciliation.decisions import dismiss_gap, reopen_gap
from reconciliation.gaps import Gap, score
from reconciliation.models import GapRecord
from signals.models import AutomatedSignal

Standing = dict[int, tuple[str, ...]]
"""By the keys of the signals that the action still concerns: what its preview says of each."""


class OnGap(OnSelection):
    """An action on one gap of some signals. Those of them that it does not concern (any more) are left out."""

    columns: tuple[str, ...] = ()
    nothing = ""
    meaning = ""
    thing, done = "gap", ""

    def standing(self, gap: Gap, signals: Iterable[AutomatedSignal], now: datetime) -> Standing:
        raise NotImplementedError

    def preview(self, subject: Selection, given: dict[str, Any], now: datetime) -> Preview:
        if subject.gap is None or not (signals := subject.signals):
            return NOTHING_PICKED
        standing = self.standing(subject.gap, signals, now)
        if not standing:
            return Preview(problem=self.nothing)
        return Preview(
            says=[f"{subject.gap.title}, {some(len(standing), 'signal')}.", self.meaning],
            columns=("Signal", "Source", "Status", *self.columns),
            rows=[
                (signal.trade_id, signal.source.name, signal.get_status_display(), *standing[signal.pk])
                for signal in signals
                if signal.pk in standing
            ],
        )

    def perform(self, subject: Selection, given: dict[str, Any], now: datetime) -> Done:
        if subject.gap is None or not (signals := subject.signals):
            raise ActionError(NOTHING_PICKED.problem)
        standing = self.standing(subject.gap, signals, now)
        if not standing:
            raise ActionError(self.nothing)
        for signal in signals:
            if signal.pk in standing:
                self.act(signal, subject.gap, given["reason"])
        return Done(f"{some(len(standing), self.thing)} {self.done}: {subject.gap.title}.")

    def act(self, signal: AutomatedSignal, gap: Gap, reason: str) -> None:
        raise NotImplementedError


class DismissGaps(OnGap):
    name = "dismiss-gaps"
    route = "console/gaps/dismiss/"
    title = "Dismiss gaps"
    verb = "Dismiss"
    danger = True
    inputs = ReasonForm
    columns = ("Health",)
    nothing = "This gap is not open (any more)."
    meaning = (
        "A dismissed gap counts no longer: not in health, not in any list, and no cycle tries to fill it."
        " It can be taken back."
    )
    done = "dismissed"

    def standing(self, gap: Gap, signals: Iterable[AutomatedSignal], now: datetime) -> Standing:
        found = {key: gaps for key, gaps in open_gaps(list(signals), now).items() if gap.name in gaps}
        left = {key: {name: due for name, due in gaps.items() if name != gap.name} for key, gaps in found.items()}
        return {key: (f"{score(gaps)} → {score(left[key])}",) for key, gaps in found.items()}

    def act(self, signal: AutomatedSignal, gap: Gap, reason: str) -> None:
        dismiss_gap(signal, gap.name, actor=self.person.get_username(), reason=reason)


class ReopenGaps(OnGap):
    name = "reopen-gaps"
    route = "console/gaps/reopen/"
    title = "Take dismissals back"
    verb = "Take back"
    inputs = NoteForm
    columns = ("Dismissed by", "Why")
    nothing = "This gap is not dismissed (any more)."
    meaning = "What is still open counts again, and the next cycle tries to fill it."
    thing, done = "dismissal", "taken back"

    def standing(self, gap: Gap, signals: Iterable[AutomatedSignal], now: datetime) -> Standing:
        dismissed = GapRecord.objects.filter(
            signal__in=list(signals), gap=gap.name, state=GapRecord.State.DISMISSED
        ).only("signal_id", "actor", "reason")
        return {record.signal_id: (record.actor or "somebody", record.reason) for record in dismissed}

    def act(self, signal: AutomatedSignal, gap: Gap, reason: str) -> None:
        reopen_gap(signal, gap.name, actor=self.person.get_username(), reason=reason)


class OfOneSignal(OnGap):
    """The same from the signal's page, and back to it."""

    def subject(self) -> Selection:
        gap = gap_named(self.kwargs["gap"])
        return Selection(gap, Found([AutomatedSignal.objects.filter(pk=self.kwargs["pk"])]))

    def back_link(self) -> str:
        return address("signal", self.kwargs["pk"])


class DismissGap(OfOneSignal, DismissGaps):
    name = "dismiss-gap"
    route = "console/signals/<int:pk>/gaps/<str:gap>/dismiss/"
    title = "Dismiss a gap"


class ReopenGap(OfOneSignal, ReopenGaps):
    name = "reopen-gap"
    route = "console/signals/<int:pk>/gaps/<str:gap>/reopen/"
    title = "Take a dismissal back"
