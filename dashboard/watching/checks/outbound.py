"""Whether those who are told what happens get it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from dashboard.models import Endpoint, StreamMark
from dashboard.outbound.stream import SIGNALS
from dashboard.telling.addresses import address

from .result import Problem, Result, Severity, judged

FAILING = timedelta(hours=1)
BEHIND = timedelta(minutes=10)
LATELY = timedelta(days=1)


def outbound(now: datetime) -> Result:
    """Nothing here depends on them: who is not told is told later, or by a replay."""
    endpoints = list(Endpoint.objects.all())
    return judged([*faults(endpoints, now)], "Whoever is to be told what happens takes it.")


def faults(endpoints: list[Endpoint], now: datetime) -> Iterator[Problem]:
    for each in endpoints:
        if not each.enabled and each.off_because:
            says = f"The endpoint {each} was switched off: {each.off_because}"
            yield about(each, says, "Mend it, switch it on, and replay what it missed.")
        elif each.enabled and each.failing_since and now - each.failing_since > FAILING:
            yield about(each, f"The endpoint {each} takes nothing: it {each.last_error}.", "Look at its attempts.")
    marks = {mark.pk: mark for mark in StreamMark.objects.all()}
    told = marks.pop(SIGNALS, None)
    if told and told.trouble and told.read_at > now - LATELY:
        todo = "Nobody is told of it. Report it, with what the log says."
        yield Problem(told.trouble, todo, Severity.WARN, address("outbound"), "Outbound")
    if endpoints and marks and now - min(mark.read_at for mark in marks.values()) > BEHIND:
        says = "What happens has not been told to others for more than ten minutes."
        yield Problem(says, "Is the worker running? Its task is named outbound events.", Severity.WARN)


def about(endpoint: Endpoint, says: str, todo: str) -> Problem:
    return Problem(says, todo, Severity.WARN, address("endpoint", endpoint.pk), "Outbound")
