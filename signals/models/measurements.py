"""What was measured, added up over all processes and restarts."""

from django.db import models


class Measurement(models.Model):
    """One metric with one set of labels: how often, how much in all, and how often up to each bound.

    `counts` are by bucket, in the order of the metric's bounds and one more for what is above them all; of a counter it
    is empty.
    """

    name = models.CharField(max_length=60)
    labels = models.CharField(max_length=200, help_text="Values of its labels, in their order, as JSON.")
    counts = models.JSONField(default=list)
    total = models.FloatField(default=0)
    number = models.BigIntegerField(default=0)

    class Meta:
        db_table = "measurements"
        ordering = ["name", "labels"]
        constraints = [models.UniqueConstraint(fields=["name", "labels"], name="one_measurement_per_labels")]

    def __str__(self) -> str:
        return f"{self.name} {self.labels}"
