"""What a first start needs: an operator, a source, the schedule, and (in the demo) a history to look at."""

import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import OutputWrapper
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django_q.tasks import async_task

from signals.intake import take_in
from signals.models import Delivery, Source, SourceToken
from signals.parcels import Incoming
from signals.receiving.senders import default_source, hash_token, new_token
from signals.receiving.spool import spool
from signals.simulator import Alert, sample_history, stream
from signals.symbols import normalised
from signals.vocabulary import Channel

from .cycle import schedule
from .cycle.run import run_sync
from .models import SyncRun

OPERATOR = "operator"
ALERTS_AT_ONCE = 500
THIS_START = "demo, this start"


def prepare(stdout: OutputWrapper) -> None:
    """Make what is missing. Repeating it changes nothing."""
    make_operator(stdout)
    source = default_source()
    give_first_token(source)
    schedule.install()
    if spool().pending_bytes():
        # At once: what was acknowledged before the stop need not wait for the first turn.
        async_task(schedule.TASK)  # type: ignore[no-untyped-call]
    if settings.DEMO and not Delivery.objects.exists():
        stdout.write("Making sample history (DEMO=0 leaves the database empty) …")
        make_history(source, timezone.now())


def make_operator(stdout: OutputWrapper) -> None:
    """The first account, with OPERATOR_PASSWORD or a random password that is shown this once."""
    users = get_user_model().objects
    if users.filter(is_superuser=True).exists():
        return
    password = settings.OPERATOR_PASSWORD or secrets.token_urlsafe(12)
    users.create_superuser(OPERATOR, password=password)
    if not settings.OPERATOR_PASSWORD:
        stdout.write(f"Operator account: {OPERATOR}   password: {password}   (shown only now)")


def give_first_token(source: Source) -> None:
    """WEBHOOK_TOKEN lets senders in as the default source, beside any other tokens."""
    if settings.WEBHOOK_TOKEN:
        SourceToken.objects.get_or_create(
            token_hash=hash_token(settings.WEBHOOK_TOKEN), defaults={"source": source, "label": "WEBHOOK_TOKEN"}
        )


def give_demo_address(server: str, stdout: OutputWrapper) -> None:
    """A webhook address of this start alone, below `server` (as http://127.0.0.1:8000/), for the demo's own senders.

    That of the start before ends. Its row stays: what came with it and waits in the spool is judged by when it came.
    """
    if settings.PRODUCTION or not settings.DEMO:
        return
    with transaction.atomic():
        SourceToken.objects.filter(label=THIS_START, expires_at=None).update(expires_at=timezone.now())
        token = new_token(default_source(), label=THIS_START)
    address = server.rstrip("/") + reverse("webhook", kwargs={"token": token})
    with NamedTemporaryFile("w", dir=settings.VAR_DIR, prefix="webhook_address-", delete=False) as file:  # 0600
        file.write(address)
    Path(file.name).replace(settings.WEBHOOK_ADDRESS)
    stdout.write(f"Webhook of this start: {address}   (also in {settings.WEBHOOK_ADDRESS})")


def make_history(source: Source, now: datetime) -> None:
    """The simulator's sample history up to `now`, taken in like any alerts, and one cycle over it."""
    with transaction.atomic():  # all or nothing: half a history would look like a whole one to the next start
        for scenario in sample_history(now):
            for chunk in in_chunks(stream(scenario)):
                take_in(source, [incoming(alert) for alert in chunk], now=now)
    run_sync(now=now, trigger=SyncRun.Trigger.START)


def incoming(alert: Alert) -> Incoming:
    return Incoming(
        body=alert.body,
        received_at=alert.fire_time,
        fired_at=alert.fire_time,
        channel=Channel.LOG,
        alert_id=alert.alert_id,
        symbol=normalised(alert.ticker),
        ticker=alert.ticker,
    )


def in_chunks(alerts: Iterable[Alert]) -> Iterator[list[Alert]]:
    rest = iter(alerts)
    while chunk := list(islice(rest, ALERTS_AT_ONCE)):
        yield chunk
