"""The dead-man's switch: somebody outside is told of every cycle, and raises the alarm when it no longer is.

By the protocol of healthchecks.io: a GET of the address, or of its `/fail` where the cycle failed.
"""

import logging
from datetime import datetime
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from dashboard.models import Ping
from dashboard.outbox.delivering import within
from reconciliation.models import SyncRun

log = logging.getLogger(__name__)
ONLY = 1
TIMEOUT, WITHIN = 5.0, 8.0
"""Seconds of each step, and of all together: who trickles an answer passes every step."""


def ping(now: datetime) -> bool:
    """Tell of the last scheduled cycle, once. Returns whether it was; raises nothing that the other side causes."""
    if not settings.DEADMAN_PING_URL:
        return False
    run = ended()
    if run is None or not claim(run, now):
        return False
    good = run.state == SyncRun.State.FINISHED
    error = ""
    try:
        within(WITHIN, lambda: get(target(settings.DEADMAN_PING_URL, good=good)))
    except (OSError, httpx.HTTPError, httpx.InvalidURL) as failure:
        error = described(failure)
        log.warning("the dead-man's switch could not be told: %s", error)
    Ping.objects.filter(pk=ONLY, run=run.pk).update(error=error)
    return not error


def ended() -> SyncRun | None:
    """The scheduled cycle that ended last."""
    rows = SyncRun.objects.filter(trigger=SyncRun.Trigger.SCHEDULE, finished_at__isnull=False)
    return rows.order_by("-pk").first()


def claim(run: SyncRun, now: datetime) -> bool:
    """Whether nobody has told of this run yet; then it counts as told."""
    Ping.objects.get_or_create(pk=ONLY)
    good = run.state == SyncRun.State.FINISHED
    return bool(Ping.objects.filter(pk=ONLY, run__lt=run.pk).update(run=run.pk, good=good, at=now, error=""))


def target(url: str, *, good: bool) -> str:
    """The address to ask; what fails is told under its path, before any query. Pure."""
    parts = urlsplit(url)
    return url if good else parts._replace(path=f"{parts.path.rstrip('/')}/fail").geturl()


def get(url: str) -> None:
    # No proxies or passwords from the environment: the address alone says who is told.
    with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
        client.get(url).raise_for_status()


def described(error: Exception) -> str:
    """Why it failed, in words that do not name the address."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"it answered with status {error.response.status_code}"
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "it did not answer in time"
    return f"it cannot be reached ({type(error).__name__})"
