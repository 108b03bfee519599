"""The signal, its events and its fills. `signals/signal/` says how the first follows from the other two."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from signals.storage.bulk import made
from signals.vocabulary import SHOWN_ORIGINS, Approval, DataSource, Direction, EventType, Origin, Session, Status

from .deliveries import Delivery
from .prices import PRICE_DIGITS, PRICE_PLACES
from .provenance import ProvenanceField
from .sources import Source

MAX_TRADE_ID = 64
R_PLACES = 12


def price(**options: Any) -> "models.DecimalField[Any, Any]":
    return models.DecimalField(max_digits=PRICE_DIGITS, decimal_places=PRICE_PLACES, null=True, blank=True, **options)


def r_multiple(**options: Any) -> "models.DecimalField[Any, Any]":
    return models.DecimalField(max_digits=20, decimal_places=R_PLACES, null=True, blank=True, **options)


def moment(**options: Any) -> "models.DateTimeField[Any, Any]":
    return models.DateTimeField(null=True, blank=True, **options)


class ShownSignals(models.Manager["AutomatedSignal"]):
    """All signals but those that replay found and that were withdrawn or refused again."""

    def get_queryset(self) -> "models.QuerySet[AutomatedSignal]":
        return super().get_queryset().filter(origin__in=SHOWN_ORIGINS)


class AutomatedSignal(models.Model):
    """One trading signal: what all its events and fills add up to.

    Prices are in points, MFE and MAE in R (multiples of |entry - stop|), moments UTC. A fired moment is a fire
    minute; a `*_time` is the open of a bar, one minute earlier. `provenance` says of every value where it came from:
    `{field: {source, tier, confidence, evidence, at}}`, tier null for what the owning event said.
    """

    class Standing(models.IntegerChoices):
        """How it stands among its source's signals of the same id, which signal/identity.py tells apart."""

        ALONE = 0, "The only one"
        LATEST = 1, "The latest of its symbol"
        EARLIER = 2, "An earlier life of the id"

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="signals", db_index=False)
    trade_id = models.CharField(max_length=MAX_TRADE_ID)
    symbol = models.CharField(
        max_length=32, blank=True, help_text="What its alerts say that they are about; empty: its source's symbol."
    )
    life = models.IntegerField(default=1, help_text="Which trade it is of those that had its id one after the other.")
    standing = models.SmallIntegerField(choices=Standing, default=Standing.ALONE, editable=False)
    origin = models.CharField(max_length=9, choices=Origin, default=Origin.ALERTS)
    approval = models.CharField(
        max_length=8, choices=Approval, blank=True, help_text="Of a signal that replay found and is not sure of."
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    direction = models.CharField(max_length=8, choices=Direction, null=True, blank=True)  # noqa: DJ001 null is the gap

    signal_time = moment(help_text="Open of the signal's bar (the triangle's).")
    signal_date = models.DateField(null=True, blank=True, help_text="Its date in the market's zone.")
    signal_time_str = models.CharField(max_length=8, null=True, blank=True)  # noqa: DJ001
    session = models.CharField(max_length=12, choices=Session, null=True, blank=True)  # noqa: DJ001
    session_label = models.CharField(max_length=24, null=True, blank=True)  # noqa: DJ001
    htf_alignment = models.JSONField(null=True, blank=True)
    htf_conflict = models.BooleanField(null=True, blank=True)
    htf_as_of = moment(help_text="The bar that an event told its alignment of; empty when none did.")
    stated_time = models.CharField(max_length=19, null=True, blank=True)  # noqa: DJ001
    triangle_time = moment()
    clock_zone = models.CharField(max_length=48, blank=True, help_text="Zone in which its trade id was read.")
    clock_by = models.CharField(max_length=16, blank=True, help_text="What decided the zone.")

    entry_price = price()
    stop_loss = price()
    targets = models.JSONField(null=True, blank=True, help_text="tp1 to tp3 as the indicator stated them.")
    targets_extended = models.JSONField(null=True, blank=True, help_text="1R to 20R.")
    be_price = price()
    confirmation_time = moment(help_text="Open of ENTRY's bar.")
    bars_to_confirmation = models.PositiveIntegerField(null=True, blank=True)

    created_fired_at = moment()
    entry_fired_at = moment()
    be_triggered_at = moment()
    be_exit_at = moment(help_text="End of the leg whose stop moved to break-even.")
    be_exit_price = price()
    be_exit_reason = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    stop_exit_at = moment(help_text="End of the leg with the original stop.")
    stop_exit_price = price()
    stop_exit_reason = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    exit_price = price(help_text="Where an order ended the trade, whatever its stop.")
    exit_reason = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    seen_confirmed_at = moment(help_text="First event that proves confirmation without being ENTRY.")
    seen_completed_at = moment(help_text="First report that calls it completed.")
    unprotected_at = moment(help_text="Last update that shows +1 R not reached yet.")
    seen_protected_at = moment(help_text="First event that shows +1 R reached without being BE_TRIGGERED.")
    cancelled_at = moment(help_text="Fire minute of the cancellation.")
    seen_cancelled_at = moment(help_text="First report that calls it cancelled.")
    cancellation_time = moment()
    cancel_reason = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    cancelled_by = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    bars_pending = models.PositiveIntegerField(null=True, blank=True)
    single_leg = models.BooleanField(default=False)
    entries_differ = models.BooleanField(default=False, help_text="Two of its ENTRYs state different prices.")
    symbol_unclear = models.BooleanField(default=False, help_text="Its id is of several symbols, and it states none.")
    price_far = models.BooleanField(default=False, help_text="One of its prices is far from its others of that time.")
    bars_far = models.BooleanField(default=False, help_text="Prices of its symbol are far from its own, and refused.")
    repainted = models.JSONField(null=True, blank=True, help_text="What was said afterwards against what fired.")
    flips = models.JSONField(null=True, blank=True, help_text="How often its fills changed without anything new.")
    before_its_bar = models.BooleanField(default=False, help_text="It has an event from before its bar opened.")

    be_mfe = r_multiple(help_text="MFE of the break-even leg.")
    no_be_mfe = r_multiple(help_text="MFE of the leg with the original stop.")
    mae = r_multiple()
    be_mfe_peak = r_multiple()
    no_be_mfe_peak = r_multiple()
    mfe_as_of = moment(help_text="Latest bar that a reported or filled MFE covers, else ENTRY's bar.")
    mae_as_of = moment()
    current_price = price()
    highest_high = price()
    lowest_low = price()

    first_event_at = models.DateTimeField()
    last_event_at = models.DateTimeField()
    event_count = models.PositiveIntegerField(default=0)

    provenance = ProvenanceField(default=dict, blank=True)
    data_source = models.CharField(max_length=20, choices=DataSource, default=DataSource.REALTIME)
    confidence_score = models.DecimalField(max_digits=4, decimal_places=3, default=Decimal(1))
    reconciliation_timestamp = moment()
    reconciliation_reason = models.CharField(max_length=200, blank=True)
    health_score = models.PositiveSmallIntegerField(default=100)
    needs_sync = models.BooleanField(default=True, help_text="Something changed since the last cycle.")
    check_at = moment(help_text="When the next cycle must look again though nothing changed.")
    rebuild_error = models.TextField(blank=True, help_text="Why the last projection failed; the next cycle retries.")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects: ClassVar[ShownSignals] = ShownSignals()
    hidden_too: ClassVar[models.Manager["AutomatedSignal"]] = models.Manager()

    class Meta:
        db_table = "automated_signals"
        ordering = ["-first_event_at", "-pk"]
        constraints = [
            # The trade id first, so that its index serves a search by trade id as well.
            models.UniqueConstraint(
                fields=["trade_id", "source", "symbol", "life"], name="one_signal_per_trade_symbol_and_life"
            ),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="signal_status_known"),
            models.CheckConstraint(
                condition=Q(direction__isnull=True) | Q(direction__in=Direction.values),
                name="signal_direction_known",
            ),
            models.CheckConstraint(
                condition=Q(confidence_score__gte=0, confidence_score__lte=1),
                name="signal_confidence_in_range",
            ),
        ]
        indexes = [
            models.Index(fields=["-first_event_at", "-id"], name="signal_newest_first"),
            # Counts above a list, without the table.
            models.Index(fields=["status", "origin"], name="signal_by_status"),
            models.Index(fields=["source", "first_event_at"], name="signal_found", condition=~Q(origin=Origin.ALERTS)),
            # Partial: the cost of a cycle follows what changed and what is open, not what is stored.
            models.Index(fields=["id"], name="signal_needs_sync", condition=Q(needs_sync=True)),
            models.Index(fields=["check_at"], name="signal_check_due", condition=Q(check_at__isnull=False)),
            models.Index(
                fields=["source", "first_event_at"],
                name="signal_clock_by_votes",
                condition=~Q(clock_by="only_possible"),
            ),
            models.Index(
                fields=["source", "first_event_at"],
                name="signal_open",
                condition=Q(status__in=[Status.PENDING, Status.CONFIRMED]),
            ),
            models.Index(fields=["source", "htf_as_of"], name="signal_tells_htf", condition=Q(htf_as_of__isnull=False)),
        ]
        permissions = [
            ("reconcile_signal", "Can run a sync and undo fills"),
            ("annotate_signal", "Can write notes on signals and tag them"),
        ]

    def __str__(self) -> str:
        return f"{self.trade_id} ({self.which})" if self.which else self.trade_id

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any) -> Self:
        """A row as it is stored. Django's own way sets some 75 columns one by one."""
        if options or len(values) < len(cls._meta.concrete_fields):
            return super().from_db(db, field_names, values, **options)
        row = made(cls, zip(field_names, values, strict=True))
        row._state.adding, row._state.db = False, db
        return row

    @property
    def which(self) -> str:
        """What tells it from the other signals of its id, in words; "" where it has its id for itself."""
        if self.standing == self.Standing.ALONE:
            return ""
        numbered = self.life > 1 or self.standing == self.Standing.EARLIER
        named = [self.symbol, f"no. {self.life}" if numbered else ""]
        return ", ".join(filter(None, named)) or "symbol unclear"

    def price_key(self, source: Source) -> str:
        """The symbol under which prices of it are kept: its own, else that of its source."""
        return self.symbol or source.price_key

    @property
    def changes_since_event(self) -> dict[str, int]:
        """How often each field's fill has changed since its last event without anything new (cycle/flipping.py)."""
        flips = self.flips
        return dict(flips["changes"]) if flips and flips["events"] == self.event_count else {}

    @property
    def frozen(self) -> frozenset[str]:
        """The fields that are left as they are until something new is known."""
        return frozenset(self.flips.get("frozen", ())) if self.flips and self.changes_since_event else frozenset()

    @property
    def risk(self) -> Decimal | None:
        """Points between entry and stop; None when unknown or zero (R would be undefined)."""
        if self.entry_price is None or self.stop_loss is None or self.entry_price == self.stop_loss:
            return None
        return Decimal(abs(self.entry_price - self.stop_loss))


class SignalEvent(models.Model):
    """One fact about one signal, read out of a delivery. Append-only; `facts` is described in facts.py."""

    trade_id: str  # of an event that is not stored yet: which signal it is for, until that one's key is known

    signal = models.ForeignKey(AutomatedSignal, on_delete=models.PROTECT, related_name="events")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+", db_index=False)
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="events", db_index=False)
    position = models.PositiveSmallIntegerField(help_text="Index within the delivery.")
    type = models.CharField(max_length=20, choices=EventType)
    fire_minute = models.DateTimeField()
    payload_checksum = models.CharField(max_length=32)
    symbol = models.CharField(max_length=32, blank=True, help_text="As its payload says, else the alert log's Ticker.")
    sequence_number = models.PositiveIntegerField(help_text="Order of arrival within the signal.")
    facts = models.JSONField(default=dict)
    clock_vote = models.CharField(max_length=48, blank=True, help_text="Zone that this event speaks for.")

    class Meta:
        db_table = "signal_events"
        ordering = ["signal_id", "fire_minute", "sequence_number"]
        constraints = [models.UniqueConstraint(fields=["delivery", "position"], name="one_event_per_entry")]
        indexes = [
            models.Index(fields=["source", "fire_minute"], name="event_votes", condition=~Q(clock_vote="")),
            # Whether an order ended a trade is asked of its events where no column says it: few are of this type.
            models.Index(fields=["signal"], name="event_of_orders", condition=Q(type=EventType.EXIT)),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.fire_minute:%Y-%m-%d %H:%M}Z"


class Fill(models.Model):
    """One value that a tier put in. Cycles and decisions write them; better values win over them."""

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        PROPOSED = "proposed", "Waiting for approval"
        SUPERSEDED = "superseded", "Replaced by a better value"
        WITHDRAWN = "withdrawn", "Withdrawn: its evidence changed"
        UNDONE = "undone", "Undone by an operator"

    signal = models.ForeignKey(AutomatedSignal, on_delete=models.PROTECT, related_name="fills")
    field = models.CharField(max_length=32)
    gap = models.CharField(max_length=32, blank=True)
    value = models.JSONField()
    tier = models.CharField(max_length=12, help_text="0 to 3, or inference.")
    method = models.CharField(max_length=40)
    data_source = models.CharField(max_length=20, choices=DataSource)
    confidence = models.DecimalField(max_digits=4, decimal_places=3)
    evidence = models.JSONField(default=dict)
    evidence_key = models.CharField(max_length=32, help_text="Digest of the evidence; undo bars it from returning.")
    as_of = moment(help_text="The last minute that a live measurement covers.")
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    run_id = models.BigIntegerField(null=True, blank=True, help_text="The sync run that made it.")
    created_at = models.DateTimeField()
    ended_at = moment()

    class Meta:
        db_table = "signal_fills"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["signal", "field"], condition=Q(state="active"), name="one_active_fill_per_field"
            ),
        ]
        indexes = [models.Index(fields=["run_id"], name="fill_by_run")]

    def __str__(self) -> str:
        return f"{self.field} = {self.value} (tier {self.tier})"


def clone(signal: AutomatedSignal) -> AutomatedSignal:
    """A copy to change in memory. By hand: copy() pickles a model, which takes ten times as long."""
    fresh = AutomatedSignal.__new__(AutomatedSignal)
    fresh.__dict__ = values = signal.__dict__.copy()  # as a whole: update() would add each of them
    values["provenance"] = values["provenance"].copy()
    return fresh
