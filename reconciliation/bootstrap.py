"""What a first start needs: an operator, a source, the schedule, and (in the demo) a history to look at."""

import secrets
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import OutputWrapper
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone
from django_q.tasks import async_task

from signals.models import Delivery, Source, SourceToken
from signals.receiving.senders import default_source, hash_token, new_token
from signals.receiving.spool import spool

from .cycle import schedule
from .demo.history import THIS_START, make_history
from .models import SyncAuditLog

OPERATOR = "operator"


def prepare(stdout: OutputWrapper) -> None:
    """Make what is missing. Repeating it changes nothing."""
    with transaction.atomic():
        wait_for_turn()
        make_operator(stdout)
        source = default_source()
        give_first_token(source)
        schedule.install()
    if spool().pending_bytes():
        # At once: what was acknowledged before the stop need not wait for the first turn.
        async_task(schedule.TASK)  # type: ignore[no-untyped-call]
    if settings.DEMO and untouched():
        stdout.write("Making sample history (DEMO=0 leaves the database empty) …")
        make_history(timezone.now())


def wait_for_turn() -> None:
    """The halves may start at the same moment: of two, the second finds everything made. SQLite has one writer."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('signalsync start'))")


def untouched() -> bool:
    """Whether nothing has come and nobody has changed anything: a demo that was removed does not come back."""
    changed = SyncAuditLog.objects.filter(action=SyncAuditLog.Action.ADMINISTERED)
    return not Delivery.objects.exists() and not changed.exists()


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
