"""What the indicator's twin says on stored bars: its state, its signals, and how they agree with what was heard."""

from django.db import models

from signals.models import Source
from signals.models.signal import price
from signals.vocabulary import Direction


class ReplayState(models.Model):
    """All that the twin's next statements about a symbol depend on, after the bar that opened `at`.

    The newest goes on with every bar; one of each day is kept, so that a bar that comes late costs the days since.
    """

    symbol = models.CharField(max_length=32)
    at = models.DateTimeField()
    state = models.JSONField()

    class Meta:
        db_table = "replay_states"
        ordering = ["symbol", "-at"]
        constraints = [models.UniqueConstraint(fields=["symbol", "at"], name="one_replay_state_per_bar")]

    def __str__(self) -> str:
        return f"{self.symbol} after {self.at:%Y-%m-%d %H:%M}Z"


class ReplayStretch(models.Model):
    """Bars of a symbol in a week without a long hole among them. `start` and `end` are opens of bars.

    `continues` is the start of the stretch that went on into this one when the week turned; None after a hole.
    """

    symbol = models.CharField(max_length=32)
    start = models.DateTimeField()
    end = models.DateTimeField()
    bars = models.PositiveIntegerField()
    missing = models.PositiveIntegerField(help_text="Minutes of open market without a bar.")
    continues = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "replay_stretches"
        ordering = ["symbol", "-start"]
        constraints = [models.UniqueConstraint(fields=["symbol", "start"], name="one_replay_stretch_per_start")]

    def __str__(self) -> str:
        return f"{self.symbol} {self.start:%Y-%m-%d %H:%M}Z to {self.end:%Y-%m-%d %H:%M}Z"


class ReplayedSignal(models.Model):
    """A triangle of the twin, and what became of it. Moments are opens of bars; prices in points.

    `rests_on` is the first bar that entry and stop rest on; the digests name what the bars said. Holes are minutes of
    open market without a bar: `near_hole` right before the triangle, `entry_hole` from there to what became of it,
    `stop_hole` among the bars that the stop was looked for in.
    """

    symbol = models.CharField(max_length=32)
    stretch = models.DateTimeField(help_text="Start of its stretch.")
    triangle = models.DateTimeField()
    direction = models.CharField(max_length=8, choices=Direction)
    digest = models.CharField(max_length=32)
    near_hole = models.BooleanField(default=False)
    confirmed = models.DateTimeField(null=True, blank=True)
    cancelled = models.DateTimeField(null=True, blank=True)
    entry = price()
    stop = price()
    rests_on = models.DateTimeField(null=True, blank=True)
    entry_digest = models.CharField(max_length=32, blank=True)
    entry_hole = models.BooleanField(default=False)
    stop_hole = models.BooleanField(default=False)

    class Meta:
        db_table = "replayed_signals"
        ordering = ["symbol", "-triangle"]
        constraints = [models.UniqueConstraint(fields=["symbol", "triangle"], name="one_replayed_signal_per_bar")]
        indexes = [models.Index(fields=["symbol", "confirmed"], name="replayed_by_confirmation")]

    def __str__(self) -> str:
        return f"{self.symbol} {self.direction} {self.triangle:%Y-%m-%d %H:%M}Z"


class Agreement(models.Model):
    """How well the twin agrees with a source on a stretch: of what was `heard`, `agreed` is in the twin's same bar.

    `since` is the first signal's bar from which on the twin is believed (None: not at all): what it says before has to
    warm up. `confidence` is how far, from 0 to below 1, in steps. Of the `shown` signals since then `received` were
    heard.
    """

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="agreements")
    stretch = models.ForeignKey(ReplayStretch, on_delete=models.CASCADE, related_name="agreements")
    heard = models.PositiveIntegerField()
    agreed = models.PositiveIntegerField()
    low = models.FloatField()
    high = models.FloatField()
    confidence = models.DecimalField(max_digits=4, decimal_places=3)
    since = models.DateTimeField(null=True, blank=True)
    shown = models.PositiveIntegerField(default=0)
    received = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "replay_agreements"
        ordering = ["source", "-stretch__start"]
        constraints = [models.UniqueConstraint(fields=["source", "stretch"], name="one_agreement_per_stretch")]

    def __str__(self) -> str:
        return f"{self.source}: {self.agreed} of {self.heard}"
