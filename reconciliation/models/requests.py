"""What the indicator is asked again: companions to ask, requests, and the gaps asked about. docs/tier1.md explains."""

import uuid

from django.core.exceptions import ValidationError
from django.core.validators import MinLengthValidator
from django.db import models
from django.db.models import Q
from httpx import URL, InvalidURL
from uuid_utils.compat import uuid7

from signals.models import AutomatedSignal, Source

MIN_SECRET = 24
OPEN = ("waiting", "delivered")


def new_request_id() -> uuid.UUID:
    return uuid7()


def check_address(address: str) -> None:
    """Raises ValidationError unless it is an http(s) address with a host and without a user or password in it."""
    try:
        url = URL(address)
        url.port  # noqa: B018 - a port that is none shows only when it is asked for
    except (InvalidURL, ValueError) as error:
        raise ValidationError(f"Not an address: {error}.") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ValidationError("Give a whole address, as https://companion.example.com/requests.")
    if url.userinfo:
        raise ValidationError("Leave user and password out of the address: requests are signed with the secret.")


class Companion(models.Model):
    """A program beside a source's indicator that takes sync requests over HTTP and has them answered.

    The secret itself is kept, not a hash: both sides need it to sign with HMAC. It is shown and exported nowhere.
    """

    source = models.OneToOneField(Source, on_delete=models.CASCADE, related_name="companion")
    url = models.CharField(max_length=300, validators=[check_address], help_text="Where requests are posted to.")
    secret = models.CharField(
        max_length=200, validators=[MinLengthValidator(MIN_SECRET)], help_text="Signs the requests. Never shown again."
    )
    enabled = models.BooleanField(default=True, help_text="Off: requests wait until they are pulled, or expire.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "companions"
        ordering = ["source"]

    def __str__(self) -> str:
        return f"companion of {self.source}"

    @property
    def host(self) -> str:
        """The address without its path, which may hold a secret of the other side."""
        return URL(self.url).netloc.decode()


class SyncRequest(models.Model):
    """A batch of trade ids of one source that the indicator is asked about again. Open while waiting or delivered."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting to be delivered"
        DELIVERED = "delivered", "Delivered to a companion"
        ANSWERED = "answered", "Answered"
        WITHDRAWN = "withdrawn", "Withdrawn: the gaps closed by other means"
        EXPIRED = "expired", "Expired without an answer to all of it"
        FAILED = "failed", "Could not be delivered"

    PULLED = "pulled"

    id = models.UUIDField(primary_key=True, default=new_request_id, editable=False)
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="sync_requests")
    reason = models.JSONField(help_text="Names of the gaps that it is about.")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often delivering it over HTTP was tried.")
    next_attempt_at = models.DateTimeField()
    error = models.CharField(max_length=200, blank=True, help_text="Why the last attempt failed.")
    delivered_to = models.CharField(max_length=300, blank=True, help_text="The companion's host, or pulled.")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True, help_text="When the last of its answers was found.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "sync_requests"
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["source", "created_at"], name="request_open", condition=Q(state__in=OPEN)),
            models.Index(fields=["-ended_at"], name="request_failed", condition=Q(state="failed")),
        ]

    def __str__(self) -> str:
        return f"request {self.pk} ({self.state})"


class AskedGap(models.Model):
    """One gap of one signal that a request asks about, and what came of it.

    The rows of one signal and gap are the memory of the back-off: `times` counts how often in a row it was asked, and
    `settled` says that the gap was gone when it was last looked at, so that a new one is asked about afresh.
    """

    request = models.ForeignKey(SyncRequest, on_delete=models.CASCADE, related_name="asked")
    signal = models.ForeignKey(AutomatedSignal, on_delete=models.CASCADE, related_name="asked")
    gap = models.CharField(max_length=32)
    times = models.PositiveSmallIntegerField(default=1)
    events_seen = models.PositiveIntegerField(
        help_text="Events of the signal when it was asked: an answer comes later."
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    settled = models.BooleanField(default=False, help_text="Nothing was left to ask.")
    again_at = models.DateTimeField(null=True, blank=True, help_text="When it may be asked again.")

    class Meta:
        db_table = "asked_gaps"
        ordering = ["pk"]
        constraints = [
            # The queue's own rule is stricter (one open request per signal); this holds whatever the queue does.
            models.UniqueConstraint(fields=["signal", "gap"], condition=Q(ended_at=None), name="one_open_ask_per_gap"),
        ]
        indexes = [
            models.Index(fields=["again_at"], name="ask_again_due", condition=Q(again_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.gap} of {self.signal_id}"


class AskingMark(models.Model):
    """Up to which gap record and fill the queue has looked: so that a cycle looks at new ones only. One row.

    It is also the queue's lock: whoever enqueues holds it.
    """

    name = models.CharField(max_length=16, primary_key=True)
    gap_record = models.BigIntegerField(default=0)
    fill = models.BigIntegerField(default=0)

    class Meta:
        db_table = "asking_mark"

    def __str__(self) -> str:
        return f"gap record {self.gap_record}, fill {self.fill}"
