"""The lives of gaps, from the moment they are actionable, and how many are open."""

from django.db import models
from django.db.models import Q

from signals.models import AutomatedSignal

from .runs import SyncRun


class GapRecord(models.Model):
    """One actionable gap of one signal that outlived the cycle that found it, and how it ended."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        FILLED = "filled", "Filled by a tier"
        CLOSED = "closed", "Closed by a late event"
        DISMISSED = "dismissed", "Dismissed by an operator"
        REOPENED = "reopened", "Dismissal taken back"

    signal = models.ForeignKey(AutomatedSignal, on_delete=models.PROTECT, related_name="gap_records")
    gap = models.CharField(max_length=32)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    tier = models.CharField(max_length=12, blank=True, help_text="The tier that filled it.")
    reason = models.TextField(blank=True, help_text="Why an operator dismissed it.")
    actor = models.CharField(max_length=150, blank=True)
    run = models.ForeignKey(SyncRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="gap_records")

    class Meta:
        db_table = "signal_gaps"
        ordering = ["-pk"]
        constraints = [
            # A gap stands at most once: open, or dismissed. What ended is history and may repeat.
            models.UniqueConstraint(
                fields=["signal", "gap"], condition=Q(state__in=["open", "dismissed"]), name="one_standing_gap"
            ),
        ]
        indexes = [
            # The catalogue's Q leaves out dismissed gaps: few rows, asked for by name.
            models.Index(fields=["gap", "signal"], name="gap_dismissed", condition=Q(state="dismissed")),
            # The signals of one gap in the order of their keys; and those of any gap, for cycles by hand.
            models.Index(fields=["gap", "signal"], name="gap_open", condition=Q(state="open")),
        ]

    def __str__(self) -> str:
        return f"{self.gap} of {self.signal_id}: {self.state}"


class GapTotal(models.Model):
    """How many records of a gap are open. Kept by the writer of gap records, so that a cycle never counts them."""

    gap = models.CharField(max_length=32, primary_key=True)
    open = models.IntegerField(default=0)

    class Meta:
        db_table = "gap_totals"
        ordering = ["gap"]

    def __str__(self) -> str:
        return f"{self.gap}: {self.open}"
