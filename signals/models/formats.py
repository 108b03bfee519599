"""Formats: what people have taught the system to read, as data (`signals/dialects/spec.py`)."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from .sources import Source


class Format(models.Model):
    """One version of a format. Versions are kept for good, and numbered by name; of a name one is active per source.

    A format without a source is tried for the alerts of all. `spec` was valid when it was saved.
    """

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        REPLACED = "replaced", "Replaced by a later version"
        RETIRED = "retired", "Retired"

    name = models.SlugField(max_length=16)
    version = models.PositiveIntegerField()
    source = models.ForeignKey(Source, null=True, blank=True, on_delete=models.PROTECT, related_name="formats")
    spec = models.JSONField()
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    creator = models.CharField(max_length=150, blank=True, help_text="Name of who made it, frozen.")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField(help_text="When its state changed last.")
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["name", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="one_format_per_version"),
            models.UniqueConstraint(
                fields=["name", "source"], condition=Q(state="active"), name="one_active_version_per_source"
            ),
            models.UniqueConstraint(
                fields=["name"], condition=Q(state="active", source=None), name="one_active_version_for_all"
            ),
        ]
        permissions = [("teach_format", "Can teach, change and retire formats")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"
