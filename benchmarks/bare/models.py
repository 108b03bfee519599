"""One table for alerts as they come."""

from django.db import models


class Alert(models.Model):
    """A parsed alert and when it came."""

    received_at = models.DateTimeField(auto_now_add=True)
    body = models.JSONField()

    def __str__(self) -> str:
        return f"alert of {self.received_at:%Y-%m-%d %H:%M:%S}Z"
