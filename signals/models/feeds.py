"""Feeds of price bars: what was asked of them with what answer, how they are, and how far they are to be trusted."""

from django.db import models
from django.db.models import F, Q


class FeedUse(models.Model):
    """One symbol of a feed, used for the bars of one of ours, and how its prices compare with the indicator's own."""

    symbol = models.CharField(max_length=32, help_text="Our symbol, whose bars they become.")
    feed = models.CharField(max_length=32)
    feed_symbol = models.CharField(max_length=64)
    compared = models.PositiveIntegerField(default=0, help_text="Minutes of which the indicator told a price, too.")
    differing = models.PositiveIntegerField(default=0, help_text="Those of them that differ by more than two ticks.")
    last_bar = models.DateTimeField(null=True, blank=True, help_text="Open of the latest bar that came, UTC.")
    stopped_at = models.DateTimeField(null=True, blank=True, help_text="Since then its prices are not used.")
    error = models.CharField(max_length=200, blank=True, help_text="Why it cannot be asked for this symbol.")
    error_at = models.DateTimeField(null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True, help_text="Nothing is asked for this symbol before.")

    class Meta:
        ordering = ["feed", "symbol", "feed_symbol"]
        constraints = [
            models.UniqueConstraint(fields=["symbol", "feed", "feed_symbol"], name="one_use_per_feed_and_symbols")
        ]

    def __str__(self) -> str:
        return f"{self.feed} {self.feed_symbol} for {self.symbol}"


class FeedWindow(models.Model):
    """Times [start, end) that were asked about, once. The windows of one use do not overlap.

    Up to `upto` the answer is complete; what is behind it is asked again at `again_at` (None: never, it was given up).
    """

    class Answer(models.TextChoices):
        BARS = "bars", "Bars"
        NOTHING = "nothing", "Asked, and there is nothing"
        FAILED = "failed", "Could not ask"

    use = models.ForeignKey(FeedUse, on_delete=models.CASCADE, related_name="windows")
    start = models.DateTimeField()
    end = models.DateTimeField()
    upto = models.DateTimeField()
    answer = models.CharField(max_length=8, choices=Answer)
    bars = models.PositiveIntegerField(default=0, help_text="Bars that came, believed or refused.")
    refused = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=1)
    asked_at = models.DateTimeField()
    again_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-start"]
        constraints = [
            models.UniqueConstraint(fields=["use", "start"], name="one_window_per_use_and_start"),
            models.CheckConstraint(
                condition=Q(start__lt=F("end"), upto__gte=F("start"), upto__lte=F("end")), name="window_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.use}: {self.start:%Y-%m-%d %H:%M} to {self.end:%H:%M}Z, {self.get_answer_display()}"


class FeedState(models.Model):
    """How a feed is. `busy_until` keeps two turns of asking apart; nothing is asked before `next_at`."""

    feed = models.CharField(max_length=32, primary_key=True)
    busy_until = models.DateTimeField()
    next_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True, blank=True, help_text="When the last request was made.")
    answered_at = models.DateTimeField(null=True, blank=True, help_text="When it last answered.")
    failures = models.PositiveSmallIntegerField(default=0, help_text="In a row.")
    error = models.CharField(max_length=200, blank=True, help_text="Why it could not be asked; empty since it can be.")
    error_at = models.DateTimeField(null=True, blank=True)
    day = models.DateField(null=True, blank=True, help_text="UTC day that the requests are counted of.")
    requests = models.PositiveIntegerField(default=0)
    requests_left = models.PositiveIntegerField(null=True, blank=True, help_text="As the feed itself says.")

    class Meta:
        ordering = ["feed"]

    def __str__(self) -> str:
        return self.feed
