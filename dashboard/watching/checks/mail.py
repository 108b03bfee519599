"""Whether the mailboxes of alert mail can be read, and what is in them counts."""

from collections.abc import Iterator
from datetime import datetime

from dashboard.telling.addresses import address
from signals.receiving.mail.overview import TODAY, MailboxStatus, overview, stuck

from .result import Problem, Result, Severity, judged


def mail(now: datetime) -> Result:
    """Nothing depends on it: what comes by webhook alone has no second way."""
    faults = [fault for status in overview(now, lately=TODAY) for fault in faults_of(status)]
    if waiting := stuck(now):
        says = f"{waiting} alert mail{'s' if waiting > 1 else ''} could not be settled for half an hour."
        faults.append(about(says, "The worker does it every two minutes; its log says why that fails."))
    return judged(faults, "Every mailbox that is set up can be read, and mails in it count.")


def faults_of(status: MailboxStatus) -> Iterator[Problem]:
    box = status.box
    if status.failing:
        yield about(f"The mailbox {box} is not read. {box.error}", box.advice)
    elif status.only_refused:
        says = f"Of the mailbox {box} all {status.refused_today} mails of the last day were refused: {status.reason}"
        yield about(says, "Test it on page Mail: that shows what its server writes, and what is set does not fit.")


def about(says: str, todo: str) -> Problem:
    return Problem(says, todo, Severity.WARN, address("mail"), "Mail")
