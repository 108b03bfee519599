"""Jobs: long work in the background, followed while it runs, with its result."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.shortcuts import get_object_or_404

from dashboard import jobs
from dashboard.console.actions import ActionError, ActionPage, Done, Preview
from dashboard.console.page import Page
from dashboard.console.roles import RECONCILE
from dashboard.models import Job
from dashboard.telling.addresses import address
from reconciliation.cycle.worker import wedged

FIGURES: Mapping[str, str] = {
    "accepted": "Stored",
    "duplicates": "Were there",
    "quarantined": "To quarantine",
    "events": "Events",
    "signals_created": "Signals created",
    "signals_updated": "Signals updated",
    "read": "Alerts read",
    "unread": "Still not read",
    "fills": "Values filled",
    "errors": "Signals set aside",
}
UNITS: Mapping[str, str] = {
    jobs.IMPORT: "rows",
    jobs.BARS: "rows",
    jobs.UNDO: "values",
    jobs.FIX: "signals looked at",
    jobs.TEACH: "alerts",
    jobs.REMOVE: "rows",
}


class JobPage(Page):
    name = "job"
    route = "console/jobs/<int:pk>/"
    title = "Work in the background"
    template_name = "dashboard/jobs/page.html"
    fragment = "dashboard/jobs/job.html"
    every = 2

    def content(self, now: datetime) -> dict[str, Any]:
        job = get_object_or_404(Job, pk=self.kwargs["pk"])
        return {
            "title": job.title,
            "job": job,
            "figures": [(label, job.result[name]) for name, label in FIGURES.items() if name in job.result],
            "worker_fault": wedged(now) if job.state == Job.State.WAITING else "",
            "stuck": jobs.stuck(job, now),
            "may_resume": self.request.user.has_perm(jobs.NEEDED[job.kind]),
            "of": max(job.total, job.done),
            "unit": UNITS[job.kind],
        }


class ResumeJob(ActionPage[Job]):
    """Let work that failed or was cut off go on."""

    name = "resume-job"
    route = "console/jobs/<int:pk>/resume/"
    title = "Go on"
    permission = RECONCILE
    verb = "Go on"

    def subject(self) -> Job:
        return get_object_or_404(Job, pk=self.kwargs["pk"])

    def back_link(self) -> str:
        return address("job", self.kwargs["pk"])

    def preview(self, subject: Job, given: dict[str, Any], now: datetime) -> Preview:
        if not self.person.has_perm(jobs.NEEDED[subject.kind]):
            return Preview(problem="Your role does not allow this work. Ask an administrator.")
        if subject.state != Job.State.FAILED and not jobs.stuck(subject, now):
            return Preview(problem="It has neither failed nor stopped: there is nothing to take up again.")
        return Preview(
            says=[f"{subject.title}: goes on after {subject.done:,} of {subject.total:,}. Nothing is done twice."]
        )

    def perform(self, subject: Job, given: dict[str, Any], now: datetime) -> Done:
        if not self.person.has_perm(jobs.NEEDED[subject.kind]) or not jobs.resume(subject, now):
            raise ActionError("It has neither failed nor stopped, or somebody was faster. Look at its page.")
        return Done("It goes on.")
