"""What the worker counts of findings."""

from django.db import models

from signals.models import Source


class FindingTotal(models.Model):
    """On how many of a source's signals each finding stands, as the worker counted it last."""

    source = models.OneToOneField(Source, on_delete=models.CASCADE, primary_key=True, related_name="finding_total")
    at = models.DateTimeField(help_text="When it was counted.")
    signals = models.PositiveIntegerField(default=0)
    findings = models.JSONField(default=dict, help_text="Signals by finding.")
    seconds = models.FloatField(default=0, help_text="How long counting took, which says when to count again.")

    class Meta:
        db_table = "finding_totals"
        ordering = ["source"]

    def __str__(self) -> str:
        return f"findings of source {self.source_id}"
