"""Confidence as measured. `calibrate --apply` writes it; tiers/trust.py prefers it to what is declared."""

from django.db import models

from signals.models import Source


class MeasuredConfidence(models.Model):
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="confidences")
    tier = models.CharField(max_length=12)
    field = models.CharField(max_length=32)
    confidence = models.DecimalField(max_digits=4, decimal_places=3)
    sample = models.PositiveIntegerField(help_text="How many hidden values it was measured on.")
    measured_at = models.DateTimeField()

    class Meta:
        db_table = "measured_confidences"
        ordering = ["source", "tier", "field"]
        constraints = [
            models.UniqueConstraint(fields=["source", "tier", "field"], name="one_confidence_per_tier_and_field")
        ]

    def __str__(self) -> str:
        return f"tier {self.tier} {self.field}: {self.confidence}"
