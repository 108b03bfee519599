"""Whether the audit log still holds what was sealed: walks the chain, some links at a time, and names what differs.

It notices entries that were changed, removed, inserted or swapped, and links that were, by whatever hand. Who makes
all links anew after a change is noticed by a head that was kept elsewhere, and by nothing else.
"""

import re
import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from reconciliation.models import AuditSeal, SyncAuditLog
from signals.storage.marks import Mark

from .canonical import FIRST, SIGNAL, digest_of, seal_of, unpacked
from .sealing import AT_ONCE, mark_of, parsed_entry, unsealed, values_of

Action = SyncAuditLog.Action
SEAL = re.compile(r"\b[0-9a-f]{64}\b")
MOST = 1000  # faults that are told


@dataclass(slots=True)
class Checked:
    """What a walk found. `faults` names the first of them; `found` counts all."""

    links: int = 0
    entries: int = 0
    unsealed: int = 0
    found: int = 0
    faults: list[str] = field(default_factory=list)

    def fault(self, says: str) -> None:
        self.found += 1
        if len(self.faults) < MOST:
            self.faults.append(says)


def heads_in(text: str) -> set[str]:
    """The seals that a text names, as a file of heads does."""
    return set(SEAL.findall(text))


def check(against: Iterable[str] = (), *, newest: int = 0) -> Checked:
    """Walk the chain, of `newest` links the last ones only. `against` are seals that must be in it."""
    walk = Walk(set(against), newest)
    walk.go()
    return walk.checked


class Walk:
    """Links in order, each with the entries that are stored now where its own should be."""

    def __init__(self, wanted: set[str], newest: int = 0) -> None:
        self.checked = Checked()
        self.wanted = wanted
        self.newest = newest
        self.strange: set[int] = set()  # keys that were passed by and are in no link so far
        self.mark = Mark(0)

    def go(self) -> None:
        before = self.before()
        number, seal = (before.number, before.seal) if before else (0, FIRST)
        self.mark = mark_of(before)
        while link := AuditSeal.objects.filter(number__gt=number).order_by("number").first():
            self.follow(link, number, seal)
            number, seal, self.mark = link.number, link.seal, mark_of(link)
        for some in unsealed(self.mark):
            self.checked.unsealed += some.count()
        self.conclude()

    def before(self) -> AuditSeal | None:
        """The link before the first that is looked at."""
        rows = AuditSeal.objects.defer("entries")
        return rows[self.newest : self.newest + 1].first() if self.newest else None

    def follow(self, link: AuditSeal, number: int, seal: str) -> None:
        self.checked.links += 1
        if link.number != number + 1:
            self.checked.fault(f"Link {number + 1} of the seals is gone, up to {link.number - 1}.")
        elif seal_of(link, seal) != link.seal:
            self.checked.fault(f"Link {link.number} of the seals was changed, or one before it.")
        self.wanted.discard(link.seal)
        try:
            sealed = dict(unpacked(bytes(link.entries)))
        except struct.error:
            self.checked.fault(f"Link {link.number} of the seals is cut off.")
            return
        if faults := self.faults_of(link, sealed):
            # Read again where it seems wrong: rows may have been removed or merged, and told so, while this walked.
            for name in ("removed", "merged"):
                self.__dict__.pop(name, None)
            faults = self.faults_of(link, sealed)
        for says in faults:
            self.checked.fault(says)
        self.checked.entries += len(sealed)

    def faults_of(self, link: AuditSeal, sealed: dict[int, bytes]) -> list[str]:
        """What it seals against what is stored."""
        late = [key for key in sealed if key <= self.mark.upto]
        there, faults = set(), []
        rows = SyncAuditLog.objects.order_by("pk")
        for chunk in (rows.filter(pk__gt=self.mark.upto, pk__lte=link.upto), rows.filter(pk__in=late)):
            for row in map(parsed_entry, values_of(chunk).iterator(chunk_size=AT_ONCE)):
                there.add(row[0])
                if row[0] not in sealed:
                    self.strange.add(row[0])
                elif digest_of(row) != sealed[row[0]] and not self.was_moved(row, sealed[row[0]]):
                    faults.append(f"Entry {row[0]} was changed since it was sealed.")
        self.strange -= sealed.keys()
        gone = (key for key in sorted(sealed.keys() - there) if not self.removed.holds(key))
        return faults + [f"Entry {key} was removed: it is sealed by link {link.number}." for key in gone]

    def was_moved(self, row: Sequence[Any], digest: bytes) -> bool:
        """Whether it is as it was but for its signal, whose entries another took over, as an entry tells."""
        before, seen = [row[SIGNAL]], {row[SIGNAL]}
        while before:
            for signal in self.merged.get(before.pop(), ()):
                if signal in seen:
                    continue
                seen.add(signal)
                before.append(signal)
                if digest_of((*row[:SIGNAL], signal, *row[SIGNAL + 1 :])) == digest:
                    return True
        return False

    @cached_property
    def merged(self) -> dict[object, list[int]]:
        """The signals whose entries a signal took over."""
        found: dict[object, list[int]] = {}
        told = SyncAuditLog.objects.filter(action=Action.MERGED).values_list("evidence", flat=True)
        for evidence in told.iterator():
            found.setdefault(evidence.get("into"), []).append(evidence.get("from"))
        return found

    @cached_property
    def removed(self) -> "Stretches":
        told = SyncAuditLog.objects.filter(action=Action.REMOVED).values_list("evidence", flat=True)
        return Stretches(pair for evidence in told.iterator() for pair in evidence.get("keys", ()))

    def conclude(self) -> None:
        awaited = [(hole.first, hole.last) for hole in self.mark.missing]
        for key in sorted(self.strange):
            if not any(first <= key <= last for first, last in awaited):
                self.checked.fault(f"Entry {key} was inserted: what came after it is sealed, and it is not.")
        for seal in sorted(self.wanted):
            self.checked.fault(
                f"The head {seal[:16]}… that was kept is not in the chain: entries are gone, or all seals made anew."
            )


class Stretches:
    """Keys as first and last, of which there may be many: two numbers each."""

    def __init__(self, pairs: Iterable[Iterable[int]]) -> None:
        self.pairs = sorted(tuple(pair) for pair in pairs)

    def holds(self, key: int) -> bool:
        place = bisect_right(self.pairs, (key, float("inf")))
        return place > 0 and self.pairs[place - 1][1] >= key


def lines(checked: Checked) -> Iterator[str]:
    """What was found, for people."""
    yield from checked.faults
    told = f"{checked.entries:,} entries in {checked.links:,} links"
    yield f"{told}, {checked.found:,} faults." if checked.found else f"{told}: the seals hold."
    if checked.unsealed:
        yield f"{checked.unsealed:,} entries are not sealed yet."
