"""The caller: asks one feed for what is needed, within a deadline, paced across turns, and backs off when it fails.

Never call it in a transaction: it waits for a network.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from signals.market import Market
from signals.models import FeedState, FeedUse, FeedWindow

from .base import Feed, FeedBar
from .errors import DeniedError, FeedError, OutOfTimeError, UnknownSymbolError, UnreachableError
from .keeping import Asked, keep
from .line import Line
from .registry import feeds, key_of, rate_of
from .windows import Known, Span, to_ask

log = logging.getLogger(__name__)
TERM = timedelta(minutes=3)  # after which a turn that did not end is dead
FIRST_PAUSE, LAST_PAUSE = timedelta(minutes=2), timedelta(hours=2)
DENIED = timedelta(hours=1)  # a person must mend it: the sooner it is seen that one did, the better


@dataclass(frozen=True, slots=True)
class Need:
    """Of one symbol: the times of which bars are needed, and what they are judged by. `tick` in points."""

    use: FeedUse
    holes: Sequence[Span]
    hours: Market
    tick: Decimal


@dataclass(slots=True)
class Turn:
    """What a turn did. `error` is why the feed could not be asked (any more)."""

    windows: int = 0
    bars: int = 0
    requests: int = 0
    error: str = ""


def take_turn(
    name: str, needs: Sequence[Need], *, now: datetime, seconds: float, line: Callable[..., Line] = Line
) -> Turn | None:
    """Ask a feed for what is needed and was not asked before, the latest first. None when it is not its turn.

    Nothing more is begun after `seconds`, and what is under way ends then.
    Any number may be called at once: one gets the turn.
    """
    feed = feeds()[name]
    asked_for = [need for need in needs if need.use.next_at is None or need.use.next_at <= now]
    dues = [(need, to_ask(need.holes, known_of(need.use), feed.about, now)) for need in asked_for]
    if not any(asks for _, asks in dues):
        return None
    state = claim(name, now)
    if state is None:
        return None
    about, turn = feed.about, Turn()
    since = (now - state.asked_at).total_seconds() if state.asked_at else 60.0
    open_line = line(key=key_of(about), per_minute=rate_of(about), seconds=seconds, since=max(since, 0.0))
    error: FeedError | None = None
    try:
        for need, asks in dues:
            for asking in asks:
                asked = ask(feed(open_line), need.use.feed_symbol, asking.span)
                error = asked.error
                if isinstance(error, OutOfTimeError) and not asked.bars:
                    break
                turn.windows += 1
                turn.bars += keep(need.use, asking, asked, about, hours=need.hours, tick=need.tick, now=now)
                if need.use.stopped_at or isinstance(error, UnknownSymbolError) or (error and error.whole):
                    break
            if error is not None and error.whole:
                break
    finally:
        turn.requests = open_line.requests
        release(state, open_line, error, now)
    turn.error = str(error) if error is not None and not isinstance(error, OutOfTimeError) else ""
    return turn


def known_of(use: FeedUse) -> list[Known]:
    rows = FeedWindow.objects.filter(use=use).values_list("pk", "start", "end", "upto", "again_at")
    return [Known(*row) for row in rows]


def ask(feed: Feed, symbol: str, span: Span) -> Asked:
    """All pages of an answer, or those before it broke off. Raises nothing that a feed could cause."""
    bars: dict[datetime, FeedBar] = {}
    told = span.start
    try:
        if fault := feed.fault(symbol):
            raise UnknownSymbolError(f"has {fault}")
        for page in feed.bars(symbol, span.start, span.end):
            bars |= {bar.time: bar for bar in page.bars if span.start <= bar.time < span.end}
            told = max(told, min(page.upto, span.end))
    except FeedError as error:
        return Asked(sorted(bars.values()), told, error)
    except Exception as error:
        log.exception("the feed %s failed", feed.about.name)
        return Asked(sorted(bars.values()), told, UnreachableError(f"its adapter failed ({type(error).__name__})"))
    return Asked(sorted(bars.values()), told)


def claim(name: str, now: datetime) -> FeedState | None:
    """Take the feed's turn by compare-and-swap; None when another has it, or while the feed is left alone."""
    FeedState.objects.get_or_create(pk=name, defaults={"busy_until": now, "next_at": now})
    mine = FeedState.objects.filter(pk=name, busy_until__lte=now, next_at__lte=now).update(busy_until=now + TERM)
    return FeedState.objects.get(pk=name) if mine else None


def release(state: FeedState, line: Line, error: FeedError | None, now: datetime) -> None:
    """Note how the feed is, and when it may be asked next."""
    if line.requests:
        state.asked_at = now + timedelta(seconds=line.last - line.until + line.seconds)
    today = now.date()
    state.requests = line.requests + (state.requests if state.day == today else 0)
    state.day, state.requests_left = today, line.left
    if error is None or not error.whole or isinstance(error, OutOfTimeError):
        state.failures, state.error, state.error_at, state.next_at = 0, "", None, now
        if line.requests:
            state.answered_at = now
    else:
        state.failures += 1
        state.error, state.error_at = str(error)[:200], now
        state.next_at = now + (error.after or pause_after(error, state.failures))
    state.busy_until = now
    state.save()


def pause_after(error: FeedError, failures: int) -> timedelta:
    return DENIED if isinstance(error, DeniedError) else min(FIRST_PAUSE * (1 << min(failures, 8) - 1), LAST_PAUSE)
