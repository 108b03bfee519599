"""Hiding: what would be stored if some of a source's deliveries, or some facts in them, had been lost. Pure.

A trial holds nothing of what it hides: no event, no fact, no price bar that came with it, no vote on the clock.
Deliveries are told apart by their checksums, for TradingView loses deliveries and not events.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from signals.clock import MINUTE
from signals.models import PriceBar, SignalEvent
from signals.vocabulary import REPORTS, EventType

from .truth import LIVE

Events = Mapping[str, Sequence[SignalEvent]]
SHARES = (0.1, 0.3, 0.5)
# For how long the reports of a trade may fail to come while prices go on; None: since its ENTRY.
SILENCES = (timedelta(minutes=3), timedelta(minutes=15), timedelta(minutes=60), None)
# Facts that are hidden together, in every event.
FACTS: tuple[tuple[str, ...], ...] = (
    ("direction",),
    ("session",),
    ("signal_date", "signal_clock", "triangle_time", "session"),
    ("entry_price",),
    ("entry_price", "be_price"),
    ("stop_loss",),
    ("tp1", "tp2", "tp3"),
    ("entry_price", "be_price", "stop_loss", "exit_price"),
    ("mae",),
    ("no_be_mfe",),
    ("confirmation_time", "bars_to_confirmation"),
    ("htf_alignment", "htf_conflict"),
)


@dataclass(frozen=True, slots=True)
class Stored:
    """Events by trade id, each signal's in order of time; price bars in order of time; and the moment it is.

    `alone`: the other signals are there and whole, but left out because nothing is asked of them.
    """

    events: Events
    bars: Sequence[PriceBar]
    now: datetime
    alone: bool = False


def without(stored: Stored, hidden: Callable[[str], bool]) -> Stored:
    """Without the deliveries whose checksums are hidden. A signal of which nothing is left is unknown.

    Bars of files and feeds stay: they do not come with alerts.
    """
    kept = {
        trade_id: left
        for trade_id, events in stored.events.items()
        if (left := [event for event in events if not hidden(event.payload_checksum)])
    }
    bars = [bar for bar in stored.bars if not (is_alerted(bar) and hidden(bar.evidence.partition(":")[0]))]
    return Stored(kept, bars, stored.now)


def is_alerted(bar: PriceBar) -> bool:
    return bar.origin == PriceBar.Origin.INDICATOR


def lose(stored: Stored, share: float, chance: Random) -> Stored:
    """Without a random share of the deliveries."""
    checksums = {event.payload_checksum for event in every(stored)} | {
        bar.evidence.partition(":")[0] for bar in stored.bars if is_alerted(bar)
    }
    lost = {checksum for checksum in sorted(checksums) if chance.random() < share}
    return without(stored, lost.__contains__)


def lose_type(stored: Stored, kind: str) -> Stored:
    """Without the deliveries that hold an event of this type."""
    lost = {event.payload_checksum for event in every(stored) if event.type == kind}
    return without(stored, lost.__contains__)


def lose_facts(stored: Stored, names: Iterable[str]) -> Stored:
    """All events, but none of them says anything of that name."""
    hidden = frozenset(names)
    events = {trade_id: [silenced(event, hidden) for event in own] for trade_id, own in stored.events.items()}
    return Stored(events, stored.bars, stored.now)


def silenced(event: SignalEvent, names: frozenset[str]) -> SignalEvent:
    if names.isdisjoint(event.facts):
        return event
    fresh = SignalEvent.__new__(SignalEvent)
    facts = {name: value for name, value in event.facts.items() if name not in names}
    fresh.__dict__.update(event.__dict__, facts=facts)
    return fresh


def fall_silent(stored: Stored, trade_id: str, chance: Random) -> Stored | None:
    """One trade at the moment of one of its reports, which is hidden, as are those of a while before; prices are known.

    Births, break-even and exits are told, without measurements. None for a trade that was never measured.
    """
    own = stored.events[trade_id]
    reports = [event for event in own if event.type != EventType.ENTRY and not event.facts.keys().isdisjoint(LIVE)]
    if not reports:
        return None
    now = chance.choice(reports).fire_minute
    silence = chance.choice(SILENCES)
    since = now - silence if silence else own[0].fire_minute - MINUTE
    measured = frozenset({*LIVE, "highest_high", "lowest_low", "current_price"})
    kept = []
    for event in own:
        if event.fire_minute <= since:
            kept.append(event)
        elif event.fire_minute <= now and event.type != EventType.MFE_UPDATE and event.type not in REPORTS:
            kept.append(silenced(event, measured))
    bars = [bar for bar in stored.bars if bar.time < now]
    return Stored({trade_id: kept}, bars, now, alone=True) if kept else None


def every(stored: Stored) -> Iterator[SignalEvent]:
    for events in stored.events.values():
        yield from events


def trials(stored: Stored, seeds: int) -> Iterator[tuple[str, Stored]]:
    """Everything that is hidden in turn, each with its name: facts, event types, random shares, recent reports."""
    for names in FACTS:
        yield f"without {', '.join(names)}", lose_facts(stored, names)
    for kind in sorted({event.type for event in every(stored)}):
        yield f"without {kind}", lose_type(stored, kind)
    for seed in range(1, seeds + 1):
        for share in SHARES:
            yield f"{share:.0%} lost, seed {seed}", lose(stored, share, Random(f"{seed} {share}"))  # noqa: S311
        for trade_id in stored.events:
            chance = Random(f"{seed} {trade_id}")  # noqa: S311 not for secrets
            if silent := fall_silent(stored, trade_id, chance):
                yield f"{trade_id} silent, seed {seed}", silent
