"""Flips: a filled value that goes back and forth although nothing new is known of its signal. The sixth is not made.

What counts is a change of a field's fill (its value, tier or method) to what stood there before, to nothing, or to
another value on the same evidence. What has not stood before and rests on other evidence begins the count anew: another
neighbour, a longer stretch of bars, bars that got better (they never get worse) end somewhere, and must not be refused.
A measurement as of a later bar is no change at all. Counted is on the signal, since its last event; a person's decision
about it and a switch of its source begin anew, too. docs/reconciliation.md says it in full.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import Q

from reconciliation.audit import Action, Journal
from reconciliation.tiers.proposals import Proposal, evidence_key
from signals.models import AutomatedSignal, Fill
from signals.signal.joining import minute_of_fill, outdoes
from signals.signal.registers import RULES

from .loading import Loaded
from .planning import Plan

CHANGES = 5
"""So often a fill may change without anything new. The next time it is frozen as it stands, a value or a gap."""
ENDED = (Fill.State.WITHDRAWN, Fill.State.SUPERSEDED)
BARS = "bars"  # what evidence calls prices: the same stretch of them can say more than before

Counts = Mapping[str, int]
Past = Mapping[tuple[int, str], Sequence[Fill]]
"""The fills that stood once, by signal and field."""


class Change(NamedTuple):
    """What a plan does to a field that was filled before: what goes, what comes."""

    field: str
    gone: Fill | None
    comes: Proposal | None


def steady(plans: Sequence[Plan], again: Callable[[Loaded], Plan]) -> list[Plan]:
    """The plans; those that would flip a value once too often are made `again` with it frozen."""
    found = [(made, list(changes(made))) for made in plans]
    past = load_past((made, change) for made, its in found for change in its)
    return [steadied(made, its, past, again) for made, its in found]


def steadied(made: Plan, found: Iterable[Change], past: Past, again: Callable[[Loaded], Plan]) -> Plan:
    loaded = made.loaded
    counts = counted(loaded.stored, found, past)
    excess = {field: count for field, count in counts.items() if count > CHANGES and field not in loaded.frozen}
    if excess:
        refused = {field: made.add.get(field) for field in excess}
        loaded.frozen |= excess.keys()
        made = again(loaded)
        made.refused = refused
        counts = counted(loaded.stored, changes(made), past) | excess
    made.signal.flips = remembered(loaded, counts)
    return made


def remembered(loaded: Loaded, counts: Counts) -> dict[str, Any] | None:
    """What the signal's row keeps of it: null on nearly all."""
    if not counts:
        return None
    frozen = {"frozen": sorted(loaded.frozen)} if loaded.frozen else {}
    return {"events": loaded.stored.event_count, "changes": dict(sorted(counts.items())), **frozen}


def changes(made: Plan) -> Iterator[Change]:
    """What the plan does to fields that were filled since the last event, first fills and news left out."""
    counts = made.loaded.stored.changes_since_event
    if len(made.keep) == len(made.loaded.active) and not counts:
        return
    gone = {fill.field: fill for fill in made.gone}
    for field in sorted(gone.keys() | (made.add.keys() & counts.keys())):
        change = Change(field, gone.get(field), made.add.get(field))
        if not is_news(made, change):
            yield change


def is_news(made: Plan, change: Change) -> bool:
    """Whether nothing flips: an event says better, the bar is a later one, or what stood is only told otherwise."""
    gone, comes = change.gone, change.comes
    if gone is None:
        return False
    if comes is None:
        return outdoes(made.signal, gone)
    rule = RULES.get(change.field)
    if rule is not None and rule.live and minute_of_fill(comes) > minute_of_fill(gone):
        return True
    return content(gone) == content(comes)


def content(fill: Fill | Proposal) -> tuple[str, str, Any]:
    return fill.tier, fill.method, fill.value


def counted(stored: AutomatedSignal, found: Iterable[Change], past: Past) -> dict[str, int]:
    """How often each field has changed without anything new, the changes of this plan included."""
    counts = dict(stored.changes_since_event)
    for change in found:
        stood = [*past.get((stored.pk, change.field), ()), *filter(None, [change.gone])]
        again = change.comes is None or any(stands_again(change.comes, fill) for fill in stood)
        counts[change.field] = counts.get(change.field, 0) + 1 if again else 1
    return counts


def stands_again(comes: Proposal, fill: Fill) -> bool:
    """Whether it is what stood before, or contradicts it on the very same evidence."""
    same_evidence = BARS not in comes.evidence and evidence_key(comes.evidence) == fill.evidence_key
    return same_evidence or content(comes) == content(fill)


def load_past(found: Iterable[tuple[Plan, Change]]) -> Past:
    """The fills that once stood where something comes in place of what stands or stood. No query when nothing does."""
    keys = [(made.signal.pk, change.field) for made, change in found if change.comes is not None]
    past: dict[tuple[int, str], list[Fill]] = defaultdict(list)
    if keys:
        wanted = Q(signal__in={key for key, _ in keys}, field__in={field for _, field in keys}, state__in=ENDED)
        for fill in Fill.objects.filter(wanted):
            past[fill.signal_id, fill.field].append(fill)
    return past


def note_frozen(made: Plan, journal: Journal) -> None:
    """Audit what is frozen from now on: `old` stands, `new` is what would have come."""
    for field, offer in sorted(made.refused.items()):
        standing = made.keep.get(field)
        journal.note(
            made.signal,
            Action.FROZEN,
            field=field,
            tier=offer.tier if offer else "",
            method=offer.method if offer else "",
            old=standing.value if standing else None,
            new=offer.value if offer else None,
            evidence=dict(offer.evidence) if offer else {},
            note=f"it changed {CHANGES} times without anything new; it stays so until there is",
        )
