"""The audit log: what was done to signals and to what they depend on, by whom, and why. Append-only: triggers
refuse changes, and seals show them (docs/security.md)."""

from typing import Any

from django.db import models
from django.db.models import Q

from signals.models import AutomatedSignal

from .runs import SyncRun


class SyncAuditLog(models.Model):
    """One thing done, nearly always to one signal; a measured confidence concerns a source, named in `evidence`, and
    what people administer (sources, tokens, accounts) is named there, too.

    Entries of one operation share a run, or an `operation` when people did it.
    """

    class Action(models.TextChoices):
        FILLED = "filled", "Filled"
        PROPOSED = "proposed", "Proposed, waiting for approval"
        APPROVED = "approved", "Approved"
        HEALED = "healed", "Healed from stored events"
        SUPERSEDED = "superseded", "Replaced by a better value"
        CONFLICT = "conflict", "Replaced by a better value that differs"
        WITHDRAWN = "withdrawn", "Withdrawn: its evidence changed"
        FROZEN = "frozen", "Frozen: it kept changing without anything new"
        UNDONE = "undone", "Undone"
        TAKEN_BACK = "taken_back", "Undo taken back"
        GAP_OPENED = "gap_opened", "Gap opened"
        GAP_CLOSED = "gap_closed", "Gap closed by a late event"
        GAP_DISMISSED = "gap_dismissed", "Gap dismissed"
        GAP_REOPENED = "gap_reopened", "Gap dismissal taken back"
        SET_ASIDE = "set_aside", "Set aside after an error"
        CALIBRATED = "calibrated", "Confidence measured"
        NOTED = "noted", "Note written"
        NOTE_REMOVED = "note_removed", "Note removed"
        TAGGED = "tagged", "Tagged"
        UNTAGGED = "untagged", "Tag removed"
        ADMINISTERED = "administered", "Changed beside signals"
        MERGED = "merged", "Entries taken over from a signal that was none"
        REMOVED = "removed", "Removed through the guards' door"

    at = models.DateTimeField()
    run = models.ForeignKey(SyncRun, null=True, blank=True, on_delete=models.PROTECT, related_name="audit")
    operation = models.UUIDField(null=True, blank=True)
    signal = models.ForeignKey(AutomatedSignal, null=True, blank=True, on_delete=models.PROTECT, related_name="audit")
    action = models.CharField(max_length=16, choices=Action)
    gap = models.CharField(max_length=32, blank=True)
    field = models.CharField(max_length=32, blank=True)
    tier = models.CharField(max_length=12, blank=True)
    method = models.CharField(max_length=40, blank=True)
    old = models.JSONField(null=True, blank=True)
    new = models.JSONField(null=True, blank=True)
    confidence = models.DecimalField(max_digits=4, decimal_places=3, null=True, blank=True)
    evidence = models.JSONField(default=dict, blank=True)
    note = models.TextField(blank=True)
    actor = models.CharField(max_length=150, blank=True, help_text="User name, frozen; empty for the cycle itself.")

    class Meta:
        db_table = "sync_audit_log"
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["action", "-at"], name="audit_by_action"),
            models.Index(fields=["-at", "-id"], name="audit_newest_first"),
            models.Index(fields=["-at", "-id"], name="audit_of_people", condition=~Q(actor="")),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.field or self.gap}".strip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("the audit log is append-only: write another entry instead")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("the audit log is append-only")
