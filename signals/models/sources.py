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

from signals.calendars import zone_of
from signals.clock import is_zone
from signals.learning import DAY, conclusions
from signals.market import market
from signals.markets import calendar_of
from signals.networks import listed, networks
from signals.rhythm import shown
from signals.sessions import new_york_sessions, problem_of
from signals.symbols import normalised


def default_zones() -> list[str]:
    return ["America/New_York", "America/Chicago"]


def are_addresses(text: str) -> None:
    try:
        networks(listed(text))
    except ValueError as error:
        raise ValidationError(str(error)) from error


# What signals owe, who may give it, and what their values follow from beside their events.
SWITCHES = frozenset({"gaps_off", "tiers_off", "calendar", "symbol", "bar_minutes", "market_zone", "sessions"})


class By(models.TextChoices):
    """How something is known of a source. What a person set beats whatever was learned."""

    NOBODY = "", "Not known yet"
    SET = "set", "Set by a person"
    TICKER = "ticker", "By the Ticker of an alert log"
    PAYLOAD = "payload", "By its own messages"
    RHYTHM = "rhythm", "By the rhythm of its alerts"
    SYMBOL = "symbol", "By its symbol"


# What is learned of a source unless a person sets it, and the field that says which it was.
LEARNED = {"symbol": "symbol_by", "bar_minutes": "bar_minutes_by", "calendar": "calendar_by"}

# Between these every clock of the world can show a moment; beyond, its local time may not exist.
EXPIRY = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
ABOVE_ZERO = MinValueValidator(Decimal("0.000001"), "A tick is more than 0.")

CHART = frozenset({*LEARNED, *LEARNED.values(), "ticker", "learned"})


class Source(models.Model):
    """One indicator on one chart (or another sender), within which trade ids are unique."""

    name = models.SlugField(max_length=64, unique=True)
    symbol = models.CharField(
        max_length=32, blank=True, help_text="What its prices are prices of. Empty: to be learned from its alerts."
    )
    symbol_by = models.CharField(max_length=8, choices=By, blank=True, editable=False)
    ticker = models.CharField(max_length=64, blank=True, editable=False, help_text="Its symbol as it was spelled.")
    tick_size = models.DecimalField(max_digits=12, decimal_places=6, default=Decimal("0.25"), validators=[ABOVE_ZERO])
    bar_minutes = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(DAY)],
        help_text="Minutes of one bar of its chart; 1440 is a day. Empty: to be learned from its alerts.",
    )
    bar_minutes_by = models.CharField(max_length=8, choices=By, blank=True, editable=False)
    calendar = models.CharField(
        max_length=48, blank=True, help_text="Market calendar, 24/5 or 24/7. Empty: to be chosen by its symbol."
    )
    calendar_by = models.CharField(max_length=8, choices=By, blank=True, editable=False)
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
    voted_as = models.CharField(
        max_length=60, blank=True, editable=False, help_text="The chart for which its events voted (signal/remaking)."
    )
    learned = models.JSONField(
        default=dict, editable=False, help_text="What its alerts have told of symbol and bar length (learning.py)."
    )
    sessions = models.JSONField(
        default=new_york_sessions,
        help_text="Sessions of its day, by the market zone's clock; the first that fits counts.",
    )
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
    simulated = models.BooleanField(
        default=False, editable=False, help_text="Of an invented market: the demo's, or `manage.py simulate`'s."
    )
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
        """Save, and have the next cycle look at all of the source's signals when a switch was changed.

        What is given here of what can be learned was said by a person; emptied, it is what was learned.
        """
        spelled, self.symbol = self.symbol.strip(), normalised(self.symbol)
        written = SWITCHES if update_fields is None else SWITCHES.intersection(update_fields)
        if written:
            stored = Source.objects.filter(pk=self.pk).values(*SWITCHES).first() if self.pk else None
            before = stored or dict.fromkeys(LEARNED, "")
            changed = {name for name in written & before.keys() if getattr(self, name) != before[name]}
            said = {LEARNED[name]: getattr(self, name) for name in LEARNED.keys() & changed}
            for field, value in said.items():
                setattr(self, field, By.SET if value else By.NOBODY)
            if "symbol" in changed:
                self.ticker = spelled
            if said:
                self.conclude()
                said |= dict.fromkeys((*LEARNED, *LEARNED.values(), "ticker"))
            self.switched = self.switched or bool(stored and changed)
            if not stored:
                self.voted_as = self.chart
            update_fields = None if update_fields is None else {*update_fields, *said, "switched"}
        super().save(*args, update_fields=update_fields, **options)

    def conclude(self) -> None:
        """Let what no person set be what was learned, in memory."""
        found = conclusions(self.learned)
        if self.symbol_by != By.SET:
            self.symbol, self.symbol_by, self.ticker = found.symbol, found.symbol_by, found.ticker
        if self.calendar_by != By.SET:
            self.calendar = calendar_of(self.ticker or self.symbol).calendar
            self.calendar_by = By.SYMBOL if self.calendar else By.NOBODY
        if self.bar_minutes_by != By.SET:
            self.bar_minutes, self.bar_minutes_by = found.bar_minutes, found.bar_minutes_by
        if not self.bar_minutes_by and (minutes := shown(self.learned, self.clocks)):
            self.bar_minutes, self.bar_minutes_by = minutes, By.RHYTHM

    @property
    def stretch(self) -> int:
        """How many times longer than on charts of up to an hour trades last, and neighbours lie apart."""
        return max(1, (self.bar_minutes or 1) // 60)

    @property
    def chart(self) -> str:
        """What votes follow from: the length of its bars and its market."""
        return f"{self.bar_minutes or ''} {self.calendar}"

    @property
    def clocks(self) -> tuple[str, ...]:
        """The zones that its ids may be in: those that are set, else the usual ones and its exchange's own."""
        theirs = zone_of(self.calendar) if self.zones == default_zones() else ""
        return tuple(dict.fromkeys(filter(None, [*self.zones, theirs])))

    @property
    def price_key(self) -> str:
        """The symbol under which prices are kept that it tells without naming one: its own until it is known whose."""
        return self.symbol or f"@{self.pk}"

    def clean(self) -> None:
        """Refuse a zone or a calendar that does not exist: no alert of the source could be projected."""
        wrong: dict[str, str] = {}
        for field in ("market_zone", "clock_zone"):
            if not is_zone(getattr(self, field)):
                wrong[field] = "There is no such time zone. Give one as America/New_York."
        if not isinstance(self.zones, list) or not all(map(is_zone, self.zones)):
            wrong["zones"] = 'Give a list of time zones that exist, as ["America/New_York", "America/Chicago"].'
        if problem := problem_of(self.sessions):
            wrong["sessions"] = problem
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


def told_as(price_key: str) -> Q:
    """The sources whose prices are kept under this key."""
    own = price_key[1:]
    return Q(pk=own, symbol="") if price_key.startswith("@") and own.isdecimal() else Q(symbol=price_key)


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
