"""What others are told by webhook: the stream of events, to whom it goes, and what became of each attempt."""

import uuid
from decimal import Decimal

from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from httpx import URL

from reconciliation.models.requests import check_address
from signals.vocabulary import Direction


class Endpoint(models.Model):
    """Where events are posted to, and which. Lists that are empty leave nothing out.

    Secrets are kept sealed, not hashed: they sign what is posted. While two are there, both sign.
    """

    name = models.CharField(max_length=64, unique=True)
    url = models.CharField("address", max_length=300, validators=[check_address])
    secret = models.CharField(max_length=400, help_text="Sealed.")
    old_secret = models.CharField(max_length=400, blank=True, help_text="Sealed; it signs, too, until it ends.")
    old_secret_ends_at = models.DateTimeField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    off_because = models.CharField(max_length=200, blank=True, help_text="Why it was switched off by itself.")
    types = models.JSONField(default=list, blank=True)
    sources = models.JSONField(default=list, blank=True, help_text="Names of sources.")
    symbols = models.JSONField(default=list, blank=True)
    direction = models.CharField(max_length=8, choices=Direction, blank=True)
    least_tier = models.CharField(max_length=12, blank=True, help_text="Key of a tier.")
    least_confidence = models.DecimalField(
        max_digits=4, decimal_places=3, default=Decimal(0), validators=[MinValueValidator(0), MaxValueValidator(1)]
    )
    most_minutes = models.PositiveIntegerField(
        null=True, blank=True, help_text="Minutes after which something that happened is not told any more."
    )
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150, help_text="User name, frozen.")
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=400, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True, help_text="First failure since the last success.")

    class Meta:
        db_table = "outbound_endpoints"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def host(self) -> str:
        """The address without its path, which may hold a secret of the other side."""
        return URL(self.url).netloc.decode()


class StreamEvent(models.Model):
    """One thing that happened, as everybody is told it. Append-only; its key is the same for ever.

    The primary key is the sequence: what is told later has a greater one.
    """

    key = models.CharField(max_length=40, unique=True, help_text="The webhook-id.")
    type = models.CharField(max_length=20)
    at = models.DateTimeField(help_text="When it happened.")
    told_at = models.DateTimeField(db_index=True, help_text="When it came into the stream.")
    signal_id = models.BigIntegerField(help_text="The signal's row then; it may be gone.")
    trade_id = models.CharField(max_length=64)
    source = models.CharField(max_length=64)
    symbol = models.CharField(max_length=32, blank=True)
    direction = models.CharField(max_length=8, blank=True)
    tier = models.CharField(max_length=12, blank=True, help_text="Empty for what was heard.")
    confidence = models.DecimalField(max_digits=4, decimal_places=3)
    data = models.JSONField(encoder=DjangoJSONEncoder)

    class Meta:
        db_table = "outbound_events"
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.type} {self.trade_id}"


class ToldSignal(models.Model):
    """What the stream has last told of a signal: so that each step of its life is told once.

    `revision` grows with every such telling. The row outlives its signal.
    """

    signal_id = models.BigIntegerField(primary_key=True)
    status = models.CharField(max_length=10)
    found = models.CharField(max_length=8, blank=True, help_text="As what of replay's it was told; empty: not at all.")
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "outbound_told_signals"

    def __str__(self) -> str:
        return f"signal {self.signal_id}: {self.status}"


class StreamMark(models.Model):
    """How far the stream has read a table, and which keys below that had not been there when it came by."""

    table = models.CharField(max_length=16, primary_key=True)
    upto = models.BigIntegerField(default=0)
    missing = models.JSONField(default=list, help_text="[first, last, seconds since 1970 when they were missed]")
    read_at = models.DateTimeField()
    trouble = models.CharField(max_length=400, blank=True, help_text="What could not be told last, at read_at.")

    class Meta:
        db_table = "outbound_marks"

    def __str__(self) -> str:
        return f"{self.table} up to {self.upto}"


class Attempt(models.Model):
    """One try to post one event to one endpoint, and what came back."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    event = models.ForeignKey(StreamEvent, null=True, on_delete=models.SET_NULL, related_name="attempts")
    key = models.CharField(max_length=40)
    type = models.CharField(max_length=20)
    at = models.DateTimeField()
    number = models.PositiveSmallIntegerField(default=1, help_text="Which attempt it was.")
    again = models.BooleanField(default=False, help_text="Sent again by a person.")
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=200, blank=True)
    body = models.TextField(blank=True, help_text="The beginning of the answer.")
    seconds = models.FloatField(default=0)

    class Meta:
        db_table = "outbound_attempts"
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["endpoint", "-id"], name="attempts_of_endpoint"),
            models.Index(fields=["at"], name="attempts_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.type} to {self.endpoint_id}: {self.status or self.error}"

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def new_key(*parts: object) -> str:
    """A message's id: the same parts give the same, on whichever machine."""
    return f"evt_{uuid.uuid5(NAMESPACE, '|'.join(map(str, parts))).hex}"


NAMESPACE = uuid.UUID("5c0f5d1e-6a0b-5b8e-9d3c-3f0d1a9c7e42")
