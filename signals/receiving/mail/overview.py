"""What operators see of the mailboxes: how each is, and what became of its mails."""

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Q

from signals.models import Mail, Mailbox, Source

from .polling import DENIED

LATELY = timedelta(days=7)
TODAY = timedelta(days=1)
UNSETTLED = timedelta(minutes=30)  # after which a mail that still waits is stuck
FAILED_OFTEN = 3  # in a row: less passes by itself


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    """One mailbox; `counts` are of its latest mails by state. `reason` is why the last one was refused."""

    box: Mailbox
    counts: Mapping[str, int]
    refused_today: int
    counted_today: int
    last: datetime | None
    reason: str

    @property
    def failing(self) -> bool:
        """Whether it does not pass by itself, or did not so far."""
        return bool(self.box.error) and (self.box.failures >= FAILED_OFTEN or not passes(self.box))

    @property
    def only_refused(self) -> bool:
        """Whether all that came in a day was refused: then it is more likely set up wrongly than attacked."""
        return self.refused_today > 0 and not self.counted_today

    @property
    def has_secret(self) -> bool:
        return any(os.environ.get(self.box.variable(kind)) for kind in ("PASSWORD", "TOKEN"))


def passes(box: Mailbox) -> bool:
    """Whether its fault is one that mends itself: those are tried again soon."""
    return box.error_at is not None and box.next_at - box.error_at < DENIED


def overview(now: datetime, boxes: Sequence[Mailbox] | None = None, lately: timedelta = LATELY) -> list[MailboxStatus]:
    """Every mailbox, or these, by name. Two queries, and one for each that refused something `lately`."""
    boxes = list(Mailbox.objects.select_related("source")) if boxes is None else boxes
    if not boxes:
        return []
    recent = Mail.objects.filter(mailbox__in=boxes, received_at__gt=now - lately).order_by()
    counts: dict[int | None, Counter[str]] = defaultdict(Counter)
    today: dict[int | None, Counter[str]] = defaultdict(Counter)
    last: dict[int | None, datetime] = {}
    by_state = recent.values("mailbox", "state").annotate(
        number=Count("pk"), fresh=Count("pk", filter=Q(received_at__gt=now - TODAY)), latest=Max("received_at")
    )
    for key, state, number, fresh, latest in by_state.values_list("mailbox", "state", "number", "fresh", "latest"):
        counts[key][state], today[key][state] = number, fresh
        last[key] = max(latest, last.get(key, latest))
    return [
        MailboxStatus(
            box,
            counts[box.pk],
            today[box.pk][Mail.State.REFUSED],
            today[box.pk].total() - today[box.pk][Mail.State.REFUSED],
            last.get(box.pk),
            last_reason(box) if counts[box.pk][Mail.State.REFUSED] else "",
        )
        for box in boxes
    ]


def last_reason(box: Mailbox) -> str:
    refused = Mail.objects.filter(mailbox=box, state=Mail.State.REFUSED).order_by("-received_at")
    return refused.values_list("reason", flat=True).first() or ""


def stuck(now: datetime) -> int:
    """How many mails wait though their time is over: settling them fails, or nobody does."""
    return Mail.objects.filter(state=Mail.State.WAITING, stored_at__lt=now - UNSETTLED, at__lt=now - UNSETTLED).count()


def alone_lately(source: Source, now: datetime) -> int:
    """How many of its alerts of a week came by mail alone: what the webhook lost."""
    return Mail.objects.filter(source=source, state=Mail.State.ALONE, at__gt=now - LATELY).count()
