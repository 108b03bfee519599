"""What waits for somebody to decide, though nothing is wrong."""

from datetime import datetime

from django.db.models import QuerySet, Sum

from dashboard.telling.addresses import address
from dashboard.telling.formats import some
from reconciliation import asking
from reconciliation.models import GapTotal, SyncAuditLog
from signals.models import Fill
from signals.storage.paging import counted

from .result import Problem, Result, Severity, bad, good, judged


def approvals(now: datetime) -> Result:
    waiting = counted(proposed_fills())
    if not waiting:
        return good("No fill waits for approval.")
    says = f"{some(waiting, 'fill')} of low confidence {'waits' if waiting == 1 else 'wait'} for approval."
    return bad(says, severity=Severity.WARN, link=address("approvals"), label="Approve or refuse")


def proposed_fills() -> QuerySet[Fill]:
    """Fills that wait for approval. By way of the audit log, whose index knows which signals ever had any."""
    ever = SyncAuditLog.objects.filter(action=SyncAuditLog.Action.PROPOSED)
    return Fill.objects.filter(signal__in=ever.order_by().values("signal"), state=Fill.State.PROPOSED)


def questions(now: datetime) -> Result:
    """Requests to the indicator that nobody has answered yet."""
    return judged([unanswered(each) for each in asking.overview(now)], "The indicator is asked nothing.")


def unanswered(each: asking.Asked) -> Problem:
    says = f"{each.source}: {some(each.requests, 'question')} to the indicator without an answer yet."
    if each.failed:
        says = f"{says} {some(each.failed, 'question')} could not be delivered in the last day."
    severity = Severity.WARN if each.failed else Severity.INFO
    return Problem(says, each.todo, severity, address("alert-log"), "Import a log")


def gaps_left(now: datetime) -> Result:
    """Actionable gaps as the last cycle left them."""
    return of_left(number_left())


def of_left(left: int) -> Result:
    if not left:
        return good("No actionable gap is left.")
    says = f"{some(left, 'actionable gap')} that no tier could fill so far."
    todo = "Each type says what a person can do."
    return bad(says, todo, severity=Severity.INFO, link=address("gaps"), label="Gaps")


def number_left() -> int:
    left: int | None = GapTotal.objects.aggregate(n=Sum("open"))["n"]
    return left or 0
