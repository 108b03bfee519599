"""Keeping what a feed answered: bars judged as those of files, compared with what was heard, stored; and the window.

The one writer of windows and uses. One transaction an answer, and no request within it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from signals.bars.importing import ImportedBars, judged_of, store
from signals.bars.judging import ALONE, ENOUGH, Judged
from signals.bars.reading import FileBar, evidence_of
from signals.market import Market
from signals.models import FeedUse, FeedWindow, PriceBar

from .agreement import compare, disagrees, told_prices
from .base import About, FeedBar
from .errors import FeedError, OutOfTimeError, UnknownSymbolError
from .windows import Asking, Span, again, complete_to
from .withdrawing import DISAGREES, stop

OTHER_CLOSE = "another close than the indicator told"
AROUND = timedelta(hours=1)  # of stored bars on both sides that an answer's are judged by
UNKNOWN = timedelta(hours=1)  # before a symbol that the feed does not know is asked for again
Answer = FeedWindow.Answer


@dataclass(frozen=True, slots=True)
class Asked:
    """What asking gave: bars in order, how far the pages went, and why they ended early (None: they did not)."""

    bars: Sequence[FeedBar]
    told: datetime
    error: FeedError | None = None


def keep(
    use: FeedUse, asking: Asking, asked: Asked, about: About, *, hours: Market, tick: Decimal, now: datetime
) -> int:
    """Keep an answer, also that there was none. Returns how many bars were stored.

    What the feed may still fill in is left to a later turn, and so is a jump at the very end, which only bars after it
    can confirm.
    """
    span = asking.span
    upto = complete_to(span, asked.told, asked.bars[-1].time if asked.bars else None, about, now)
    judged = judged_all(use.symbol, asked.bars, span, hours)
    if span.end > now - about.settled_after:
        upto = min(upto, undecided_from(judged) or upto)
    judged = [each for each in judged if each.bar.time < upto]
    with transaction.atomic():
        judged = checked(use, judged, span, tick)
        done = ImportedBars()
        store(judged, done, dry_run=False, origin=PriceBar.Origin.FEED)
        note_use(use, asked, judged, now)
        note_window(window_of(use, asking), asked, done, upto=upto, now=now)
        if use.stopped_at is None and disagrees(use.compared, use.differing):
            stop(use, now)
    return done.stored


def judged_all(symbol: str, bars: Sequence[FeedBar], span: Span, hours: Market) -> list[Judged]:
    """In order of time. Stored bars around them are what they go on from, and to: an answer can be short."""
    whole = PriceBar.objects.filter(symbol=symbol, kind=PriceBar.Kind.BAR)
    before = whole.filter(time__gte=span.start - AROUND, time__lt=span.start)
    after = whole.filter(time__gte=span.end, time__lt=span.end + AROUND)
    prices_of = ("time", "open", "high", "low", "close")
    there: list[Any] = [*before.order_by("time").values_list(*prices_of), *bars]
    there += after.order_by("time").values_list(*prices_of)
    rows = (file_bar(symbol, FeedBar(*bar)) for bar in there)
    judged = (each for each in judged_of(rows, hours) if isinstance(each, Judged))
    return sorted((each for each in judged if span.start <= each.bar.time < span.end), key=lambda each: each.bar.time)


def file_bar(symbol: str, bar: FeedBar) -> FileBar:
    return FileBar(symbol, *bar, evidence=evidence_of(bar.time, bar[1:]))


def undecided_from(judged: Sequence[Judged]) -> datetime | None:
    """The first jump so near the end that too few bars after it could confirm it."""
    return next((each.bar.time for each in judged[-ENOUGH:] if each.reason == ALONE), None)


def checked(use: FeedUse, judged: Sequence[Judged], span: Span, tick: Decimal) -> list[Judged]:
    """Compare what is believed with what the indicator told: refuse what it contradicts, and all when that is much."""
    believed = [FeedBar(*each.bar[1:6]) for each in judged if not each.reason]
    found = compare(believed, told_prices(use.symbol, span), tick)
    use.compared += found.compared
    use.differing += len(found.apart)
    stopped = use.stopped_at is not None or disagrees(use.compared, use.differing)

    def reason_of(each: Judged) -> str:
        if each.reason:
            return each.reason
        return DISAGREES if stopped else OTHER_CLOSE if each.bar.time in found.apart else ""

    return [each._replace(reason=reason_of(each)) for each in judged]


def window_of(use: FeedUse, asking: Asking) -> FeedWindow:
    """The window that was asked, stored or new."""
    if asking.known:
        return FeedWindow.objects.get(pk=asking.known.key)
    return FeedWindow(use=use, start=asking.span.start, end=asking.span.end, tries=0)


def note_window(window: FeedWindow, asked: Asked, done: ImportedBars, *, upto: datetime, now: datetime) -> None:
    window.upto, window.asked_at = max(upto, window.start), now
    window.bars += done.rows
    window.refused += done.refused
    error = asked.error
    failed = error is not None and not isinstance(error, OutOfTimeError)
    # That there is nothing says only an answer that came to its end.
    broken = failed or (error is not None and not window.bars)
    window.answer = Answer.FAILED if broken else Answer.BARS if window.bars else Answer.NOTHING
    window.error = str(error)[:200] if broken else ""
    paused: datetime | None = now
    if error is None or not error.whole:  # what is wrong with all of the feed has a back-off of its own
        window.tries += 1
        paused = again(window.tries, now)
    window.again_at = paused if window.upto < window.end else None
    window.save()


def note_use(use: FeedUse, asked: Asked, judged: Sequence[Judged], now: datetime) -> None:
    if judged:
        use.last_bar = max(filter(None, (use.last_bar, judged[-1].bar.time)))
    if asked.error is None:
        use.error, use.error_at, use.next_at = "", None, None
    elif not asked.error.whole:
        use.error, use.error_at = str(asked.error)[:200], now
        use.next_at = now + UNKNOWN if isinstance(asked.error, UnknownSymbolError) else None
    use.save()
