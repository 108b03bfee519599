"""Findings: values that are there but cannot be right. Never gaps, and no part of health.

Each is declared once, as a queryset condition and as the same condition over a loaded signal;
tests/reconciliation/tiers/test_findings.py proves on generated rows that both agree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db.models import F, Q

from signals.models import AutomatedSignal
from signals.vocabulary import Direction, Origin, Session


@dataclass(frozen=True)
class Finding:
    """`corrected` says that what is shown is already put right by a certain rule; else a person must judge.

    `advice` is what that person can do. Nothing is filled from the fields that it `contradicts`.
    """

    name: str
    title: str
    q: Q
    holds: Callable[[AutomatedSignal], bool]
    advice: str
    corrected: bool = False
    contradicts: frozenset[str] = frozenset()


def negative_mfe(signal: AutomatedSignal) -> bool:
    return any(mfe is not None and mfe < 0 for mfe in (signal.be_mfe, signal.no_be_mfe))


def mae_above_zero(signal: AutomatedSignal) -> bool:
    return signal.mae is not None and signal.mae > 0


def legs_crossed(signal: AutomatedSignal) -> bool:
    return signal.be_mfe is not None and signal.no_be_mfe is not None and signal.be_mfe > signal.no_be_mfe


def mfe_falling(signal: AutomatedSignal) -> bool:
    legs = ((signal.be_mfe, signal.be_mfe_peak), (signal.no_be_mfe, signal.no_be_mfe_peak))
    return any(mfe is not None and peak is not None and peak > mfe for mfe, peak in legs)


def entry_is_stop(signal: AutomatedSignal) -> bool:
    return signal.entry_price is not None and signal.entry_price == signal.stop_loss


def stop_on_wrong_side(signal: AutomatedSignal) -> bool:
    entry, stop = signal.entry_price, signal.stop_loss
    if entry is None or stop is None:
        return False
    return stop > entry if signal.direction == Direction.BULLISH else signal.direction is not None and stop < entry


def exit_without_entry(signal: AutomatedSignal) -> bool:
    ended = not (signal.be_exit_at is None and signal.stop_exit_at is None)
    # Of a signal that replay found no ENTRY was to come: nothing of it was heard.
    return signal.origin == Origin.ALERTS and signal.entry_fired_at is None and ended


def htf_conflict(signal: AutomatedSignal) -> bool:
    return signal.htf_conflict is True


def wrong_session(signal: AutomatedSignal) -> bool:
    known = signal.session_label in Session.values and signal.session is not None
    return known and signal.session_label != signal.session


def unknown_session(signal: AutomatedSignal) -> bool:
    label = signal.session_label
    return label is not None and label not in Session.values and label != signal.session


def events_before_bar(signal: AutomatedSignal) -> bool:
    return signal.before_its_bar


def entries_differ(signal: AutomatedSignal) -> bool:
    return signal.entries_differ


def price_far(signal: AutomatedSignal) -> bool:
    return signal.price_far


def bars_far(signal: AutomatedSignal) -> bool:
    return signal.bars_far


def repainted(signal: AutomatedSignal) -> bool:
    return signal.repainted is not None


def frozen(signal: AutomatedSignal) -> bool:
    return signal.flips is not None and "frozen" in signal.flips


def symbol_unclear(signal: AutomatedSignal) -> bool:
    return signal.symbol_unclear


def direction_against_id(signal: AutomatedSignal) -> bool:
    other = OPPOSITE.get(signal.direction or "")
    return other is not None and signal.trade_id.upper().endswith(f"_{other.upper()}")


OPPOSITE = {Direction.BULLISH.value: Direction.BEARISH.value, Direction.BEARISH.value: Direction.BULLISH.value}
LOOK = "Compare with the chart. If the alert was edited or recreated in this trade, the log before it is the truer one."

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "negative_mfe",
        "Negative MFE",
        Q(be_mfe__lt=0) | Q(no_be_mfe__lt=0),
        negative_mfe,
        "The indicator reports it when the first bar after ENTRY stays behind the entry: read it as 0.",
    ),
    Finding("mae_above_zero", "MAE above 0", Q(mae__gt=0), mae_above_zero, LOOK),
    Finding("legs_crossed", "Break-even MFE above the other", Q(be_mfe__gt=F("no_be_mfe")), legs_crossed, LOOK),
    Finding(
        "mfe_falling",
        "MFE fell",
        Q(be_mfe_peak__gt=F("be_mfe")) | Q(no_be_mfe_peak__gt=F("no_be_mfe")),
        mfe_falling,
        f"An MFE cannot fall; the highest report is kept beside it. {LOOK}",
    ),
    Finding(
        "entry_is_stop",
        "Entry equals stop",
        Q(entry_price=F("stop_loss")),
        entry_is_stop,
        "Without risk there are no multiples of R: correct the ENTRY's delivery, or dismiss the signal's gaps.",
    ),
    Finding(
        "stop_on_wrong_side",
        "Stop on the wrong side",
        Q(direction=Direction.BULLISH, stop_loss__gt=F("entry_price"))
        | Q(direction=Direction.BEARISH, stop_loss__lt=F("entry_price")),
        stop_on_wrong_side,
        "Direction or stop is wrong, so nothing is calculated from them. See which events state them.",
    ),
    Finding(
        "exit_without_entry",
        "Exit without ENTRY",
        Q(origin=Origin.ALERTS, entry_fired_at__isnull=True)
        & (Q(be_exit_at__isnull=False) | Q(stop_exit_at__isnull=False)),
        exit_without_entry,
        "The ENTRY was lost, or fired before this source was set up: import the alert log of that time.",
    ),
    Finding(
        "htf_conflict",
        "Higher timeframes all bullish and all bearish",
        Q(htf_conflict=True),
        htf_conflict,
        "Trust the timeframes one by one; the two summary flags contradict each other.",
    ),
    Finding(
        "wrong_session",
        "Wrong session",
        Q(session_label__in=Session.values, session__isnull=False) & ~Q(session_label=F("session")),
        wrong_session,
        "Nothing to do: the session computed from the signal's bar is stored. Older indicators lag by an hour or two.",
        corrected=True,
    ),
    Finding(
        "unknown_session",
        "Unknown session",
        Q(session_label__isnull=False)
        & ~Q(session_label__in=Session.values)
        & (Q(session__isnull=True) | ~Q(session_label=F("session"))),
        unknown_session,
        "The label is kept, the session comes from the signal's bar. If the indicator has a new session, add it to the "
        "source's.",
    ),
    Finding(
        "events_before_bar",
        "Events before its bar",
        Q(before_its_bar=True),
        events_before_bar,
        "No event can fire before the bar that it is about has opened: the source's clock zones are incomplete, or the "
        "id is of another time. No time is filled from this bar until they agree.",
        contradicts=frozenset({"signal_time"}),
    ),
    Finding(
        "entries_differ",
        "ENTRY contradicts ENTRY",
        Q(entries_differ=True),
        entries_differ,
        "Two ENTRYs state different prices: the alert was edited in this trade, or its id was used for another one "
        "before it had ended. The earlier ENTRY stands, and nothing is calculated from its prices.",
        contradicts=frozenset({"entry_price", "stop_loss", "targets"}),
    ),
    Finding(
        "price_far",
        "A price far from its entry",
        Q(price_far=True),
        price_far,
        "Its alerts tell prices that cannot be of one symbol at that time: another chart uses the same id, or an alert "
        "fills in the wrong value. See which events state them; nothing is calculated from its prices until then.",
        contradicts=frozenset({"entry_price", "stop_loss", "targets"}),
    ),
    Finding(
        "bars_far",
        "Prices of its symbol far from its own",
        Q(bars_far=True),
        bars_far,
        "Prices told as its symbol's are far from this trade's own at that time: a source is set to the wrong symbol. "
        "They were refused, and nothing was filled from them. Give each source the symbol of its chart.",
    ),
    Finding(
        "repainted",
        "Repainted",
        Q(repainted__isnull=False),
        repainted,
        "What the indicator or its bars say afterwards is not what fired. What fired could be traded: it stands, and "
        "nothing is put right. A backtest of this indicator may count trades that nobody was told of in time.",
    ),
    Finding(
        "frozen",
        "A filled value kept changing",
        Q(flips__has_key="frozen"),
        frozen,
        "It changed five times though nothing new was known of this signal. Whatever stood then, a value or a gap, is "
        "left until something is. The audit log has what stood by turns; undo a fill that is wrong, or dismiss the "
        "gap.",
    ),
    Finding(
        "symbol_unclear",
        "Symbol unclear",
        Q(symbol_unclear=True),
        symbol_unclear,
        "Other alerts with this id are of several symbols, and these name none. Put {{ticker}} into every message as "
        '"symbol", import the alert log, or give the source its symbol.',
    ),
    Finding(
        "direction_against_id",
        "Direction against its id",
        Q(trade_id__iendswith="_BEARISH", direction=Direction.BULLISH)
        | Q(trade_id__iendswith="_BULLISH", direction=Direction.BEARISH),
        direction_against_id,
        "The id names the other direction. Compare with the chart; nothing is filled from the direction until then.",
        contradicts=frozenset({"direction"}),
    ),
)


NOTHING = frozenset[str]()
CONTRADICTING = tuple(each for each in FINDINGS if each.contradicts)


def q_contradicted(*fields: str) -> Q:
    """The signals of which one of these fields is contradicted."""
    return reduce(or_, (each.q for each in FINDINGS if not each.contradicts.isdisjoint(fields)))


def contradicted(signal: AutomatedSignal) -> frozenset[str]:
    """The fields of the signal that something known of it contradicts: nothing may be filled from them."""
    found = [each.contradicts for each in CONTRADICTING if each.holds(signal)]
    return frozenset[str]().union(*found) if found else NOTHING
