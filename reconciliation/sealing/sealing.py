"""Sealing: what has been committed to the audit log is chained, some entries at a time, outside of what wrote them.

Writers do not wait for each other as they would if each entry held the one before. One sealer at a time reads what is
new, a key that is committed late as well, and adds a link. An entry that is not sealed yet is protected by triggers
alone, for as long as a cycle's interval.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from reconciliation.models import AuditSeal, SyncAuditLog
from signals.storage.documents import as_text, parsed
from signals.storage.marks import Mark, Missing, advanced
from signals.storage.queries import batches

from .canonical import COLUMNS, DOCUMENTS, FIRST, Sealed, digest_of, packed, seal_of

log = logging.getLogger(__name__)
AT_ONCE = 1_000  # entries in a link: on SQLite all writers wait for it
SECONDS = 2.0
"""What one turn may take: old entries are sealed by many cycles, one after the other."""
PLACES = [COLUMNS.index(name) for name in DOCUMENTS]
STRETCHES = 50  # in a query
LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('signalsync audit seals'))"


def after_cycle() -> None:
    """Seal what is new and write the head outside. Whatever happens here, the cycle is done."""
    try:
        if seal(SECONDS):
            tell_head()
    except Exception:
        log.exception("the audit log could not be sealed; the next cycle tries again")


def after_decision() -> None:
    """Seal what a person did as soon as it is committed. What fails is for the next cycle."""
    transaction.on_commit(seal_quietly)


def seal_quietly() -> None:
    try:
        seal_some(timezone.now())
    except Exception:
        log.exception("a decision could not be sealed; the next cycle tries again")


def seal(seconds: float = float("inf")) -> int:
    """Seal what is not sealed yet, for about so long. Returns how many entries were."""
    ends, sealed = monotonic() + seconds, 0
    while True:
        number = seal_some(timezone.now())
        sealed += number
        if number < AT_ONCE or monotonic() >= ends:  # fewer: that was all
            return sealed


def seal_some(now: datetime) -> int:
    """Add one link to the chain. Returns how many entries it seals; 0 as well while another sealer is at it."""
    with transaction.atomic():
        if not alone():
            return 0
        head = AuditSeal.objects.defer("entries").first()
        mark = mark_of(head)
        rows = [row for some in unsealed(mark) for row in map(parsed_entry, values_of(some.order_by("pk"))[:AT_ONCE])]
        if not rows:
            return 0
        make_link(head, mark, rows, now)
    return len(rows)


def alone() -> bool:
    """Whether nobody else seals, until the transaction ends. On SQLite it has locked all writers out."""
    if connection.vendor == "sqlite":
        return True
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
        return bool(cursor.fetchone()[0])


def mark_of(head: AuditSeal | None) -> Mark:
    return Mark(head.upto, tuple(Missing(*hole) for hole in head.missing)) if head else Mark(0)


def unsealed(mark: Mark) -> Iterator[QuerySet[SyncAuditLog]]:
    """Entries that the mark has not passed: those that were missing below it, and all above it."""
    for holes in batches(mark.missing, STRETCHES):
        yield SyncAuditLog.objects.filter(reduce(or_, (Q(pk__range=(hole.first, hole.last)) for hole in holes)))
    yield SyncAuditLog.objects.filter(pk__gt=mark.upto)


def values_of(entries: QuerySet[SyncAuditLog]) -> QuerySet[SyncAuditLog, tuple[Any, ...]]:
    """What entries say, in the order of COLUMNS, documents as text."""
    return entries.values_list(*(as_text(name) if name in DOCUMENTS else name for name in COLUMNS))


def parsed_entry(row: Sequence[Any]) -> list[Any]:
    values = list(row)
    for place in PLACES:
        values[place] = parsed(values[place])
    return values


def make_link(head: AuditSeal | None, mark: Mark, rows: Sequence[Any], now: datetime) -> None:
    entries = [Sealed(row[0], digest_of(row)) for row in rows]
    after = advanced(mark, (entry.key for entry in entries), now.timestamp())
    link = AuditSeal(
        number=head.number + 1 if head else 1,
        at=now,
        upto=after.upto,
        total=(head.total if head else 0) + len(entries),
        entries=packed(entries),
        missing=[[hole.first, hole.last, hole.since] for hole in after.missing],
    )
    link.seal = seal_of(link, head.seal if head else FIRST)
    link.save(force_insert=True)


def head_of(link: AuditSeal) -> dict[str, Any]:
    """The chain's end, to be kept elsewhere: it proves all entries up to there."""
    return {"link": link.number, "seal": link.seal, "entries": link.total, "upto": link.upto, "at": link.at.isoformat()}


def head() -> dict[str, Any] | None:
    link = AuditSeal.objects.defer("entries").first()
    return head_of(link) if link else None


def tell_head() -> None:
    """Write the head to the log and, where AUDIT_HEAD_FILE names one, to the end of that file."""
    told = json.dumps(head())
    log.info("the audit log is sealed: %s", told)
    if settings.AUDIT_HEAD_FILE:
        with open(settings.AUDIT_HEAD_FILE, "a", encoding="utf-8") as file:
            file.write(f"{told}\n")
