"""What operators see of tier 1: what each source's indicator is asked, how long that waits, and the one thing to do."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from reconciliation.models import AskedGap, Companion, SyncRequest
from reconciliation.models.requests import OPEN
from signals.models import Source

State = SyncRequest.State
FAILED_LATELY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Asked:
    """The open requests of one source. `gaps` counts signals by gap; `oldest` and `expires_at` are None without any.

    `failed` counts the requests of the last day that could not be delivered, `error` is why the latest was not.
    """

    source: str
    requests: int
    gaps: dict[str, int]
    oldest: datetime | None
    expires_at: datetime | None
    delivered: int
    failed: int
    error: str
    todo: str

    def waits(self, now: datetime) -> timedelta | None:
        """How long the oldest request has been waiting for its answer."""
        return now - self.oldest if self.oldest else None


def overview(now: datetime) -> list[Asked]:
    """Every source with open requests, or with lately failed ones, by name. Bounded by what is open."""
    requests = SyncRequest.objects.select_related("source")
    by_source: dict[Source, list[SyncRequest]] = {}
    for found in (
        requests.filter(state=State.FAILED, ended_at__gt=now - FAILED_LATELY).order_by("ended_at"),
        requests.filter(state__in=OPEN).order_by("created_at", "pk"),
    ):
        for request in found:
            by_source.setdefault(request.source, []).append(request)
    if not by_source:
        return []
    companions = {companion.source_id: companion for companion in Companion.objects.filter(enabled=True)}
    gaps = gaps_asked()
    return [
        about(source, by_source[source], gaps.get(source.pk, {}), companions.get(source.pk))
        for source in sorted(by_source, key=lambda source: source.name)
    ]


def gaps_asked() -> dict[int, dict[str, int]]:
    """By source: how many signals are asked about for each gap."""
    gaps: dict[int, dict[str, int]] = {}
    asked = AskedGap.objects.filter(ended_at=None).order_by("gap").values_list("request__source", "gap")
    for source, gap, number in asked.annotate(n=Count("pk")):
        gaps.setdefault(source, {})[gap] = number
    return gaps


def about(source: Source, requests: Sequence[SyncRequest], gaps: dict[str, int], companion: Companion | None) -> Asked:
    states = Counter(request.state for request in requests)
    asked = [request for request in requests if request.state in OPEN]
    error = next((request.error for request in reversed(requests) if request.error), "")
    return Asked(
        source=source.name,
        requests=len(asked),
        gaps=gaps,
        oldest=min((request.created_at for request in asked), default=None),
        expires_at=min((request.expires_at for request in asked), default=None),
        delivered=states[State.DELIVERED],
        failed=states[State.FAILED],
        error=error,
        todo=todo(source, companion, error=error, taken=bool(asked) and states[State.DELIVERED] == len(asked)),
    )


def todo(source: Source, companion: Companion | None, *, error: str, taken: bool) -> str:
    """The one thing to do. Pine can neither receive nor poll HTTP: a companion or a person makes it speak."""
    if companion is not None and error:
        return f"The companion at {companion.host} {error}. Mend it, or its address and secret in the admin."
    if taken:
        return "Nothing yet: a companion has taken the requests and may still have them answered."
    if companion is not None:
        return f"Nothing yet: the next cycle brings the requests to the companion at {companion.host}."
    whose = source.symbol or source.name
    return (
        f"In TradingView, export the log of {whose}'s alert (Alerts, Log, Export) and import it here; if the"
        " alert has stopped, restart it. What was never fired takes the indicator's own export, where your version has"
        " one: switch it on in the indicator's settings and make the alert anew, for it keeps the settings it was made"
        " with."
    )
