"""Signals of which some updates are not stored any more: how many were let go."""

from django.db import models

from .signal import AutomatedSignal


class Thinned(models.Model):
    """One signal whose updates were thinned (signals/signal/thinning.py); its `event_count` counts all of them."""

    signal = models.OneToOneField(AutomatedSignal, on_delete=models.PROTECT, primary_key=True, related_name="thinned")
    updates = models.PositiveIntegerField(help_text="So many of its updates were let go.")
    at = models.DateTimeField()

    class Meta:
        db_table = "thinned_signals"
        verbose_name_plural = "thinned signals"
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.updates} updates of {self.signal_id}"
