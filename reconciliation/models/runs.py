"""Runs of the cycle: one row each, a snapshot each, the lease that keeps them apart, and signals set aside."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from signals.models import AutomatedSignal


class SyncRun(models.Model):
    """One cycle: who started it, what it was asked, what it found and did. Counts are by gap; seconds by phase."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        FINISHED = "finished", "Finished"
        FAILED = "failed", "Failed"
        ABANDONED = "abandoned", "Abandoned: its process died"

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", "Schedule"
        COMMAND = "command", "Command line"
        CONSOLE = "console", "Console"
        ADMIN = "admin", "Admin"
        API = "api", "API"
        START = "start", "First start"

    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    trigger = models.CharField(max_length=10, choices=Trigger)
    started_by = models.CharField(max_length=150, blank=True, help_text="User name, frozen.")
    as_of = models.DateTimeField(help_text="The moment it judged due times by.")
    options = models.JSONField(default=dict, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    signals_examined = models.PositiveIntegerField(default=0)
    gaps_before = models.JSONField(default=dict, blank=True)
    gaps_after = models.JSONField(default=dict, blank=True)
    fills = models.PositiveIntegerField(default=0)
    fills_by_tier = models.JSONField(default=dict, blank=True)
    withdrawn = models.PositiveIntegerField(default=0)
    healed = models.PositiveIntegerField(default=0, help_text="Signals whose rows knew less than their events.")
    cancelled = models.PositiveIntegerField(default=0)
    conflicts = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0, help_text="Signals set aside.")
    error = models.TextField(blank=True, help_text="Why the run itself failed.")
    health_before = models.FloatField(null=True, blank=True, help_text="Percent; empty when the window is.")
    health_after = models.FloatField(null=True, blank=True)
    seconds = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    kept = models.BooleanField(default=False, editable=False, help_text="Old, but referred to: never deleted.")

    class Meta:
        db_table = "sync_runs"
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["-finished_at"], name="run_last_finished", condition=Q(state="finished")),
            # At most one row at a time: the cycle looks here for runs whose process died.
            models.Index(fields=["id"], name="run_running", condition=Q(state="running")),
            models.Index(fields=["started_at"], name="run_forgettable", condition=Q(kept=False)),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} ({self.trigger}, {self.state})"

    @classmethod
    def last_finished(cls) -> "SyncRun | None":
        """The run that finished last; None when none ever has: then nothing is known to work."""
        return cls.objects.filter(state=cls.State.FINISHED).order_by("-finished_at").first()


class SignalHealthMetric(models.Model):
    """The system's health after a run, kept for trends. `health` is null when no signal is in the window."""

    run = models.OneToOneField(SyncRun, on_delete=models.CASCADE, related_name="metric")
    at = models.DateTimeField(db_index=True, help_text="The run's as-of moment.")
    health = models.FloatField(null=True, blank=True)
    window_signals = models.PositiveIntegerField(default=0)
    window_without_gap = models.PositiveIntegerField(default=0)
    actionable_gaps = models.PositiveIntegerField(default=0)
    waiting_gaps = models.PositiveIntegerField(default=0)
    gaps_by_type = models.JSONField(default=dict)
    fills_by_tier = models.JSONField(default=dict)

    class Meta:
        db_table = "signal_health_metrics"
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}Z {'unknown' if self.health is None else f'{self.health:.1f} %'}"


class HealthTotal(models.Model):
    """The health of a window that is too large to count at every look, as the worker counted it last."""

    name = models.CharField(max_length=8, primary_key=True)
    at = models.DateTimeField(help_text="The moment as of which it was counted.")
    signals = models.PositiveIntegerField(default=0)
    without_gap = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0, help_text="How long counting took, which says when to count again.")

    class Meta:
        db_table = "health_totals"
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name}: {self.without_gap} of {self.signals}"


class SyncLease(models.Model):
    """Who may run a cycle. One row, taken by compare-and-swap; the token grows with every taking (fencing).

    A holder that was thought dead and comes back carries an old token, and its writes are refused.
    """

    name = models.CharField(max_length=32, primary_key=True)
    holder = models.CharField(max_length=120, blank=True)
    token = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "sync_lease"

    def __str__(self) -> str:
        return f"{self.name}: {self.holder or 'free'}"


class SetAside(models.Model):
    """A signal that a cycle failed on. The next cycles leave it alone until `retry_at`, or until it changes."""

    signal = models.OneToOneField(AutomatedSignal, on_delete=models.CASCADE, related_name="set_aside")
    error = models.TextField()
    attempts = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    retry_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "sync_set_aside"
        verbose_name_plural = "signals set aside"
        ordering = ["retry_at"]

    def __str__(self) -> str:
        return f"{self.signal}: {self.error.splitlines()[0] if self.error else 'set aside'}"
