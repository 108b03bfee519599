"""Price evidence: one-minute bars, or only their closes; and bars that were refused."""

from django.db import models
from django.db.models import Q

# To keep what was sent to its last digit, of coins at 1e-10 as of what costs thousands of millions.
PRICE_DIGITS, PRICE_PLACES = 32, 18


class PriceBar(models.Model):
    """A one-minute bar of a symbol. Prices in points. `kind` says how much of the bar is known.

    One row per symbol and bar: a whole bar beats a close, then the better origin wins, and of equals the greater
    evidence, so that the order in which they arrive does not matter.
    """

    class Kind(models.IntegerChoices):
        CLOSE = 1, "Close only"
        BAR = 2, "Open, high, low, close"

    class Origin(models.IntegerChoices):
        """Who says so; the greater is believed before the lesser. The indicator's own prices are its trades'.

        A file is below it: a person chose it, mostly the very chart's export, and can correct a feed with it. A feed
        may be of another contract, or of another symbol that is declared to have the same prices.
        """

        FEED = 0, "Feed"
        FILE = 1, "File"
        INDICATOR = 2, "Indicator"

    symbol = models.CharField(max_length=32)
    time = models.DateTimeField(help_text="Open of the bar, UTC.")
    kind = models.SmallIntegerField(choices=Kind)
    open = models.DecimalField(max_digits=PRICE_DIGITS, decimal_places=PRICE_PLACES, null=True, blank=True)
    high = models.DecimalField(max_digits=PRICE_DIGITS, decimal_places=PRICE_PLACES, null=True, blank=True)
    low = models.DecimalField(max_digits=PRICE_DIGITS, decimal_places=PRICE_PLACES, null=True, blank=True)
    close = models.DecimalField(max_digits=PRICE_DIGITS, decimal_places=PRICE_PLACES)
    origin = models.SmallIntegerField(choices=Origin, default=Origin.INDICATOR)
    evidence = models.CharField(max_length=40, help_text="Checksum and position of the delivery or row it came in.")
    teller = models.BigIntegerField(
        null=True, blank=True, editable=False, help_text="The source that told it without naming its symbol."
    )
    fresh = models.BooleanField(default=True, editable=False, help_text="No cycle has looked at it as it is now.")

    class Meta:
        ordering = ["symbol", "-time"]
        constraints = [models.UniqueConstraint(fields=["symbol", "time"], name="one_bar_per_symbol_and_minute")]
        indexes = [models.Index(fields=["id"], name="bar_fresh", condition=Q(fresh=True))]

    def __str__(self) -> str:
        return f"{self.symbol} {self.time:%Y-%m-%d %H:%M}Z {self.close}"


class RefusedBar(models.Model):
    """A bar of a file or a feed that cannot be right, kept as it was given. No value is ever made of it."""

    symbol = models.CharField(max_length=32)
    time = models.DateTimeField(help_text="Open of the bar, UTC.")
    open = models.DecimalField(max_digits=PRICE_DIGITS, decimal_places=PRICE_PLACES)
    high = models.DecimalField(max_digits=PRICE_DIGITS, decimal_places=PRICE_PLACES)
    low = models.DecimalField(max_digits=PRICE_DIGITS, decimal_places=PRICE_PLACES)
    close = models.DecimalField(max_digits=PRICE_DIGITS, decimal_places=PRICE_PLACES)
    reason = models.CharField(max_length=40)
    evidence = models.CharField(max_length=40, help_text="Checksum of the row it came in.")

    class Meta:
        ordering = ["symbol", "-time"]
        constraints = [
            models.UniqueConstraint(fields=["symbol", "time", "evidence"], name="one_refusal_per_bar_and_row")
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.time:%Y-%m-%d %H:%M}Z refused: {self.reason}"
