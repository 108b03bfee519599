"""What the indicator's exports cover, put together from their batches."""

from django.db import models

from signals.models import Delivery, Source


class IndicatorExport(models.Model):
    """One export: of the `total` signals that it counts, `entries` came, as [trade id, bar or null, direction].

    It is whole when as many came, each could be read and each states its bar: then `start` and `end` are the opens of
    the oldest and the newest signal's bars, else null. `lists` are the statuses that it tells of.
    """

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="exports")
    kind = models.CharField(max_length=20)
    at = models.DateTimeField(help_text="Fire minute of its first batch.")
    total = models.PositiveIntegerField()
    deliveries = models.ManyToManyField(Delivery, related_name="exports")
    batches = models.JSONField(default=dict, help_text="Checksum and fire minute by batch number.")
    entries = models.JSONField(default=list)
    lists = models.JSONField(default=list)
    unreadable = models.BooleanField(default=False, help_text="Some of its entries could not be read.")
    symbol = models.CharField(max_length=32, blank=True)
    start = models.DateTimeField(null=True, blank=True)
    end = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "indicator_exports"
        ordering = ["source", "-at"]
        indexes = [
            models.Index(fields=["source", "end"], name="exports_that_are_whole", condition=models.Q(end__isnull=False))
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.at:%Y-%m-%d %H:%M}Z"
