"""What may become of rows that tell what was received and done, as conditions in SQL. Pure.

A column that is not named here never changes, so that one that is added later is safe until somebody thinks about it.
The conditions are of the common ground of SQLite and PostgreSQL; DIFFERS is what the two spell differently.
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Model

from reconciliation.models import AuditSeal, SyncAuditLog
from signals.models import AutomatedSignal, Delivery, DeliveryBody, LetGo, Quarantine, SignalEvent
from signals.vocabulary import Channel, DeliveryStatus

DIFFERS = "{differs}"
DUPLICATE = f"'{DeliveryStatus.DUPLICATE}'"
NEVER = "1 = 1"
"""A condition for refusing, whatever it is."""


def any_changed(columns: Collection[str]) -> str:
    return " OR ".join(f'OLD."{column}" {DIFFERS} NEW."{column}"' for column in columns)


def frozen(model: type[Model], movable: Collection[str]) -> str:
    """That a column changes which is none of these."""
    columns = [str(field.column) for field in model._meta.concrete_fields]
    unknown = set(movable) - set(columns)
    assert not unknown, f"{model.__name__} has no {unknown}"
    return any_changed([column for column in columns if column not in movable])


def refusing(*conditions: str) -> str:
    return " OR ".join(f"({condition})" for condition in conditions)


# What a log tells once of what came by webhook; and what a delivery loses that gives way to another.
TOLD = ("fired_at", "symbol")
READ = ("status", "reason", "event_count", "faults")
# Its body may go then, for the other has the same bytes. A mail's are kept with the mail where they are others.
GIVES_WAY = f"""
    OLD."status" <> {DUPLICATE} AND NEW."status" = {DUPLICATE} AND NEW."duplicate_of_id" IS NOT NULL
    AND NEW."event_count" = 0
    AND (OLD."channel" = '{Channel.MAIL}' OR EXISTS (
        SELECT 1 FROM "deliveries" AS kept
        WHERE kept."id" = NEW."duplicate_of_id" AND kept."checksum" = OLD."checksum")
    AND NOT EXISTS (
        SELECT 1 FROM "delivery_bodies" AS own WHERE own."id" = OLD."id" AND NOT EXISTS (
            SELECT 1 FROM "delivery_bodies" AS kept
            WHERE kept."id" = NEW."duplicate_of_id" AND kept."raw" = own."raw")))
"""  # noqa: S608 ours
DELIVERY_CHANGES = refusing(
    frozen(Delivery, {*TOLD, *READ, "duplicate_of_id"}),
    f'OLD."fired_at" IS NOT NULL AND {any_changed(["fired_at"])}',
    f"""OLD."symbol" <> '' AND {any_changed(["symbol"])}""",
    f"({any_changed(READ)}) AND NOT ({GIVES_WAY})",
    f'{any_changed(["duplicate_of_id"])} AND NOT (NEW."status" = {DUPLICATE} AND NEW."duplicate_of_id" IS NOT NULL)',
)
# The copy of a mail that turned out to be an alert of its own: it keeps no bytes, and the mail stays.
DELIVERY_GOES = f"""NOT (OLD."channel" = '{Channel.MAIL}' AND OLD."status" = {DUPLICATE})"""

# A duplicate needs none. Of a month that was let go all may go, but for what people still have to decide about.
BODY_GOES = f"""NOT (
    EXISTS (SELECT 1 FROM "deliveries" AS repeated WHERE repeated."id" = OLD."id" AND repeated."status" = {DUPLICATE})
    OR EXISTS (
        SELECT 1 FROM "{LetGo._meta.db_table}" AS month
        WHERE month."first" <= OLD."id" AND month."until" > OLD."id")
    AND NOT EXISTS (
        SELECT 1 FROM "{Quarantine._meta.db_table}" AS unread
        WHERE unread."delivery_id" = OLD."id" AND unread."state" = '{Quarantine.State.OPEN}'))
"""  # noqa: S608 ours

SAME_ID = f"""EXISTS (
    SELECT 1 FROM "{AutomatedSignal._meta.db_table}" AS before, "{AutomatedSignal._meta.db_table}" AS after
    WHERE before."id" = OLD."signal_id" AND after."id" = NEW."signal_id"
    AND before."source_id" = after."source_id" AND before."trade_id" = after."trade_id")
"""  # noqa: S608 ours
# Which zone it votes for is derived: it is read again where the source's bar length becomes another.
EVENT_CHANGES = refusing(
    frozen(SignalEvent, {"signal_id", "sequence_number", "symbol", "clock_vote"}),
    f"""OLD."symbol" <> '' AND {any_changed(["symbol"])}""",
    f"{any_changed(['signal_id'])} AND NOT {SAME_ID}",
)
# Events of a delivery that gave way go: the other has them.
EVENT_GOES = f"""NOT EXISTS (
    SELECT 1 FROM "deliveries" AS told WHERE told."id" = OLD."delivery_id" AND told."status" = {DUPLICATE})
"""  # noqa: S608 ours
# An entry follows its signal's events to the signal that they are of.
ENTRY_CHANGES = refusing(
    frozen(SyncAuditLog, {"signal_id"}),
    f"""{any_changed(["signal_id"])} AND NOT (
        {SAME_ID} AND NOT EXISTS (SELECT 1 FROM "signal_events" AS left_over
                                  WHERE left_over."signal_id" = OLD."signal_id"))""",  # noqa: S608 ours
)


@dataclass(frozen=True, slots=True)
class Guard:
    """When a change and a deletion of a table's row are refused, and what is said then.

    `has_door`: a deletion is let through while the table's door is open. `comes_by`: the table without whose open door
    no row is let in.
    """

    model: type[Model]
    changes: str
    goes: str
    says: str
    has_door: bool = True
    comes_by: type[Model] | None = None

    @property
    def table(self) -> str:
        return self.model._meta.db_table


GUARDS = (
    Guard(
        Delivery,
        DELIVERY_CHANGES,
        DELIVERY_GOES,
        "deliveries are append-only: what was received stays as it came",
    ),
    Guard(
        DeliveryBody,
        frozen(DeliveryBody, ()),
        BODY_GOES,
        "delivery_bodies are append-only: what was received stays as it came",
    ),
    Guard(
        LetGo,
        frozen(LetGo, ()),
        NEVER,
        "bodies_let_go is append-only, and filled by retention alone",
        has_door=False,
        comes_by=DeliveryBody,
    ),
    Guard(
        SignalEvent,
        EVENT_CHANGES,
        EVENT_GOES,
        "signal_events are append-only: what a delivery said stays, teach or mend and replay instead",
    ),
    Guard(
        SyncAuditLog,
        ENTRY_CHANGES,
        NEVER,
        "sync_audit_log is append-only: write another entry instead",
    ),
    Guard(AuditSeal, NEVER, NEVER, "audit_seals are append-only", has_door=False),
)


def is_guarded(model: type[Model]) -> bool:
    return any(guard.model is model for guard in GUARDS)
