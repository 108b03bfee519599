"""Finding: signals that the bars show and nobody heard of are stored, and withdrawn when the bars say otherwise.

The one writer of signals that no event made. What the rest of such a signal is, its fills tell as those of any other.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from reconciliation.audit import Journal
from reconciliation.models import ReplayedSignal
from signals.clock import MINUTE, TradeId
from signals.market import market
from signals.models import AutomatedSignal, Fill, Source
from signals.signal.joining import blank
from signals.signal.saving import overwrite
from signals.storage.bulk import insert, update
from signals.storage.queries import batches
from signals.vocabulary import Approval, Origin

from .agreeing import LEAST, SURE
from .measuring import Compared, HeardSignal, of_stretch

# So many minutes of open market after its bar a signal that nobody heard of is lost, and no longer late.
OVERDUE = 5
# A signal of this direction so near, whose bar the twin has none for, is the same one.
BESIDE = timedelta(minutes=3)
IDS = 500  # in a query
FOUND = "replay"  # what decided the zone that its id is spelled in


def find(compared: Compared, now: datetime) -> set[int]:
    """Store what was lost on the stretch and withdraw what no longer is; return the keys of the signals to look at."""
    wanted = {spelled(each, compared): each for each in lost(compared, now)}
    rows = AutomatedSignal.hidden_too.filter(of_stretch(compared.stretch), source=compared.source)
    rows = rows.exclude(origin=Origin.ALERTS)
    # Whether there is any is quick to ask; columns there are many.
    known = {row.trade_id: row for row in rows} if rows.exists() else {}
    gone = [row for name, row in known.items() if row.origin == Origin.REPLAY and name not in wanted]
    changed = [row for name, row in known.items() if name in wanted and differs(row, wanted[name], compared)]
    new = unheard([name for name in wanted if name not in known], compared.source)
    if not (gone or changed or new):
        return set()
    made = [found(name, wanted[name], compared, now) for name in new]
    with transaction.atomic():
        withdraw(gone, Origin.WITHDRAWN, Journal(now))
        insert(AutomatedSignal, made)
        for row in changed:
            row.origin, row.approval = Origin.REPLAY, approval_of(wanted[row.trade_id], compared)
            row.needs_sync, row.updated_at = True, now
        update(AutomatedSignal, changed, ("origin", "approval", "needs_sync", "updated_at"))
    return {row.pk for row in [*made, *changed]}


def differs(row: AutomatedSignal, told: ReplayedSignal, compared: Compared) -> bool:
    """Whether a signal that was found before has to come back, or needs an approval that it did not, or no longer."""
    if row.origin == Origin.REPLAY:
        return row.approval not in (Approval.APPROVED, approval_of(told, compared))
    return row.origin == Origin.WITHDRAWN


def unheard(trade_ids: Sequence[str], source: Source) -> list[str]:
    """Without the ids of which an alert has made a signal, whatever it was told of."""
    there: set[str] = set()
    for some in batches(trade_ids, IDS):
        rows = AutomatedSignal.hidden_too.filter(source=source, trade_id__in=some)
        there.update(rows.values_list("trade_id", flat=True))
    return [trade_id for trade_id in trade_ids if trade_id not in there]


def lost(compared: Compared, now: datetime) -> list[ReplayedSignal]:
    """The twin's signals since it is believed that nobody heard of, in order of time."""
    agreement, hours = compared.agreement, market(compared.source.calendar)
    if agreement.since is None or agreement.confidence < LEAST or follows_entries(compared.heard):
        return []
    bars = {(each.bar, each.direction) for each in compared.heard}
    twin = {(each.triangle, each.direction) for each in compared.told}
    strays = [each for each in compared.heard if each.bar and (each.bar, each.direction) not in twin]
    return [
        each
        for each in compared.told
        if each.triangle >= agreement.since
        and (each.triangle, each.direction) not in bars
        and not any(beside(each, stray) for stray in strays)
        and hours.open_minutes(each.triangle + MINUTE, now) >= OVERDUE
    ]


def beside(told: ReplayedSignal, stray: HeardSignal) -> bool:
    return stray.direction == told.direction and stray.bar is not None and abs(stray.bar - told.triangle) <= BESIDE


def follows_entries(heard: Iterable[HeardSignal]) -> bool:
    """Whether ids there name ENTRY's bar: a triangle that nobody heard of has no id then."""
    kinds = Counter(each.single_leg for each in heard)
    return kinds[True] > kinds[False]


def spelled(told: ReplayedSignal, compared: Compared) -> str:
    """The id as the indicator would spell it, on the clock of the nearest signal that was heard."""
    return TradeId.naming(told.triangle, zone_at(told.triangle, compared), told.direction)


def zone_at(moment: datetime, compared: Compared) -> str:
    near = [(abs(each.bar - moment), each.zone) for each in compared.heard if each.bar and each.zone]
    return min(near)[1] if near else compared.source.clock_zone


def approval_of(told: ReplayedSignal, compared: Compared) -> str:
    """Somebody has to approve a signal where the twin is not sure enough, or a bar right before it is missing."""
    return Approval.WAITING if told.near_hole or compared.agreement.confidence < SURE else ""


def found(trade_id: str, told: ReplayedSignal, compared: Compared, now: datetime) -> AutomatedSignal:
    """The signal's row. Its fills tell the rest."""
    row = blank(compared.source.pk, trade_id)
    row.origin, row.approval = Origin.REPLAY, approval_of(told, compared)
    row.first_event_at = row.last_event_at = told.triangle + MINUTE  # when it would have been heard of
    row.clock_zone, row.clock_by = zone_at(told.triangle, compared), FOUND
    row.created_at = row.updated_at = now
    return row


def withdraw_unshown(source: Source, symbol: str, since: datetime, now: datetime) -> None:
    """Withdraw found signals of bars that are gone with all around them, so that no stretch has them any more."""
    found = AutomatedSignal.objects.filter(source=source, origin=Origin.REPLAY, first_event_at__gte=since)
    by_bar = {row.first_event_at - MINUTE: row for row in found}
    if not by_bar:
        return
    told = ReplayedSignal.objects.filter(symbol=symbol, triangle__gte=min(by_bar), triangle__lte=max(by_bar))
    gone = [by_bar[bar] for bar in sorted(by_bar.keys() - set(told.values_list("triangle", flat=True)))]
    if gone:
        with transaction.atomic():
            withdraw(gone, Origin.WITHDRAWN, Journal(now))


def withdraw(rows: Sequence[AutomatedSignal], origin: Origin, journal: Journal, note: str = "") -> None:
    """Hide found signals and end their fills. Runs in the caller's transaction."""
    fills = list(Fill.objects.filter(signal__in=rows, state__in=(Fill.State.ACTIVE, Fill.State.PROPOSED)))
    by_key: Mapping[int, AutomatedSignal] = {row.pk: row for row in rows}
    for fill in fills:
        journal.note_withdrawn(by_key[fill.signal_id], fill, note or "the bars no longer show the signal")
        fill.state, fill.ended_at = Fill.State.WITHDRAWN, journal.at
    update(Fill, fills, ("state", "ended_at"))
    overwrite([emptied(row, origin, journal.at) for row in rows])
    journal.write()


def emptied(row: AutomatedSignal, origin: Origin, now: datetime) -> AutomatedSignal:
    """A found signal without its fills."""
    fresh = blank(row.source_id, row.trade_id)
    for name in ("pk", "first_event_at", "last_event_at", "clock_zone", "clock_by", "created_at"):
        setattr(fresh, name, getattr(row, name))
    fresh.origin, fresh.needs_sync, fresh.updated_at = origin, False, now
    return fresh
