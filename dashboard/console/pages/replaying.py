"""Replay: how well the indicator's rules agree with what was heard, what was not, and what waits for a yes or no."""

from datetime import datetime, timedelta
from typing import Any

from dashboard.console.actions import ActionError, Done, Preview
from dashboard.console.forms import ReasonForm
from dashboard.console.page import Page
from dashboard.telling.addresses import address
from reconciliation.models import Agreement
from reconciliation.replay.agreeing import LEAST
from reconciliation.replay.completeness import days
from reconciliation.replay.deciding import approve_found, refuse_found
from signals.models import AutomatedSignal, Source
from signals.vocabulary import Approval, Origin

from .signal_actions import OnSignal

LOOKED_BACK = timedelta(days=14)
STRETCHES, WAITING = 20, 50


class Replay(Page):
    name = "replay"
    route = "console/replay/"
    title = "Replay"
    icon = "history"
    place = 55
    key = "p"
    template_name = "dashboard/replay/page.html"

    def content(self, now: datetime) -> dict[str, Any]:
        sources = list(Source.objects.filter(agreements__isnull=False).distinct().order_by("name"))
        wanted = self.request.GET.get("source", "")
        source = next((each for each in sources if each.name == wanted), sources[0] if sources else None)
        agreements = Agreement.objects.filter(source=source).select_related("stretch").order_by("-stretch__start")
        shown = list(agreements[:STRETCHES])
        last = shown[0].stretch.end if shown else now
        waiting = AutomatedSignal.objects.filter(origin=Origin.REPLAY, approval=Approval.WAITING, source=source)
        return {
            "sources": sources,
            "source": source,
            "agreements": shown,
            "least": LEAST,
            "days": days(source, last - LOOKED_BACK) if source else [],
            "waiting": list(waiting.order_by("-first_event_at")[:WAITING]),
        }


class OnFound(OnSignal):
    """A yes or no to a signal that replay found, and is not sure of."""

    inputs = ReasonForm
    says = ""

    def preview(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Preview:
        if subject.approval != Approval.WAITING:
            return Preview(problem="It does not wait for approval.")
        return Preview(says=[self.says])

    def perform(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Done:
        try:
            return self.decide(subject.pk, given["reason"], now)
        except ValueError as error:
            raise ActionError(str(error)) from error

    def decide(self, key: int, reason: str, now: datetime) -> Done:
        """Raises ValueError when it no longer waits."""
        raise NotImplementedError


class ApproveFound(OnFound):
    """Let it stand."""

    name = "approve-found"
    route = "console/signals/<int:pk>/approve/"
    title = "Approve a signal found by replay"
    verb = "Approve"
    says = "It stands then as one that was found by replay, as long as the bars show it."

    def decide(self, key: int, reason: str, now: datetime) -> Done:
        approve_found(key, actor=self.who, reason=reason, now=now)
        return Done("Approved: the signal stands.")


class RefuseFound(OnFound):
    """Withdraw it, for good."""

    name = "refuse-found"
    route = "console/signals/<int:pk>/refuse/"
    title = "Refuse a signal found by replay"
    verb = "Refuse"
    danger = True
    says = "It is withdrawn and does not come back, whatever the bars show. Should an alert tell of it, it does."

    def decide(self, key: int, reason: str, now: datetime) -> Done:
        refuse_found(key, actor=self.who, reason=reason, now=now)
        return Done("Refused: the signal is withdrawn.", link=address("replay"))
