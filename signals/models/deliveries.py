"""Deliveries: what arrived, byte for byte, and what became of it."""

import uuid
from datetime import UTC, datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property
from uuid_utils.compat import uuid7

from signals.symbols import goes_below_zero
from signals.vocabulary import Channel, DeliveryStatus

from .formats import Format
from .sources import Source

# The fire minute of a log row whose time cannot be read.
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
# What the unique index is of: a query that asks for this as well is served by it. A replay repeats its original on
# purpose: its quarantine is what happens only once.
ORIGINAL = ~Q(status=DeliveryStatus.DUPLICATE) & Q(replay_of__isnull=True)
# What `apart` of a mail's delivery is. It keeps mails out of the sameness of the others: a webhook or a row of a log is
# never a duplicate of a mail. It is the other way round, which receiving/mail settles.
BY_MAIL = "@mail"


def new_delivery_id() -> uuid.UUID:
    """Time-ordered, made here and not by the database: a bulk insert that ignores conflicts returns no keys."""
    return uuid7()


def first_id(moment: datetime) -> uuid.UUID:
    """The least id of deliveries stored from this moment on: ids begin with their milliseconds (UUID version 7).

    So a period is a range of the primary key, whatever else is filtered, however many rows there are.
    """
    milliseconds = max(0, int(moment.timestamp() * 1000))
    return uuid.UUID(int=(milliseconds << 80) | (0x7 << 76) | (0x8 << 60))


class Delivery(models.Model):
    """One webhook request, row of an alert log or alert mail. Append-only; its bytes are in `DeliveryBody`.

    Triggers refuse changes (docs/security.md, Guards). `fired_at` is set when an alert log names the exact second.
    """

    id = models.UUIDField(primary_key=True, default=new_delivery_id, editable=False)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    channel = models.CharField(max_length=8, choices=Channel)
    received_at = models.DateTimeField()
    fire_minute = models.DateTimeField(help_text="The alert log's time, else the receipt, cut to the minute.")
    fired_at = models.DateTimeField(null=True, blank=True, help_text="The alert log's time, where known.")
    checksum = models.CharField(max_length=32)
    size = models.PositiveIntegerField()
    content_type = models.CharField(max_length=80, blank=True)
    remote_addr = models.GenericIPAddressField(null=True, blank=True)
    alert_id = models.CharField(max_length=32, blank=True)
    log_status = models.CharField(max_length=40, blank=True, help_text="Webhook status as the alert log states it.")
    symbol = models.CharField(
        max_length=32, blank=True, help_text="What its prices are prices of, by the alert log; else its source's."
    )
    apart = models.CharField(
        max_length=32,
        blank=True,
        editable=False,
        help_text="Its symbol, where the same came of another in its minute; of mails @mail.",
    )
    ticker = models.CharField(max_length=64, blank=True, help_text="As the alert log spells it, with the bar length.")
    status = models.CharField(max_length=12, choices=DeliveryStatus)
    reason = models.TextField(blank=True)
    dialect = models.CharField(max_length=16, blank=True)
    format = models.ForeignKey(
        Format, null=True, blank=True, on_delete=models.PROTECT, related_name="deliveries", db_index=False
    )
    repair = models.CharField(max_length=200, blank=True, help_text="What mending the body did, if it was mended.")
    faults = models.JSONField(default=list, blank=True, help_text="Entries of a batch that could not be read.")
    event_count = models.PositiveSmallIntegerField(default=0)
    duplicate_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="duplicates", db_index=False
    )
    replay_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replays", db_index=False
    )

    class Meta:
        verbose_name_plural = "deliveries"
        db_table = "deliveries"
        ordering = ["-received_at"]
        permissions = [("reveal_secrets", "Can see the secrets in what was received")]
        constraints = [
            # Sameness. It is a constraint, so that it holds under any concurrency; duplicates are rows beside it.
            # Two charts may send the same bytes in one minute: where a log's Tickers say so, `apart` lets both stand.
            models.UniqueConstraint(
                fields=["source", "checksum", "fire_minute", "apart"],
                condition=ORIGINAL,
                name="delivery_same_bytes_same_minute",
            ),
        ]
        indexes = [
            models.Index(fields=["source", "-received_at"], name="delivery_by_receipt"),
            models.Index(fields=["-received_at"], name="delivery_newest_first"),
            # Partial, as most deliveries are neither: every index is paid for by every alert.
            models.Index(fields=["duplicate_of"], name="delivery_duplicates", condition=Q(duplicate_of__isnull=False)),
            models.Index(fields=["replay_of"], name="delivery_replays", condition=Q(replay_of__isnull=False)),
            # Of what a log has told the time of. A webhook pays nothing for it.
            models.Index(fields=["source", "fired_at"], name="delivery_by_fire", condition=Q(fired_at__isnull=False)),
            models.Index(fields=["format"], name="delivery_by_format", condition=Q(format__isnull=False)),
            models.Index(fields=["source", "fire_minute"], name="delivery_exports", condition=Q(dialect="export")),
            models.Index(
                fields=["status", "-received_at"],
                name="delivery_not_accepted",
                condition=~Q(status=DeliveryStatus.ACCEPTED),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dialect or 'delivery'} of {self.fire_minute:%Y-%m-%d %H:%M}Z"

    @property
    def signed(self) -> bool:
        """Whether its market has prices of zero and less, which dialects are told."""
        return goes_below_zero(self.symbol or self.source.symbol)

    @property
    def raw(self) -> bytes:
        """The bytes as received; none where it has no body. For many, `prefetch_related("body")` first."""
        return bytes(self.body.raw) if hasattr(self, "body") else b""

    @property
    def repaired_text(self) -> str:
        """What was read instead of the bytes."""
        return self.body.repaired_text if hasattr(self, "body") else ""

    @cached_property
    def let_go(self) -> "LetGo | None":
        """When and why its body is there no more; None where it is, or never was."""
        if self.status == DeliveryStatus.DUPLICATE or hasattr(self, "body"):
            return None
        return LetGo.objects.filter(first__lte=self.pk, until__gt=self.pk).first()


class DeliveryBody(models.Model):
    """What a delivery brought, byte for byte: most of what it weighs. Append-only.

    Two exceptions: a token is masked before storing, and of a mail only the alert's own text is kept. A duplicate has
    none, for its bytes equal those of `duplicate_of`, and none has what retention let go (`LetGo`).

    On PostgreSQL it is partitioned by month of the key (signals/partitions.py). No foreign key constraint: to drop
    a partition with one would lock the deliveries, and every alert would pay for its check.
    """

    delivery = models.OneToOneField(
        Delivery, primary_key=True, on_delete=models.PROTECT, related_name="body", db_column="id", db_constraint=False
    )
    raw = models.BinaryField()
    repaired_text = models.TextField(blank=True, help_text="What was read instead of the bytes.")

    class Meta:
        verbose_name_plural = "delivery bodies"
        db_table = "delivery_bodies"

    def __str__(self) -> str:
        return f"body of {self.delivery_id}"


class LetGo(models.Model):
    """A month whose bodies were let go: those of deliveries from `first` on, before `until`. Append-only."""

    first = models.UUIDField(primary_key=True)
    until = models.UUIDField()
    at = models.DateTimeField()
    kept_days = models.PositiveIntegerField(help_text="BODY_RETENTION_DAYS, as it was then.")
    rows = models.PositiveBigIntegerField()
    size = models.PositiveBigIntegerField(help_text="Bytes of all its bodies.")

    class Meta:
        verbose_name_plural = "let go"
        db_table = "bodies_let_go"
        ordering = ["-first"]

    def __str__(self) -> str:
        return f"let go on {self.at:%Y-%m-%d}, kept for {self.kept_days} days"


class Quarantine(models.Model):
    """What operators do about a delivery that could not be read. The delivery itself stays as it is."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        REPLAYED = "replayed", "Replayed"
        DISMISSED = "dismissed", "Dismissed"

    delivery = models.OneToOneField(Delivery, on_delete=models.PROTECT, related_name="quarantine")
    proposal = models.TextField(blank=True, help_text="A mended text worth looking at.")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN, db_index=True)
    shape = models.CharField(max_length=32, blank=True, help_text="Key of what it looks like (dialects/shapes.py).")
    shape_label = models.CharField(max_length=200, blank=True)
    foreign = models.BooleanField(default=False, help_text="It is another alert's message, not a damaged one.")
    replay = models.ForeignKey(Delivery, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    note = models.TextField(blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decider = models.CharField(max_length=150, blank=True, help_text="Name of who decided, frozen.")
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "quarantine"
        ordering = ["-pk"]
        indexes = [models.Index(fields=["foreign", "shape"], name="quarantine_open_shapes", condition=Q(state="open"))]
        permissions = [("replay_delivery", "Can mend, replay and dismiss quarantined deliveries")]

    def __str__(self) -> str:
        return f"{self.delivery}: {self.state}"
