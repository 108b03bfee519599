"""Undoing what a run has filled, or what a tier has since a moment: at once if it is little, else as a job."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Count, QuerySet
from django.shortcuts import get_object_or_404

from dashboard import jobs
from dashboard.console.actions import ActionError, ActionPage, Done, Preview
from dashboard.console.forms import NewYorkTimeField, ReasonForm
from dashboard.console.roles import RECONCILE
from dashboard.telling.addresses import address
from dashboard.telling.formats import some, tier_name
from reconciliation.cycle.worker import wedged
from reconciliation.models import SyncRun
from reconciliation.tiers.table import choices
from signals.formats import iso
from signals.models import Fill
from signals.tiers import CALCULATION

SHOWN = 50


class UndoRun(ActionPage[SyncRun]):
    """Undo what a run has filled."""

    name = "undo-run"
    route = "console/runs/<int:pk>/undo/"
    title = "Undo a run"
    permission = RECONCILE
    template_name = "dashboard/runs/undo.html"
    inputs = ReasonForm
    verb = "Undo"
    danger = True
    back = "runs"

    def subject(self) -> SyncRun:
        return get_object_or_404(SyncRun, pk=self.kwargs["pk"])

    def heading(self, subject: SyncRun) -> str:
        return f"Undo run {subject.pk}"

    def back_link(self) -> str:
        return address("run", self.kwargs["pk"])

    def preview(self, subject: SyncRun, given: dict[str, Any], now: datetime) -> Preview:
        return undo_preview(jobs.fills_of({"run": subject.pk}), now, "What the run corrected otherwise stays.")

    def perform(self, subject: SyncRun, given: dict[str, Any], now: datetime) -> Done:
        return undone(self.person, {"run": subject.pk, "reason": given["reason"]}, f"Undoing run {subject.pk}", now)


def undo_preview(fills: QuerySet[Fill], now: datetime, stays: str = "") -> Preview:
    by_tier = {each["tier"]: each["n"] for each in fills.order_by("tier").values("tier").annotate(n=Count("pk"))}
    total = sum(by_tier.values())
    if not total:
        return Preview(problem="Nothing that it filled stands any more; there is nothing to undo.")
    tiers = ", ".join(f"{number:,} by {tier_name(tier)}" for tier, number in by_tier.items())
    says = [
        f"{some(total, 'value')} would be taken out again: {tiers}. {stays}",
        "Undone values do not come back on the same evidence; their gaps open again with the next cycle.",
    ]
    warnings = []
    if total > jobs.FILLS_AT_ONCE:
        says.append("That takes longer than a page may: the worker does it, and a page shows how far it is.")
        warnings = [f"But the worker is down: {fault}." for fault in [wedged(now)] if fault]
    # By key, not by signal: an index has the first of very many in this order.
    listed = list(fills.select_related("signal__source").order_by("-pk")[:SHOWN])
    return Preview(says=says, warnings=warnings, more={"fills": listed, "total": total})


def undone(person: User, asked: dict[str, Any], title: str, now: datetime) -> Done:
    """Undo what is asked (`jobs.fills_of`): at once if it is little, else by the worker."""
    number, job = jobs.undo_asked(person, asked, title, now)
    if not number:
        raise ActionError("Nothing that it filled stands any more.")
    if job:
        return Done(f"The worker undoes {number:,} values.", link=address("job", job.pk), level=messages.INFO)
    return Done(f"{some(number, 'value')} undone.")


class UndoTierForm(ReasonForm):
    tier = forms.ChoiceField(choices=choices())
    since = NewYorkTimeField(label="Everything since (New York)")

    field_order = ("tier", "since", "reason")


class UndoTier(ActionPage[None]):
    """Undo everything that a tier has filled since a moment: for when a tier turns out to be wrong."""

    name = "undo-tier"
    route = "console/runs/undo-tier/"
    title = "Undo a tier"
    permission = RECONCILE
    template_name = "dashboard/runs/undo.html"
    inputs = UndoTierForm
    binding = True
    verb = "Undo"
    danger = True
    back = "runs"

    def subject(self) -> None:
        return None

    def initial(self, subject: None) -> dict[str, Any]:
        return {"tier": CALCULATION.key}

    def preview(self, subject: None, given: dict[str, Any], now: datetime) -> Preview:
        if not given.get("since"):
            return Preview(says=["Say which tier and since when, and look at the preview."], asks=True)
        stays = "To keep the tier from filling again, switch it off for the source."
        return undo_preview(jobs.fills_of(given), now, stays)

    def perform(self, subject: None, given: dict[str, Any], now: datetime) -> Done:
        title = f"Undoing tier {given['tier']} since {iso(given['since'])}"
        return undone(self.person, given | {"since": iso(given["since"])}, title, now)
