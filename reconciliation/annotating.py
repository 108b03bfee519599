"""What people say about signals: notes and tags, each written and removed here, and audited."""

from collections.abc import Iterable
from datetime import datetime
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.db import transaction

from signals.models import AutomatedSignal, SignalNote, SignalTag
from signals.models.notes import LONGEST_NOTE, LONGEST_TAG, TAG, normalised

from .audit import Action, Journal

MOST_TAGS = 20  # of one signal


def write_note(signal: AutomatedSignal, text: str, *, actor: str, now: datetime) -> SignalNote:
    """Raises ValueError for an empty or an overlong text."""
    text = text.strip()
    if not text or len(text) > LONGEST_NOTE or "\0" in text:
        raise ValueError(f"Write a note of 1 to {LONGEST_NOTE:,} characters.")
    with transaction.atomic():
        note = SignalNote.objects.create(signal=signal, text=text, author=actor, written_at=now)
        audit(signal, Action.NOTED, actor, now, [(None, text)])
    return note


def remove_note(note: SignalNote, *, actor: str, now: datetime) -> None:
    """The audit log keeps its text. What is gone already is gone."""
    with transaction.atomic():
        removed, _ = SignalNote.objects.filter(pk=note.pk).delete()
        if removed:
            audit(note.signal, Action.NOTE_REMOVED, actor, now, [(note.text, None)])


def names_of(text: str) -> list[str]:
    """Tags as people type them, with commas between. Raises ValueError for one that is none."""
    names = sorted({name for part in text.split(",") if (name := normalised(part))})
    for name in names:
        try:
            TAG(name)
        except ValidationError as error:
            raise ValueError(f"{name!r}: {error.message}.") from error
        if len(name) > LONGEST_TAG:
            raise ValueError(f"{name!r} is longer than {LONGEST_TAG} characters.")
    if not names:
        raise ValueError("Name at least one tag.")
    return names


def tag(signal: AutomatedSignal, names: Iterable[str], *, actor: str, now: datetime) -> list[str]:
    """Give a signal these tags; returns those that it did not have. Raises ValueError where they become too many."""
    with transaction.atomic():
        # Whoever tags the same signal waits here, so that each tag is new once.
        AutomatedSignal.hidden_too.select_for_update().get(pk=signal.pk)
        held = set(SignalTag.objects.filter(signal=signal).values_list("name", flat=True))
        fresh = sorted(set(names) - held)
        if len(held) + len(fresh) > MOST_TAGS:
            raise ValueError(f"A signal has {MOST_TAGS} tags at most; remove some first.")
        SignalTag.objects.bulk_create(
            SignalTag(signal=signal, name=name, author=actor, added_at=now) for name in fresh
        )  # fmt: skip
        audit(signal, Action.TAGGED, actor, now, [(None, name) for name in fresh])
    return fresh


def untag(signal: AutomatedSignal, name: str, *, actor: str, now: datetime) -> bool:
    """Take a tag from a signal; False where it has none of this name (any more)."""
    with transaction.atomic():
        removed, _ = SignalTag.objects.filter(signal=signal, name=name).delete()
        if removed:
            audit(signal, Action.UNTAGGED, actor, now, [(name, None)])
    return bool(removed)


def audit(
    signal: AutomatedSignal,
    action: Action,
    actor: str,
    now: datetime,
    changes: Iterable[tuple[str | None, str | None]],
) -> None:
    journal = Journal(now, operation=uuid4(), actor=actor)
    for old, new in changes:
        journal.note(signal, action, old=old, new=new)
    journal.write()
