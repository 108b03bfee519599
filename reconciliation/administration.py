"""What people change beside signals (sources, tokens, roles, accounts, quarantine) goes to the audit log as well.

The admin's own log belongs to accounts: it shows whatever a person is called now. An entry here keeps the name of then.
"""

from datetime import datetime
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model, ProtectedError
from django.db.models.signals import post_save, pre_delete

from signals.models import Format, Mailbox, Source

from .models import SyncAuditLog
from .sealing.sealing import after_decision


def connect() -> None:
    post_save.connect(audit_entry, sender=LogEntry, dispatch_uid="reconciliation.administration.entry")
    pre_delete.connect(keep_account, sender=User, dispatch_uid="reconciliation.administration.account")


def audit_entry(instance: LogEntry, created: bool, raw: bool = False, **_: Any) -> None:
    """Whatever the console or the admin notes, noted for good. Several at once would pass by; none are logged so."""
    if not created or raw:
        return
    SyncAuditLog.objects.create(
        at=instance.action_time,
        action=SyncAuditLog.Action.ADMINISTERED,
        actor=instance.user.get_username(),
        note=instance.get_change_message() or instance.get_action_flag_display(),
        evidence={
            "did": instance.get_action_flag_display().lower(),
            "of": instance.content_type.model if instance.content_type else "",
            "key": str(instance.object_id),
            "name": instance.object_repr,
            **details(instance),
        },
    )
    after_decision()


def note_command(person: User, says: str, *, now: datetime) -> None:
    """What a command changed of an account. Nobody is signed in: it was whoever may run commands here."""
    SyncAuditLog.objects.create(
        at=now,
        action=SyncAuditLog.Action.ADMINISTERED,
        actor="manage.py",
        note=says,
        evidence={"did": "changed", "of": "user", "key": str(person.pk), "name": person.get_username()},
    )


def details(entry: LogEntry) -> dict[str, Any]:
    """What an account may do after the change; by which name lists find what concerns a source."""
    row = edited(entry)
    if isinstance(row, Source):
        return {"source": row.name}
    if isinstance(row, Format | Mailbox):
        return {"source": row.source.name} if row.source else {}
    if not isinstance(row, User):
        return {}
    return {
        "active": row.is_active,
        "staff": row.is_staff,
        "superuser": row.is_superuser,
        "roles": sorted(row.groups.values_list("name", flat=True)),
    }


def edited(entry: LogEntry) -> Model | None:
    """The row that it is about, as long as there is one."""
    if entry.content_type is None or entry.is_deletion():
        return None
    try:
        row: Model = entry.get_edited_object()
    except ObjectDoesNotExist:
        return None
    return row


def keep_account(instance: User, **_: Any) -> None:
    """Accounts are made inactive instead: deleting one would take its log with it."""
    raise ProtectedError(f"The account {instance} cannot be deleted: make it inactive.", {instance})
