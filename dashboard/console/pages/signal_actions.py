"""What people do to one signal: reconcile it, ask the indicator again, undo, approve, dismiss, rebuild.

Every preview is made by the function that does it, or by the one it uses to decide.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.shortcuts import get_object_or_404

from dashboard.console.actions import ActionError, ActionPage, Done, LoggedChange, Preview
from dashboard.console.forms import ReasonForm
from dashboard.console.roles import RECONCILE
from dashboard.telling.addresses import address
from dashboard.telling.fields import brief, evident, method_name, named
from dashboard.telling.formats import tier_name, wall
from reconciliation import asking
from reconciliation.asking.requesting import latest_asks, needs_of
from reconciliation.asking.rules import KNOWN_FOR, to_ask, worth_asking
from reconciliation.cycle.lease import BusyError
from reconciliation.cycle.report import FILLS, Report
from reconciliation.cycle.run import run_sync
from reconciliation.decisions import approve, take_back, undo_fill
from reconciliation.gaps import CATALOGUE
from reconciliation.models import AskedGap, SyncRun
from signals.models import AutomatedSignal, Fill
from signals.models.signal import clone
from signals.signal.deriving import Venue, settle
from signals.signal.rebuilding import Difference, derive, differences, rederive, restore
from signals.tiers import ASKING

SIGNALS = AutomatedSignal.objects.select_related("source")
# Where the row's values come from, one by one and in sum: no values of their own.
SUMMED_UP = frozenset({"provenance", "data_source", "confidence_score", "reconciliation_reason"})


class OnSignal(ActionPage[AutomatedSignal]):
    """An action on the signal of the address."""

    permission = RECONCILE

    def subject(self) -> AutomatedSignal:
        return get_object_or_404(SIGNALS, pk=self.kwargs["pk"])

    def heading(self, subject: AutomatedSignal) -> str:
        return f"{self.title}: {subject.trade_id}"

    def back_link(self) -> str:
        return address("signal", self.kwargs["pk"])

    @property
    def who(self) -> str:
        return self.person.get_username()


def field_rows(changes: Iterable[Difference], tick: Decimal) -> list[tuple[str, str, str]]:
    return [
        (named(each.field), brief(each.field, each.stored, tick), brief(each.field, each.derived, tick))
        for each in changes
        if each.field not in SUMMED_UP
    ]


class Reconcile(OnSignal):
    """One cycle for this signal, all tiers. The preview is the cycle's dry run."""

    name = "reconcile-signal"
    route = "console/signals/<int:pk>/reconcile/"
    title = "Reconcile now"
    verb = "Reconcile"

    def run(self, subject: AutomatedSignal, now: datetime, *, dry_run: bool) -> Report:
        return run_sync(
            now=now,
            trigger=SyncRun.Trigger.CONSOLE,
            actor=self.who,
            trade_ids=[subject.trade_id],
            source=subject.source,
            dry_run=dry_run,
        )

    def preview(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Preview:
        report = self.run(subject, now, dry_run=True)
        tick = subject.source.tick_size
        rows = [
            (
                named(row["field"]), brief(row["field"], row["old"], tick), brief(row["field"], row["new"], tick),
                row["tier"], method_name(row["method"]), f"{row['confidence']:.2f}", resting_on(row["evidence"]),
                "be put in" if row["outcome"] == FILLS else row["outcome"].removeprefix("would "),
            )
            for row in report.proposals
        ]  # fmt: skip
        says = [f"{report.fills} value{'' if report.fills == 1 else 's'} would be put in; gaps {gap_change(report)}."]
        if not rows:
            says = [
                f"The tiers have nothing new to put in; gaps {gap_change(report)}. A cycle would check it all the same."
            ]
        return Preview(
            says=says,
            columns=("Field", "Now", "Would be", "Tier", "Method", "Confidence", "Evidence", "It would"),
            rows=rows,
            warnings=["Planning for this signal fails. A cycle sets it aside, and says why."] if report.errors else [],
        )

    def perform(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Done:
        try:
            report = self.run(subject, now, dry_run=False)
        except BusyError as error:
            raise ActionError(f"{error}. Try again in a moment.") from error
        if report.errors:
            return Done("The cycle failed on this signal and set it aside; its page says why.", level=messages.WARNING)
        done = [f"{report.fills} filled", f"{report.withdrawn} withdrawn", f"gaps {gap_change(report)}"]
        return Done(f"Reconciled in run {report.run_id}: {', '.join(done)}.")


def gap_change(report: Report) -> str:
    before, after = report.gaps_before, report.gaps_after
    return f"stay at {after}" if before == after else f"go from {before} to {after}"


def resting_on(evidence: Mapping[str, Any]) -> str:
    """What a proposal rests on, in a line."""
    return evident(evidence)[:160]


class AskIndicator(OnSignal):
    """Ask the indicator again (tier 1) about what nothing else could tell."""

    name = "ask-indicator"
    route = "console/signals/<int:pk>/ask/"
    title = "Ask the indicator again"
    verb = "Ask"

    def preview(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Preview:
        gaps = self.gaps(subject, now)
        if not gaps:
            return Preview(problem=why_not_ask(subject, now))
        return Preview(
            says=[
                "The indicator is asked for what no other tier could tell. A companion takes the request, or you do it:"
                " the Overview says how. The answer comes as an alert of its own; nothing waits for it.",
                "Other signals with open gaps are asked about in the same step: one export tells of all.",
            ],
            columns=("Gap", "Asked so far"),
            rows=[
                (CATALOGUE[gap].title, f"{times - 1} times" if times > 1 else "never") for gap, times in gaps.items()
            ],
        )

    def gaps(self, subject: AutomatedSignal, now: datetime) -> dict[str, int]:
        first, off = subject.first_event_at, subject.source.tiers_off
        needs = needs_of([subject.pk])[subject.pk]
        worth = [need for need in needs if worth_asking(need, first_event_at=first, as_of=now, tiers_off=off)]
        return to_ask(worth, latest_asks([subject.pk])[subject.pk], now=now, by_hand=True)

    def perform(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Done:
        gaps = self.gaps(subject, now)
        if not gaps:
            raise ActionError(why_not_ask(subject, now))
        done = asking.step(now=now, by_hand=True)
        titles = ", ".join(CATALOGUE[gap].title for gap in gaps)
        delivered = f"{done.delivered} delivered to a companion" if done.delivered else "waiting to be taken"
        return Done(
            f"Asked about {titles}; {delivered}.", [LoggedChange(subject, f"Asked the indicator about {titles}.")]
        )


def why_not_ask(signal: AutomatedSignal, now: datetime) -> str:
    asked = AskedGap.objects.filter(signal=signal, ended_at=None).select_related("request").first()
    if asked:
        return f"It is being asked already, since {wall(asked.request.created_at)}. Wait for the answer."
    if ASKING.key in signal.source.tiers_off:
        return f"Tier 1 is switched off for the source {signal.source}."
    if now - signal.first_event_at > KNOWN_FOR:
        return f"It is older than {KNOWN_FOR.days} days: the indicator no longer knows it. Import its day's alert log."
    return "The last cycle left no gap of it that the indicator could close. Reconcile it first if it has changed."


class Rebuild(OnSignal):
    """Derive the row anew from its events and fills, where it is not what they add up to."""

    name = "rebuild-signal"
    route = "console/signals/<int:pk>/rebuild/"
    title = "Rebuild"
    verb = "Rebuild"

    def preview(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Preview:
        found = [each for stored, fresh in rederive([subject]) for each in differences(stored, fresh)]
        if not found:
            return Preview(problem="Nothing to do: the row is exactly what its events and fills add up to.")
        return Preview(
            says=["The row is not what its events and fills add up to. Rebuilding puts it right."],
            columns=("Field", "Stored", "By its events"),
            rows=field_rows(found, subject.source.tick_size) or [("Provenance", "differs", "made anew")],
        )

    def perform(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Done:
        fields = sorted({each.field for each in restore([subject], now=now)})
        if not fields:
            raise ActionError("Nothing to do: the row is exactly what its events and fills add up to.")
        return Done(
            f"Rebuilt: {', '.join(map(named, fields))}.", [LoggedChange(subject, f"Rebuilt {', '.join(fields)}.")]
        )


class OnFill(OnSignal):
    """An action on a fill of the signal."""

    inputs = ReasonForm
    states: tuple[str, ...] = (Fill.State.ACTIVE, Fill.State.PROPOSED)
    otherwise = "It no longer stands"

    def fill(self, subject: AutomatedSignal) -> Fill:
        return get_object_or_404(Fill, pk=self.kwargs["fill"], signal=subject)

    def problem(self, fill: Fill) -> str:
        return "" if fill.state in self.states else f"{self.otherwise}: {fill.get_state_display().lower()}."

    def preview(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Preview:
        fill = self.fill(subject)
        problem = self.problem(fill)
        return Preview(problem=problem) if problem else self.shown(subject, fill, subject.source.tick_size)

    def shown(self, subject: AutomatedSignal, fill: Fill, tick: Decimal) -> Preview:
        raise NotImplementedError

    def said(self, fill: Fill, tick: Decimal) -> str:
        return (
            f"{named(fill.field)} {brief(fill.field, fill.value, tick)}, {tier_name(fill.tier)},"
            f" {method_name(fill.method)}, confidence {fill.confidence:.2f}."
        )


class UndoFill(OnFill):
    name = "undo-fill"
    route = "console/signals/<int:pk>/fills/<int:fill>/undo/"
    title = "Undo a fill"
    verb = "Undo"
    danger = True

    def shown(self, subject: AutomatedSignal, fill: Fill, tick: Decimal) -> Preview:
        if fill.state == Fill.State.PROPOSED:
            return Preview(says=[f"Refused: {self.said(fill, tick)}", "It is not proposed again on the same evidence."])
        changes = without(subject, fill)
        says = [self.said(fill, tick), "It does not come back on the same evidence; new evidence may bring another."]
        if fill.field not in {each.field for each in changes}:
            says.append(
                "The value itself stays, as the signal's own alerts say it too: only where it comes from changes."
            )
        return Preview(says=says, columns=("Field", "Now", "Without it"), rows=field_rows(changes, tick))

    def perform(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Done:
        if not undo_fill(self.fill(subject), actor=self.who, reason=given["reason"]):
            raise ActionError(self.problem(self.fill(subject)) or "Somebody was faster: reload the page.")
        return Done("Undone. The next cycle looks at the signal again.")


class AllowFill(OnFill):
    """Lift the bar that an undo has put on a fill."""

    name = "allow-fill"
    route = "console/signals/<int:pk>/fills/<int:fill>/allow/"
    title = "Take an undo back"
    verb = "Take back"
    states = (Fill.State.UNDONE,)
    otherwise = "Its undo does not stand"

    def shown(self, subject: AutomatedSignal, fill: Fill, tick: Decimal) -> Preview:
        return Preview(
            says=[
                f"Was undone: {self.said(fill, tick)}",
                "It may come back: the next cycle puts in what the evidence says then.",
            ]
        )

    def perform(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Done:
        if not take_back(Fill.objects.filter(pk=self.fill(subject).pk), actor=self.who, reason=given["reason"]):
            raise ActionError(self.problem(self.fill(subject)) or "Somebody was faster: reload the page.")
        return Done("Taken back. The next cycle looks at the signal again.")


def without(signal: AutomatedSignal, fill: Fill) -> list[Difference]:
    """What would be different if this fill did not stand."""
    others = signal.fills.filter(state=Fill.State.ACTIVE).exclude(pk=fill.pk).order_by("pk")
    fresh = derive(signal, list(signal.events.order_by("fire_minute", "pk")), list(others))
    fresh.clock_zone, fresh.clock_by = signal.clock_zone, signal.clock_by
    settle(fresh, Venue.of(signal.source))
    return differences(clone(signal), fresh)


class ApproveFill(OnFill):
    name = "approve-fill"
    route = "console/signals/<int:pk>/fills/<int:fill>/approve/"
    title = "Approve a proposed fill"
    verb = "Approve"
    states = (Fill.State.PROPOSED,)

    def shown(self, subject: AutomatedSignal, fill: Fill, tick: Decimal) -> Preview:
        shown = brief(fill.field, getattr(subject, fill.field), tick)
        return Preview(
            says=[self.said(fill, tick)],
            columns=("Field", "Now", "Would be"),
            rows=[(named(fill.field), shown, brief(fill.field, fill.value, tick))],
        )

    def perform(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Done:
        try:
            approve(self.fill(subject), actor=self.who, reason=given["reason"])
        except ValueError as error:
            raise ActionError(str(error)) from error
        return Done("Approved: the value stands.")
