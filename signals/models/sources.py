"""Sources: who sends, how they are recognised, and what has been learned about them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from signals.clock import is_zone
from signals.market import market
from signals.networks import listed, networks
from signals.symbols import normalised


def default_zones() -> list[str]:
    return ["America/New_York", "America/Chicago"]


def are_addresses(text: str) -> None:
    try:
        networks(listed(text))
    except ValueError as error:
        raise ValidationError(str(error)) from error


# What signals owe, and who may give it.
SWITCHES = frozenset({"gaps_off", "tiers_off", "calendar"})


# Between these every clock of the world can show a moment; beyond, its local time may not exist.
EXPIRY = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
ABOVE_ZERO = MinValueValidator(Decimal("0.000001"), "A tick is more than 0.")


class Source(models.Model):
    """One indicator on one chart (or another sender), within which trade ids are unique."""

    name = models.SlugField(max_length=64, unique=True)
    symbol = models.CharField(max_length=32, default="MNQ1!", help_text="What its prices are prices of.")
    tick_size = models.DecimalField(max_digits=12, decimal_places=6, default=Decimal("0.25"), validators=[ABOVE_ZERO])
    calendar = models.CharField(max_length=48, default="CME Globex Equity", help_text="Market calendar, or 24/7.")
    market_zone = models.CharField(
        max_length=48, default="America/New_York", help_text="Zone of local dates and sessions."
    )
    clock_zone = models.CharField(
        max_length=48,
        default="America/New_York",
        help_text="Zone of its trade ids as long as its own data has not shown another.",
    )
    zones = models.JSONField(default=default_zones, help_text="Zones its trade ids may be in.")
    zones_seen = models.JSONField(default=list, help_text="Zones its own data has voted for.")
    update_minutes = models.PositiveSmallIntegerField(
        default=1,
        help_text="Minutes between updates of an open trade, as expected.",
        validators=[MinValueValidator(1)],
    )
    feed = models.CharField(
        max_length=32, blank=True, help_text="Where missing price bars are asked for. Empty: nowhere."
    )
    feed_symbol = models.CharField(
        max_length=64, blank=True, help_text="What the feed is asked for: the symbol, or another with the same prices."
    )
    alert_expires_at = models.DateTimeField(
        null=True, blank=True, validators=[MinValueValidator(EXPIRY[0]), MaxValueValidator(EXPIRY[1])]
    )
    open_on_loopback = models.BooleanField(
        default=False, help_text="Accept webhooks without a token from this machine itself."
    )
    token_field = models.CharField(
        max_length=40,
        blank=True,
        default="token",
        validators=[RegexValidator(r"^[A-Za-z_][A-Za-z0-9_-]*$", "Give a field's name: letters, digits, - and _.")],
        help_text="The message's field that holds its token, for alerts that have none in their address. Empty: none.",
    )
    addresses = models.CharField(
        max_length=400,
        blank=True,
        validators=[are_addresses],
        help_text=(
            "Addresses and networks that its alerts come from, instead of WEBHOOK_ADDRESSES; tradingview stands for"
            " TradingView's own, any for all. Empty: as WEBHOOK_ADDRESSES says."
        ),
    )
    is_default = models.BooleanField(default=False, help_text="Takes imports whose Alert ID nobody knows.")
    gaps_off = models.JSONField(default=list, blank=True, help_text="Gaps it is known not to close.")
    tiers_off = models.JSONField(default=list, blank=True, help_text="Tiers that may not fill for it.")
    switched = models.BooleanField(
        default=False, editable=False, help_text="A switch was changed: the next cycle looks at all of its signals."
    )
    signal_count = models.PositiveIntegerField(null=True, blank=True, help_text="By its last heartbeat.")
    last_heartbeat_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="one_default_source"),
            # In the database, for a form can forget them: each has broken every page that shows the source's signals.
            models.CheckConstraint(condition=Q(tick_size__gt=0), name="source_tick_above_zero"),
            models.CheckConstraint(condition=Q(update_minutes__gte=1), name="source_updates_in_minutes"),
            models.CheckConstraint(
                condition=Q(alert_expires_at__isnull=True) | Q(alert_expires_at__range=EXPIRY),
                name="source_expiry_that_a_clock_shows",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **options: Any) -> None:
        """Save, and have the next cycle look at all of the source's signals when a switch was changed."""
        self.symbol = normalised(self.symbol)
        if self.pk and (update_fields is None or not SWITCHES.isdisjoint(update_fields)):
            stored = Source.objects.filter(pk=self.pk).values(*SWITCHES).first()
            if stored and any(getattr(self, name) != value for name, value in stored.items()):
                self.switched = True
                update_fields = None if update_fields is None else {*update_fields, "switched"}
        super().save(*args, update_fields=update_fields, **options)

    def clean(self) -> None:
        """Refuse a zone or a calendar that does not exist: no alert of the source could be projected."""
        wrong: dict[str, str] = {}
        for field in ("market_zone", "clock_zone"):
            if not is_zone(getattr(self, field)):
                wrong[field] = "There is no such time zone. Give one as America/New_York."
        if not isinstance(self.zones, list) or not all(map(is_zone, self.zones)):
            wrong["zones"] = 'Give a list of time zones that exist, as ["America/New_York", "America/Chicago"].'
        for field in ("gaps_off", "tiers_off"):
            names = getattr(self, field)
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                wrong[field] = "Give a list of names, as []."
        try:
            market(self.calendar).is_open(timezone.now())
        except ValueError as error:
            wrong["calendar"] = str(error)
        if wrong:
            raise ValidationError(wrong)


class SourceToken(models.Model):
    """A secret that senders of a source present. Only its hash is kept; several may be valid while one is rotated."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="tokens")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    label = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.source}: {self.label or 'token'} of {self.created_at:%Y-%m-%d}"


class AlertId(models.Model):
    """TradingView's number of an alert. A source has many over time: every edit of an alert makes a new one."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="alert_ids")
    alert_id = models.CharField(max_length=32, unique=True)
    first_seen_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.alert_id
