"""Which zone a trade id is in: the source's votes, applied to the signals that they decide.

The rule itself is `clock.decide`. This module reads the votes that can matter for a set of signals, and finds the
signals that a new vote can have changed. Callers hold the source's clock (see hold_clock), so that no vote or new
signal comes in between.
"""

import json
from collections.abc import Collection, Iterable, Sequence, Set
from datetime import datetime
from enum import IntEnum
from typing import Any

from django.db import connection
from django.db.models import Q

from signals.clock import VOTES_THAT_DECIDE, TradeId, Vote, decide, possible_zones, vote_zone
from signals.market import market
from signals.models import AutomatedSignal, SignalEvent, Source
from signals.models.sources import CHART
from signals.signal.registers import BIRTH
from signals.timeframe import Timeframe
from signals.vocabulary import Origin

LOCK_SPACE = 0x5350  # of advisory locks: "SP", so that no other use of them meets ours


# What others may have learned about a source since it was read.
DOCUMENTS = ("zones_seen", "learned")
TOLD = (*DOCUMENTS, *sorted(CHART - {"learned"}))


class Hold(IntEnum):
    """How far a transaction has the source's clock for itself."""

    NONE = 0
    SHARED = 1
    ALONE = 2


# A signal's five nearest votes lie within five votes of it on either side; between it and a vote among them lie at
# most four. So a vote can only matter to signals within ten votes of it.
REACH = 2 * VOTES_THAT_DECIDE


def hold_clock(source: Source, hold: Hold, trade_ids: Collection[str]) -> bool:
    """Hold the source's clock until the transaction ends, and read what others have learned about it.

    Returns whether a signal of these trade ids is stored: asked on the way, it saves most births a round trip.

    Writers that share it can only bring what cannot change it (see is_quiet), so they do not wait for each other's
    commits. On SQLite the transaction itself is alone.
    """
    marks = ", ".join(["%s"] * len(trade_ids)) or "NULL"
    stored = f"EXISTS (SELECT 1 FROM automated_signals WHERE source_id = %s AND trade_id IN ({marks}))"  # noqa: S608 marks
    text = f"SELECT {', '.join(TOLD)}, {stored} FROM signals_source WHERE id = %s"  # noqa: S608 our names, marks
    parameters: list[Any] = [source.pk, *trade_ids, source.pk]
    if connection.vendor == "postgresql":
        text = lock_statement(hold) + text
        parameters.insert(0, source.pk)
    with connection.cursor() as cursor:
        cursor.execute(text, parameters)
        *told, known = cursor.fetchone()
    for name, value in zip(TOLD, told, strict=True):
        setattr(source, name, json.loads(value) if name in DOCUMENTS else value)
    return bool(known)


def lock_statement(hold: Hold) -> str:
    """PostgreSQL's lock of the clock whose source's key follows. The statement after it reads what the wait was for."""
    function = "pg_advisory_xact_lock" if hold == Hold.ALONE else "pg_advisory_xact_lock_shared"
    return f"SELECT {function}({LOCK_SPACE}, %s); "


def is_quiet(source: Source, votes: Iterable[Vote]) -> bool:
    """Whether these votes, and any signals, leave the clock as it is: all the source ever voted for is one zone."""
    return len(source.zones_seen) == 1 and all(vote.zone in source.zones_seen for vote in votes)


def standing_zones(signal: AutomatedSignal, source: Source) -> tuple[str, ...]:
    """The zones that the signal's id may be in by its first event; an id without a time takes the configured one."""
    trade_id = TradeId.parse(signal.trade_id)
    if trade_id is None:
        return (source.clock_zone,)
    return possible_zones(trade_id.naive, signal.first_event_at, source.clocks, frame_of(source).had_closed)


def frame_of(source: Source) -> Timeframe:
    return Timeframe.of(source.bar_minutes, market(source.calendar))


def vote_of(kind: str, named: str, minute: datetime, source: Source) -> str:
    """The zone that an event speaks for, "" when it speaks for none."""
    trade_id = TradeId.parse(named) if kind in BIRTH else None
    if trade_id is None:
        return ""
    return vote_zone(trade_id.naive, minute, source.clocks, frame_of(source).spoken_for(kind)) or ""


def plain_ruling(signal: AutomatedSignal, source: Source, zones: Set[str]) -> tuple[str, str] | None:
    """The signal's zone and what it was decided by, if no vote needs to be read; `zones` are all ever voted for."""
    standing = standing_zones(signal, source)
    if len(standing) == 1:
        return standing[0], "only_possible"
    if len(zones) == 1 and zones <= set(standing):
        return next(iter(zones)), "votes"  # whichever five votes are nearest, they agree
    return None


def decide_zones(
    signals: Iterable[AutomatedSignal], source: Source, fresh: Sequence[Vote] = ()
) -> list[AutomatedSignal]:
    """Set `clock_zone` and `clock_by` of the signals, in memory; return those whose zone changed.

    `fresh` are votes that count though they are not stored yet.
    """
    rulings: dict[int, tuple[str, str]] = {}
    undecided = []
    rows = list(signals)
    zones = set(source.zones_seen).union(vote.zone for vote in fresh)
    for index, signal in enumerate(rows):
        plain = plain_ruling(signal, source, zones)
        if plain:
            rulings[index] = plain
        else:
            undecided.append(index)
    if undecided:
        moments = [rows[index].first_event_at for index in undecided]
        closed = frame_of(source).had_closed
        votes = [*votes_around(source, min(moments), max(moments), VOTES_THAT_DECIDE), *fresh]
        for index in undecided:
            naive = named_time(rows[index])
            first = rows[index].first_event_at
            ruling = decide(naive, first, votes, source.clocks, source.clock_zone, closed=closed)
            rulings[index] = (ruling.zone, ruling.by)
    changed = []
    for index, (zone, by) in rulings.items():
        signal = rows[index]
        if (signal.clock_zone, signal.clock_by) != (zone, by):
            signal.clock_zone, signal.clock_by = zone, by
            changed.append(signal)
    return changed


def named_time(signal: AutomatedSignal) -> datetime:
    trade_id = TradeId.parse(signal.trade_id)
    assert trade_id is not None, "an id without a time needs no votes"
    return trade_id.naive


def votes_around(source: Source, start: datetime, end: datetime, beyond: int) -> list[Vote]:
    """The source's votes from `start` to `end`, and at least `beyond` on either side, in order of fire time."""
    votes = SignalEvent.objects.filter(~Q(clock_vote=""), source=source)
    first, last = edge(source, start, -beyond), edge(source, end, beyond)
    if first:
        votes = votes.filter(fire_minute__gte=first)
    if last:
        votes = votes.filter(fire_minute__lte=last)
    rows = votes.order_by("fire_minute").values_list("fire_minute", "payload_checksum", "position", "clock_vote")
    return [Vote(*row) for row in rows]


def edge(source: Source, moment: datetime, count: int) -> datetime | None:
    """Fire minute of the vote that is `count` votes after the moment (before it, when negative); None if fewer."""
    votes = SignalEvent.objects.filter(~Q(clock_vote=""), source=source)
    if count > 0:
        beyond = votes.filter(fire_minute__gt=moment).order_by("fire_minute")
    else:
        beyond = votes.filter(fire_minute__lt=moment).order_by("-fire_minute")
    return beyond.values_list("fire_minute", flat=True)[abs(count) - 1 : abs(count)].first()


def count_zones(source: Source) -> None:
    """Remember the zones that the source's stored events vote for, and no others. The caller holds its clock alone."""
    votes = SignalEvent.objects.filter(~Q(clock_vote=""), source=source).order_by()
    source.zones_seen = sorted(votes.values_list("clock_vote", flat=True).distinct())
    source.save(update_fields=["zones_seen"])


def swayed_signals(source: Source, votes: Sequence[Vote]) -> list[AutomatedSignal]:
    """Signals decided by votes that these new votes can have changed, locked. Remembers the zones voted for.

    As long as a source has only ever voted for one zone, another vote for it changes nobody's zone.
    """
    seen, zones = set(source.zones_seen), {vote.zone for vote in votes}
    if zones - seen:
        source.zones_seen = sorted(seen | zones)
        source.save(update_fields=["zones_seen"])
    elif len(seen) == 1:
        return []
    heard = AutomatedSignal.objects.filter(origin=Origin.ALERTS)
    unsettled = heard.filter(~Q(clock_by="only_possible"), source=source)
    moments = [vote.minute for vote in votes]
    first, last = edge(source, min(moments), -REACH), edge(source, max(moments), REACH)
    if first:
        unsettled = unsettled.filter(first_event_at__gte=first)
    if last:
        unsettled = unsettled.filter(first_event_at__lte=last)
    return list(unsettled.select_for_update(of=("self",)).order_by("pk"))
