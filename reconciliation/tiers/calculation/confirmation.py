"""Tier 2, confirmation of a trade whose ENTRY was lost: the entry price is the close of ENTRY's bar."""

from collections.abc import Iterator

from reconciliation.tiers.base import misses, propose
from reconciliation.tiers.proposals import Case, Proposal
from signals.clock import MINUTE
from signals.formats import canonical, iso
from signals.tiers import CALCULATION

MOST_BARS = 18  # between a signal's bar and ENTRY's, as far as was ever seen


def from_closes(case: Case, gaps: frozenset[str]) -> Iterator[Proposal]:
    """The first bar after the signal's that closed at the entry price, if the close of every bar until it is known.

    An unknown close before it could be ENTRY's own, so the search ends there. No update is about a bar before the one
    after ENTRY's, which bounds the search from the other side.
    """
    signal, gap, frame = case.signal, "no_confirmation_time", case.frame
    if gap not in gaps or not misses(signal, "confirmation_time") or signal.single_leg:
        return
    if signal.signal_time is None or signal.entry_price is None or signal.seen_confirmed_at is None:
        return
    if case.doubts("signal_time", "entry_price") or not frame.known:
        return
    closes = {bar.time: bar.close for bar in case.bars}
    bar, last = signal.signal_time, frame.around(frame.bar_of(signal.seen_confirmed_at) - MINUTE)
    for count in range(1, MOST_BARS + 1):
        bar = frame.after(bar)
        close = closes.get(frame.last_minute(bar))
        if bar > last or close is None:
            return
        if close == signal.entry_price:
            evidence = {"bar": f"{case.bars[0].symbol} {iso(bar)}", "close": canonical(signal.entry_price)}
            yield propose(CALCULATION, "confirmation_time", iso(bar), "close_at_entry", evidence, gap=gap)
            if misses(signal, "bars_to_confirmation"):
                yield propose(CALCULATION, "bars_to_confirmation", count, "close_at_entry", evidence, gap=gap)
            return
