"""What operators do about deliveries that could not be read: preview a mended copy, replay it, or dismiss it.

The original stays as it is. A replay is a delivery of its own, with the original's fire time, taken in like any other.
"""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from signals import dialects
from signals.dialects.repair import proved
from signals.facts import Reading, UnreadableError
from signals.intake import Outcome, take_in
from signals.models import AutomatedSignal, Delivery, Quarantine
from signals.parcels import Incoming
from signals.teaching.known import formats_of
from signals.vocabulary import Channel

from .masking import hide_secrets
from .senders import mask_body

UNPROVED = (
    "The proposal differs from what was sent in more than quotes: it may lack a part of it, or hold half a number."
    " Compare it with the body and correct it by hand."
)


class NotOpenError(Exception):
    """Somebody has replayed or dismissed it already."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What replaying a text would do: the events it holds, and which of their signals exist.

    `problem` says why it cannot be replayed, beside what it would do where it can be read all the same.
    """

    reading: Reading | None
    known: frozenset[str]
    problem: str = ""


def preview(quarantine: Quarantine, text: str) -> Preview:
    """Read a mended text without storing anything."""
    try:
        reading = read_copy(quarantine.delivery, text.encode())
    except UnreadableError as error:
        return Preview(None, frozenset(), error.reason)
    ids = {event.trade_id for event in reading.events}
    known = AutomatedSignal.objects.filter(source=quarantine.delivery.source_id, trade_id__in=ids)
    problem = UNPROVED if is_unproved(quarantine, text) else ""
    return Preview(reading, frozenset(known.values_list("trade_id", flat=True)), problem)


def is_unproved(quarantine: Quarantine, text: str) -> bool:
    """Whether a text is what was proposed, and has not passed the proof that a repair must pass."""
    offered = quarantine.proposal.strip()
    return (
        bool(offered)
        and text.strip() in (offered, hide_secrets(offered))
        and not proved(quarantine.delivery.raw, offered)
    )


def read_copy(original: Delivery, body: bytes) -> Reading:
    """Read a mended body. Raises UnreadableError, also where mending the body would not be enough."""
    if original.channel == Channel.LOG and original.fired_at is None:
        raise UnreadableError(f"{original.reason} Correct it in the log, import the log again, and dismiss this row.")
    return dialects.read(body, signed=original.signed, formats=formats_of(original.source_id))


def suggestion(quarantine: Quarantine) -> str:
    """The text to start mending from: the proposal, else the body as it came."""
    return quarantine.proposal or quarantine.delivery.raw.decode(errors="replace")


def replay(quarantine: Quarantine, text: str, *, by: User | None, now: datetime) -> Outcome:
    """Take in a mended copy. Raises NotOpenError when it is too late.

    Raises UnreadableError when it still cannot be read, or is a proposal that lacks the proof.
    """
    original = quarantine.delivery
    body, _ = mask_body(text.encode())
    read_copy(original, body)
    if is_unproved(quarantine, text):
        raise UnreadableError(UNPROVED)
    with transaction.atomic():
        row = lock_open(quarantine)
        incoming = Incoming(
            body=body,
            received_at=now,
            channel=Channel.REPLAY,
            fired_at=original.fired_at or original.received_at,
            content_type=original.content_type,
            alert_id=original.alert_id,
            symbol=original.symbol,
            ticker=original.ticker,
            replay_of=original,
        )
        outcome = take_in(original.source, [incoming], now=now).outcomes[0]
        row.replay_id = outcome.delivery_id
        decide(row, Quarantine.State.REPLAYED, "", by, now)
    return outcome


def dismiss(quarantine: Quarantine, note: str, *, by: User | None, now: datetime) -> None:
    """Put it aside for good, with the reason. Raises NotOpenError when it is too late."""
    with transaction.atomic():
        decide(lock_open(quarantine), Quarantine.State.DISMISSED, note, by, now)


def dismiss_all(rows: QuerySet[Quarantine], note: str, *, by: User | None, now: datetime) -> int:
    """Dismiss all of these that are still open. Returns how many were."""
    decider = by.get_username() if by else ""
    keys = rows.filter(state=Quarantine.State.OPEN).order_by().values("pk")
    return Quarantine.objects.filter(pk__in=keys, state=Quarantine.State.OPEN).update(
        state=Quarantine.State.DISMISSED, note=note, decided_by=by, decider=decider, decided_at=now
    )


def lock_open(quarantine: Quarantine) -> Quarantine:
    row = Quarantine.objects.select_for_update(of=("self",)).get(pk=quarantine.pk)
    if row.state != Quarantine.State.OPEN:
        raise NotOpenError(f"It was already {row.get_state_display().lower()}.")
    return row


def decide(row: Quarantine, state: Quarantine.State, note: str, by: User | None, now: datetime) -> None:
    row.state, row.note, row.decided_by, row.decided_at = state, note, by, now
    row.decider = by.get_username() if by else ""
    row.save()
