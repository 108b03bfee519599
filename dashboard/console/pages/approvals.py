"""Fills that wait for approval: their list; approve or refuse what was ticked in it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.paginator import Paginator

from dashboard.console.actions import ActionError, ActionPage, Done, Preview
from dashboard.console.cycles import AT_ONCE
from dashboard.console.forms import NoteForm, ReasonForm
from dashboard.console.page import picked
from dashboard.console.roles import RECONCILE
from dashboard.telling.fields import named, written
from dashboard.telling.formats import some
from dashboard.watching.checks.decisions import proposed_fills
from reconciliation.decisions import approve, undo
from signals.models import Fill
from signals.storage.paging import BoundedPaginator

from .gaps import ROWS, GapsPage


class Approvals(GapsPage):
    """Fills of low confidence: they stand only once somebody approves them."""

    name = "approvals"
    route = "console/gaps/approvals/"
    title = "Waiting for approval"
    template_name = "dashboard/gaps/approvals_page.html"
    fragment = "dashboard/gaps/approvals.html"

    def content(self, now: datetime) -> dict[str, Any]:
        fills = proposed_fills().select_related("signal__source").order_by("-pk")
        rows: Paginator[Any] = BoundedPaginator(fills, ROWS)
        return super().content(now) | {"rows": rows.get_page(self.request.GET.get("page"))}


class OnProposals(ActionPage[Sequence[Fill]]):
    """An action on the ticked fills that wait for approval."""

    permission = RECONCILE
    back = "approvals"

    def subject(self) -> Sequence[Fill]:
        keys = picked(self.request, AT_ONCE)
        return list(proposed_fills().filter(pk__in=keys).select_related("signal__source").order_by("pk"))

    def listed(self, subject: Sequence[Fill], sentence: str) -> Preview:
        if not subject:
            return Preview(problem="Nothing was ticked, or somebody has decided already. Tick fills in the list first.")
        return Preview(
            says=[sentence],
            columns=("Signal", "Value", "Proposed", "Tier", "Confidence"),
            rows=[
                (
                    fill.signal.trade_id,
                    named(fill.field),
                    written(fill.field, fill.value, fill.signal.source.tick_size),
                    fill.tier,
                    f"{fill.confidence:.2f}",
                )
                for fill in subject
            ],
        )


class ApproveFills(OnProposals):
    name = "approve-fills"
    route = "console/gaps/approvals/approve/"
    title = "Approve fills"
    verb = "Approve"
    inputs = NoteForm

    def preview(self, subject: Sequence[Fill], given: dict[str, Any], now: datetime) -> Preview:
        return self.listed(subject, "These values are put in, marked with their confidence. Each can be undone.")

    def perform(self, subject: Sequence[Fill], given: dict[str, Any], now: datetime) -> Done:
        stood = 0
        for fill in subject:
            try:
                approve(fill, actor=self.person.get_username(), reason=given["reason"])
            except ValueError:
                continue  # decided by somebody else meanwhile
            stood += 1
        if not stood:
            raise ActionError("Somebody has decided about these already.")
        return Done(f"{some(stood, 'fill')} approved.")


class RefuseFills(OnProposals):
    name = "refuse-fills"
    route = "console/gaps/approvals/refuse/"
    title = "Refuse fills"
    verb = "Refuse"
    danger = True
    inputs = ReasonForm

    def preview(self, subject: Sequence[Fill], given: dict[str, Any], now: datetime) -> Preview:
        return self.listed(subject, "These values are not put in, and are not proposed again on the same evidence.")

    def perform(self, subject: Sequence[Fill], given: dict[str, Any], now: datetime) -> Done:
        keys = [fill.pk for fill in subject]
        refused = undo(proposed_fills().filter(pk__in=keys), actor=self.person.get_username(), reason=given["reason"])
        if not refused:
            raise ActionError("Somebody has decided about these already.")
        return Done(f"{some(refused, 'fill')} refused.")
