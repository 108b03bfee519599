"""Deriving: what follows from a signal's registers and its source's clock. No database, no clock of its own.

`joining.join` fills registers event by event; `settle` derives, from the registers alone, the values that relate
several of them. It may run any number of times: derived values carry a `rule` in their evidence and are made anew.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from signals.clock import MINUTE, TradeId, instant, local
from signals.formats import iso
from signals.market import Market, market
from signals.models import AutomatedSignal, Source
from signals.prices import MULTIPLES, Seen, apart, is_stop_far
from signals.sessions import Sessions, sessions_of
from signals.tiers import Rank
from signals.timeframe import Timeframe
from signals.vocabulary import REPORTS, DataSource, Status

from .registers import EVENT_PROVENANCE, TIER_RANK

# What no tier fills by itself.
FOLLOWING = frozenset({"signal_date", "signal_time_str", "status"})
SIGNAL_TIME_FIELDS = ("signal_time", "signal_date", "signal_time_str")
# Fields that nothing else is derived from.
RELATED_TO_NOTHING = frozenset(
    {"direction", "htf_alignment", "entry_price", "stop_loss", "targets", "targets_extended"}
)


# What updates tell, and births and reports besides: nothing is derived from it but what `relate_measured` derives.
MEASURED = frozenset(
    {
        "be_mfe", "no_be_mfe", "mae", "current_price", "highest_high", "lowest_low",
        "seen_confirmed_at", "seen_completed_at", "seen_protected_at", "unprotected_at",
    }
)  # fmt: skip
PRICES = frozenset({"entry_price", "stop_loss"})
# Prices of a trade that are compared with its entry.
WITH_ENTRY = ("current_price", "be_price", "be_exit_price", "stop_exit_price", "highest_high", "lowest_low")


@dataclass(frozen=True, slots=True)
class Venue:
    """Where a source's signals happen: the zone of local dates, its market, bars of its chart, sessions of its day."""

    zone: str
    market: Market
    frame: Timeframe
    sessions: Sessions

    @classmethod
    def of(cls, source: Source) -> "Venue":
        hours = market(source.calendar)
        sessions = sessions_of(source.sessions, source.market_zone)
        return cls(source.market_zone, hours, Timeframe.of(source.bar_minutes, hours), sessions)

    def frame_of(self, signal: AutomatedSignal) -> Timeframe:
        """The bars that the signal's own is one of; unknown where its bar can be none of the source's."""
        return self.frame.holding(signal.signal_time)


def settle(signal: AutomatedSignal, venue: Venue) -> None:
    """Derive status, times, session and trust of a signal from its registers, in memory."""
    relate(signal, venue)
    settle_trust(signal)


def settle_after(signal: AutomatedSignal, venue: Venue, fields: Set[str]) -> None:
    """Settle a signal that was so before, and of whose registers events have changed only those of these fields."""
    if fields <= MEASURED:
        relate_measured(signal, venue)
    else:
        relate(signal, venue)
    settle_trust(signal)


def relate_after(signal: AutomatedSignal, venue: Venue, fields: Set[str]) -> None:
    """Relate the registers of a signal that was so before, and of which only these fields have changed since."""
    if not fields <= RELATED_TO_NOTHING:
        relate(signal, venue)
    elif not fields.isdisjoint(PRICES):
        signal.price_far = is_price_far(signal)


def relate(signal: AutomatedSignal, venue: Venue) -> None:
    """Derive all that relates several registers: everything but the signal's trust."""
    settle_signal_time(signal, venue)
    signal.before_its_bar = is_before_its_bar(signal)
    if signal.before_its_bar and signal.triangle_time is None:
        forget(signal, *SIGNAL_TIME_FIELDS)  # in none of its clocks can the bar be this one
    settle_session(signal, venue)
    settle_confirmation(signal, venue)
    signal.htf_as_of = told_bar(signal, venue)
    relate_measured(signal, venue)


def relate_measured(signal: AutomatedSignal, venue: Venue) -> None:
    """Derive what measurements can change, and `relate` after all that they cannot."""
    signal.price_far = is_price_far(signal)
    settle_protection(signal, venue)
    settle_status(signal, venue)
    signal.mfe_as_of = covered_bar(signal, ("be_mfe", "no_be_mfe"), venue)
    signal.mae_as_of = covered_bar(signal, ("mae",), venue) if signal.mae is not None else None


def named_bar(signal: AutomatedSignal) -> datetime | None:
    """Open of the bar that the trade id names, read in the signal's clock zone; None for an id without a time."""
    trade_id = TradeId.parse(signal.trade_id)
    if trade_id is None or not signal.clock_zone:
        return None
    return instant(trade_id.naive, signal.clock_zone, near=signal.first_event_at)


def settle_signal_time(signal: AutomatedSignal, venue: Venue) -> None:
    """The signal's bar: as an epoch in the payload, else as the id names it once an event has vouched for it.

    The naive time in a payload repeats the id; it is used itself only where the id holds no time.
    """
    provenance = signal.provenance
    if signal.triangle_time is not None:
        moment, entry = signal.triangle_time, dict(provenance["triangle_time"])
        rule = "the triangle's epoch time"
    elif signal.stated_time is not None:
        entry, rule = dict(provenance["stated_time"]), f"the trade id in {signal.clock_zone}"
        named = named_bar(signal)
        if named is None:
            rule = f"the stated time in {signal.clock_zone or venue.zone}"
            stated = datetime.fromisoformat(signal.stated_time)
            named = instant(stated, signal.clock_zone or venue.zone, near=signal.first_event_at)
        moment = named
    elif "fill" in provenance.get("signal_time", {}).get("evidence", {}):
        moment, entry, rule = signal.signal_time, provenance["signal_time"], ""
    else:
        forget(signal, *SIGNAL_TIME_FIELDS)
        return
    if rule:
        entry["evidence"] = {**entry["evidence"], "rule": rule}
    assert moment is not None
    there = local(moment, venue.zone)
    signal.signal_time, signal.signal_date = moment, there.date()
    signal.signal_time_str = there.strftime("%H:%M:%S")
    for field in SIGNAL_TIME_FIELDS:
        provenance[field] = entry


def is_before_its_bar(signal: AutomatedSignal) -> bool:
    """Whether an event fired before the signal's bar, as told or else as its id names it, had even opened."""
    first = signal.first_event_at
    bar = signal.signal_time or named_bar(signal) if first else None
    return bar is not None and first < bar


def is_price_far(signal: AutomatedSignal) -> bool:
    """Whether a price that its events tell cannot be of the symbol that its entry is of."""
    entry, stop = told_price(signal, "entry_price"), told_price(signal, "stop_loss")
    if entry is None:
        return False
    if stop is not None and is_stop_far(entry, stop):
        return True
    risk = abs(entry - stop) if stop is not None else Decimal(0)
    start = signal.entry_fired_at or signal.confirmation_time or signal.signal_time or signal.first_event_at
    for name in WITH_ENTRY:
        price = told_price(signal, name)
        if price is None or abs(price - entry) <= MULTIPLES * risk:
            continue
        moment = datetime.fromisoformat(signal.provenance[name]["at"])
        if apart(Seen(float(price), moment), Seen(float(entry), start), float(risk)) > 1:
            return True
    return False


def told_price(signal: AutomatedSignal, name: str) -> Decimal | None:
    """A price that an event tells, and no tier."""
    entry = signal.provenance.get(name)
    return None if entry is None or "fill" in entry["evidence"] else getattr(signal, name)


def forget(signal: AutomatedSignal, *fields: str) -> None:
    for field in fields:
        setattr(signal, field, None)
        signal.provenance.pop(field, None)


def settle_session(signal: AutomatedSignal, venue: Venue) -> None:
    """The session of the signal's bar. Labels lie (some lag the clock by hours): the computed one is stored."""
    held = signal.provenance.get("session")
    if signal.session_label is None:
        if held and "fill" not in held["evidence"]:
            forget(signal, "session")
        return
    entry = dict(signal.provenance["session_label"])
    if signal.signal_time is not None:
        session = venue.sessions.of(signal.signal_time)
        if session != signal.session_label:
            rule = f"{signal.session_label} as sent is wrong for the signal's bar"
            entry["evidence"] = {**entry["evidence"], "rule": rule}
    elif signal.session_label in venue.sessions.names:
        session = signal.session_label
    else:
        forget(signal, "session")
        return
    signal.session = session
    signal.provenance["session"] = entry


def entry_bar(fired: datetime, start: datetime | None, venue: Venue) -> datetime | None:
    """Open of the bar of an ENTRY that fired then, whose signal's bar opened at `start`.

    None where bars, or the market's hours, are not known well enough. The last bar before a halt reports when trading
    resumes: a closed minute means that bar.
    """
    frame = venue.frame.holding(start)
    bar = fired_about(fired, frame)
    if bar is None or not (frame.by_minute and frame.market.known):
        return bar
    traded = venue.market.last_open(bar)
    return bar if start is not None and traded < start else traded


def fired_about(fired: datetime, frame: Timeframe) -> datetime | None:
    """The bar that an alert of then is about; None where bars, or the market's hours, are not known well enough."""
    bar = frame.bar_of(fired) if frame.known else None
    return bar if bar and frame.surely(bar, fired) else None


def settle_confirmation(signal: AutomatedSignal, venue: Venue) -> None:
    """Confirmation time and bars, from ENTRY's and SIGNAL_CREATED's bars, when both events are there.

    Confirmation is the open of ENTRY's bar; the bars to it are those of open market since the signal's bar (never
    since SIGNAL_CREATED's fire time, which can be late or a repetition). With one of the two events lost this is for
    the tiers. A payload that states the values itself is believed before the relation.
    """
    if signal.entry_fired_at is None or signal.created_fired_at is None:
        return
    confirmed, bars = entry_bar(signal.entry_fired_at, signal.signal_time, venue), None
    if confirmed and signal.signal_time is not None and signal.signal_time <= confirmed:
        bars = venue.frame_of(signal).count(signal.signal_time, confirmed)
    derived: dict[str, Any] = {"confirmation_time": confirmed, "bars_to_confirmation": bars}
    entry_event = signal.provenance["entry_fired_at"]["evidence"]
    created_event = signal.provenance["created_fired_at"]["evidence"]
    source, tier = EVENT_PROVENANCE[Rank.CARRIED]
    for field, value in derived.items():
        held = signal.provenance.get(field)
        if held and "rule" not in held["evidence"] and TIER_RANK[held["tier"]] > Rank.DERIVED:
            continue
        if value is None:
            if held and "rule" in held["evidence"]:
                forget(signal, field)
            continue
        setattr(signal, field, value)
        signal.provenance[field] = {
            "source": source.value,
            "tier": tier,
            "confidence": 1.0,
            "evidence": {
                "event": entry_event["event"],
                "type": entry_event["type"],
                "with": created_event["event"],
                "rule": "from the signal's bar to ENTRY's bar",
            },
            "at": iso(signal.entry_fired_at),
        }


def settle_protection(signal: AutomatedSignal, venue: Venue) -> None:
    """When +1 R was reached, where BE_TRIGGERED was lost and what is around it leaves no other bar.

    Whoever is shown to have reached it reached it then or before. It was then if it had not in the bar before: as an
    update of that bar says, or because that bar is ENTRY's. Else it is for the tiers.
    """
    held = signal.provenance.get("be_triggered_at")
    derived = held is not None and "rule" in held["evidence"]
    if held and not derived and TIER_RANK[held["tier"]] > Rank.DERIVED:
        return
    if not is_first_shown(signal, venue):
        if derived:
            forget(signal, "be_triggered_at")
        return
    entry = dict(signal.provenance["seen_protected_at"])
    entry["evidence"] = {**entry["evidence"], "rule": "the bar before had not reached +1 R"}
    signal.be_triggered_at, signal.provenance["be_triggered_at"] = signal.seen_protected_at, entry


def is_first_shown(signal: AutomatedSignal, venue: Venue) -> bool:
    """Whether the first event that shows +1 R reached is of the very next bar after the last that had not."""
    seen = signal.seen_protected_at
    before = max(filter(None, (signal.entry_fired_at, signal.unprotected_at)), default=None)
    if seen is None or before is None or before >= seen:
        return False
    frame = venue.frame_of(signal)
    if frame.by_minute and seen - before == MINUTE:
        return True  # the usual case, and quick to see
    shown, last = fired_about(seen, frame), fired_about(before, frame)
    return shown is not None and last is not None and frame.before(shown) == last


def settle_status(signal: AutomatedSignal, venue: Venue) -> None:
    """Status, with the provenance of the register that proves it."""
    status, proof = status_of(signal)
    signal.status = status
    entry = signal.provenance.get(proof) if proof else None
    if entry is None:
        signal.provenance.pop("status", None)
    else:
        signal.provenance["status"] = entry
    cancelled = signal.cancelled_at if status == Status.CANCELLED else None
    frame = venue.frame_of(signal)
    signal.cancellation_time = frame.bar_of(cancelled) if cancelled and frame.known else None


def settle_trust(signal: AutomatedSignal) -> None:
    """Source and confidence of the least trusted value; the reason names the fills that stand in the signal."""
    entries = {id(entry): entry for entry in signal.provenance.values()}  # most fields share theirs
    least = min(entries.values(), key=trust_of, default=None)
    signal.data_source = least["source"] if least else DataSource.REALTIME.value
    signal.confidence_score = Decimal(str(least["confidence"])) if least else Decimal(1)
    filled: dict[str, list[str]] = {}
    fills = {key for key, entry in entries.items() if "fill" in entry["evidence"]}
    for field, entry in signal.provenance.items() if fills else ():
        if id(entry) in fills and field not in FOLLOWING:
            filled.setdefault(str(entry["tier"]), []).append(field)
    reason = "; ".join(f"tier {tier}: {', '.join(sorted(fields))}" for tier, fields in sorted(filled.items()))
    signal.reconciliation_reason = reason[:200]


def trust_of(entry: Mapping[str, Any]) -> tuple[int, float, str]:
    return TIER_RANK[entry["tier"]], entry["confidence"], entry["source"]


def protected(signal: AutomatedSignal) -> bool:
    """Whether the first leg's stop had moved to break-even (at +1 R)."""
    told = signal.be_triggered_at or signal.seen_protected_at
    return told is not None or (signal.be_mfe_peak is not None and signal.be_mfe_peak >= 1)


def completed_by(signal: AutomatedSignal) -> str | None:
    """The field that proves the trade over, or None while it runs.

    EXIT_BREAK_EVEN ends the trade only on a leg that was never protected, or where the indicator follows one leg.
    """
    if signal.stop_exit_at:
        return "stop_exit_at"
    if signal.seen_completed_at:
        return "seen_completed_at"
    if signal.be_exit_at and (signal.single_leg or not protected(signal)):
        return "be_exit_at"
    return None


def status_of(signal: AutomatedSignal) -> tuple[Status, str | None]:
    """The furthest status that the signal's registers prove, and the field that proves it."""
    if ended := completed_by(signal):
        return Status.COMPLETED, ended
    for field in ("entry_fired_at", "seen_confirmed_at", "be_triggered_at", "seen_protected_at", "be_exit_at"):
        if getattr(signal, field):
            return Status.CONFIRMED, field
    for field in ("cancelled_at", "seen_cancelled_at"):
        if getattr(signal, field):
            return Status.CANCELLED, field
    return Status.PENDING, "created_fired_at" if signal.created_fired_at else None


def is_undecided(signal: AutomatedSignal) -> bool:
    """Whether no event says when it was confirmed or cancelled: it is pending, or a report calls it cancelled."""
    return signal.status == Status.PENDING or (signal.status == Status.CANCELLED and not signal.cancelled_at)


def told_bar(signal: AutomatedSignal, venue: Venue) -> datetime | None:
    """Open of the bar of which an event told the alignment: the event's own, however late; of a report the signal's."""
    entry = signal.provenance.get("htf_alignment")
    if entry is None or "fill" in entry["evidence"]:
        return None
    if entry["evidence"].get("type") in REPORTS:
        return signal.signal_time or named_bar(signal)
    return bar_or_minute(datetime.fromisoformat(entry["at"]), venue.frame_of(signal))


def covered_bar(signal: AutomatedSignal, fields: Iterable[str], venue: Venue) -> datetime | None:
    """Open of the latest bar that these measurements cover; ENTRY's bar (or the first event's) when there is none."""
    moments = [signal.provenance[field]["at"] for field in fields if field in signal.provenance]
    if not moments and signal.status in {Status.PENDING, Status.CANCELLED}:
        return None
    fired = datetime.fromisoformat(max(moments)) if moments else signal.entry_fired_at or signal.first_event_at
    return bar_or_minute(fired, venue.frame_of(signal))


def bar_or_minute(fired: datetime, frame: Timeframe) -> datetime:
    """The bar of an alert that fired then; where bars are not known, its last minute."""
    return frame.bar_of(fired) if frame.known else fired - MINUTE
