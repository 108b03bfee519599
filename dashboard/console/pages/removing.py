"""Removing what is simulated: what will go, table by table, and then the job that does it."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.utils import timezone

from dashboard import jobs
from dashboard.console.actions import ActionError, ActionPage, Done, LoggedChange, Preview
from dashboard.console.roles import CHANGE_SOURCE
from dashboard.console.simulated import removal
from dashboard.telling.addresses import address
from dashboard.telling.formats import some
from reconciliation.cycle.worker import wedged
from reconciliation.removing import Scope, close, counts, scope


class RemoveSimulated(ActionPage[Scope]):
    """The demo's markets and whatever `manage.py simulate` told go; nothing of other sources does."""

    name = "remove-simulated"
    route = "console/sources/remove-simulated/"
    title = "Remove what is simulated"
    permission = CHANGE_SOURCE
    verb = "Remove all of it"
    danger = True
    back = "sources"

    def subject(self) -> Scope:
        return scope(timezone.now())

    def preview(self, subject: Scope, given: dict[str, Any], now: datetime) -> Preview:
        if not subject.sources:
            return Preview(problem="Nothing here is simulated: there is nothing to remove.")
        if job := removal():
            return Preview(problem=f"It is being removed already, {job.percent} % so far.")
        says = [
            f"These are of invented markets, and go for good: {', '.join(subject.names)}. It takes a moment; meanwhile"
            " nothing more is taken for them.",
            "Everything of other sources stays, and so does the audit log of what people did.",
        ]
        if subject.shared:
            says.append(
                f"Prices of {', '.join(subject.shared)} are told by other sources, too: only the simulated ones go, and"
                " values that were made of them are made anew."
            )
        warnings = [f"But the worker, which does it, is down: {fault}." for fault in [wedged(now)] if fault]
        rows = [(name, f"{number:,}") for name, number in counts(subject)]
        return Preview(says=says, columns=("Table", "Rows that go"), rows=rows, warnings=warnings)

    def perform(self, subject: Scope, given: dict[str, Any], now: datetime) -> Done:
        if not subject.sources or removal():
            raise ActionError("Somebody was faster: it is being removed, or it is gone.")
        total = sum(number for _, number in counts(subject))
        close(subject, now)
        title = f"Removing {some(len(subject.sources), 'simulated source')}"
        job = jobs.start(jobs.REMOVE, title, subject.as_json(), total=total, by=self.person, now=now)
        changed = [LoggedChange(job, f"Started removing what is simulated: {', '.join(subject.names)}.")]
        says = "What is simulated goes now. Here is the way to your own first alert."
        return Done(says, changed, link=address("start"), level=messages.INFO)
