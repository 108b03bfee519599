"""Figures that are too much work for a request."""

from django.db import models


class AnalysisCount(models.Model):
    """The figures of very many signals, as the worker last counted them. A cache: any row may be deleted."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for the worker"
        RUNNING = "running", "Being counted"
        FINISHED = "finished", "Counted"
        FAILED = "failed", "Failed"

    key = models.CharField(max_length=32, primary_key=True, help_text="Digest of the question.")
    query = models.TextField(help_text="The question, as an address.")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    asked_at = models.DateTimeField(help_text="When the worker was last asked to count.")
    counted_at = models.DateTimeField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True, help_text="How long that took.")
    report = models.JSONField(null=True, blank=True)
    says = models.TextField(blank=True, help_text="Why it failed.")

    class Meta:
        db_table = "analysis_counts"
        ordering = ["-asked_at"]

    def __str__(self) -> str:
        return self.query
