"""What protects the audit log: seals over its entries, and the one door in the triggers that guard rows."""

from typing import Any

from django.db import models
from django.utils import timezone


class AuditSeal(models.Model):
    """A link of the chain: some entries of the audit log as they were when it was made (reconciliation/sealing/).

    Rows are only ever added; triggers refuse anything else.
    """

    number = models.PositiveBigIntegerField(primary_key=True, help_text="1, 2, 3 … without a gap.")
    at = models.DateTimeField()
    upto = models.BigIntegerField(help_text="Greatest key of an entry that it or one before has sealed.")
    total = models.PositiveBigIntegerField(help_text="Entries sealed by it and all before it.")
    entries = models.BinaryField(help_text="Key and digest of each entry that it seals, by key.")
    missing = models.JSONField(default=list, help_text="Keys below `upto` that may still be committed, and since when.")
    seal = models.CharField(max_length=64, help_text="SHA-256 of the seal before and of all of this.")

    class Meta:
        db_table = "audit_seals"
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"seal {self.number}"


class AuditDoor(models.Model):
    """While a row is here, rows of one guarded table may be deleted: in this transaction, for nobody else sees it.

    A trigger copies each row into the audit log. It cannot be left open: `shut` refers to a door that there never is
    (keys are positive), which the database notices when the transaction ends.
    """

    table = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=150, blank=True)
    why = models.TextField()
    evidence: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    shut = models.ForeignKey("self", on_delete=models.DO_NOTHING, related_name="+", db_index=False)

    class Meta:
        db_table = "audit_door"
        constraints = [models.CheckConstraint(condition=models.Q(shut__lt=0), name="no_door_stays_open")]

    def __str__(self) -> str:
        return f"door of {self.table}"
