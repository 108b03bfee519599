"""What needs an operator now: each with what it means, and a link to where it can be dealt with."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from dashboard.console.page import address
from dashboard.telling.formats import it, some, were
from reconciliation import asking
from reconciliation.models import SetAside, SyncAuditLog, SyncRun
from signals.models import Fill, Quarantine
from signals.receiving.spool import SpoolError, spool

from .silence import State, Verdict

COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Need:
    """`tone` is bad where something does not work, warn where somebody should decide, info where it can wait."""

    tone: str
    says: str
    link: str
    label: str


def needs(verdicts: Iterable[Verdict], worker_fault: str, now: datetime, more: Iterable[Need] = ()) -> list[Need]:
    """Worst first. Every count stops at COUNTED and asks an index."""
    found = [
        *more,
        *worker_needs(worker_fault),
        *spool_needs(),
        *silence_needs(verdicts),
        *failed_run(),
        *decisions(),
        *asked(now),
    ]
    return sorted(found, key=lambda need: ("bad", "warn", "info").index(need.tone))


def worker_needs(fault: str) -> Iterator[Need]:
    if fault:
        says = f"The worker does no cycles: {fault}. Restart it (manage.py serve); its log says why it stopped."
        yield Need("bad", says, address("runs"), "Runs")


def spool_needs() -> Iterator[Need]:
    try:
        pending, rejected = spool().pending_bytes(), len(spool().rejected())
    except (OSError, SpoolError):
        yield Need("bad", "The spool cannot be read: check VAR_DIR and its disk.", "/readyz", "Readiness")
        return
    if pending:
        says = f"{pending:,} bytes of alerts are spooled: the database did not take them. The next cycle takes them in."
        yield Need("warn", says, address("deliveries"), "Deliveries")
    if rejected:
        says = f"{some(rejected, 'spooled alert')} came with a token of no source and {were(rejected)} put aside."
        yield Need("warn", says, address("sources"), "Sources")


def silence_needs(verdicts: Iterable[Verdict]) -> Iterator[Need]:
    judged = list(verdicts)
    for verdict in judged:
        if verdict.tone == "bad":
            closed = "" if verdict.open else " (now closed)"
            says = f"{verdict.line.name}: silent for {verdict.minutes} minutes of open market{closed}. {verdict.todo}"
            yield Need("bad", says, address("deliveries"), "Deliveries")
    if all(verdict.state == State.UNHEARD for verdict in judged):
        yield Need("info", "No alert came by webhook in the last 7 days.", address("activation"), "Activation")


def failed_run() -> Iterator[Need]:
    last = SyncRun.objects.exclude(state=SyncRun.State.RUNNING).order_by("-pk").first()
    if last is not None and last.state != SyncRun.State.FINISHED:
        says = f"The last cycle did not finish: {last.error or last.get_state_display()}"
        yield Need("bad", says, address("run", last.pk), f"Run {last.pk}")


def decisions() -> Iterator[Need]:
    if quarantined := counted(Quarantine.objects.filter(state=Quarantine.State.OPEN)):
        plural = "delivery" if quarantined == 1 else "deliveries"
        says = f"{quarantined:,} {plural} could not be read and {were(quarantined)} quarantined."
        yield Need("warn", says, address("quarantine"), "Mend and replay")
    if aside := counted(SetAside.objects.all()):
        says = f"{some(aside, 'signal')} {were(aside)} set aside after an error; {it(aside)} tried again later."
        yield Need("warn", says, address("set-aside"), "Set aside")
    if waiting := counted(proposed_fills()):
        says = f"{some(waiting, 'fill')} of low confidence {'waits' if waiting == 1 else 'wait'} for approval."
        yield Need("warn", says, address("approvals"), "Approve or refuse")


def proposed_fills() -> QuerySet[Fill]:
    """Fills that wait for approval. By way of the audit log, whose index knows which signals ever had any."""
    ever = SyncAuditLog.objects.filter(action=SyncAuditLog.Action.PROPOSED)
    return Fill.objects.filter(signal__in=ever.order_by().values("signal"), state=Fill.State.PROPOSED)


def asked(now: datetime) -> Iterator[Need]:
    """Requests to the indicator that nobody has answered yet."""
    for each in asking.overview(now):
        says = f"{each.source}: {some(each.requests, 'question')} to the indicator without an answer yet."
        if each.failed:
            says = f"{says} {some(each.failed, 'question')} could not be delivered in the last day."
        yield Need("warn" if each.failed else "info", f"{says} {each.todo}", address("alert-log"), "Import a log")


def counted(rows: QuerySet[Any]) -> int:
    return rows.order_by()[:COUNTED].count()
