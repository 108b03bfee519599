"""Whether an invented market is shown: what the banner above every page says, and how far its removal is."""

from dataclasses import dataclass

from dashboard.models import Job
from signals.models import Source

REMOVAL = "remove"
"""The kind of the job that removes it."""


@dataclass(frozen=True, slots=True)
class Simulated:
    names: tuple[str, ...]
    removal: Job | None


def removal() -> Job | None:
    """The job that is at it."""
    return Job.objects.filter(kind=REMOVAL, state__in=(Job.State.WAITING, Job.State.RUNNING)).first()


def simulated() -> Simulated | None:
    """The simulated sources; None where there are none."""
    names = tuple(Source.objects.filter(simulated=True).order_by("name").values_list("name", flat=True))
    return Simulated(names, removal()) if names else None
