"""Which part of a signal's life its chart shows: the whole, or a window that an address names. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from signals.formats import iso
from signals.market import Market

Span = tuple[datetime, datetime]
LEAST = 10  # minutes of open market


@dataclass(frozen=True, slots=True)
class Move:
    """A link that shows another part. Empty `query`: the whole."""

    says: str
    query: str
    key: str


def window(given_from: str, given_to: str, whole: Span) -> Span | None:
    """The part of the whole that an address names; None for none, or for what is no part of it."""
    try:
        start, end = (datetime.fromisoformat(text) for text in (given_from, given_to))
        start, end = start.astimezone(UTC), end.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    start, end = max(start, whole[0]), min(end, whole[1])
    return (start, end) if end - start >= timedelta(minutes=1) else None


def moves(shown: Span, whole: Span, hours: Market, middle: datetime | None = None) -> list[Move]:
    """What can be shown next: closer around `middle` (else the middle of what is shown), wider, earlier, later, all.

    Lengths are minutes of open market.
    """
    start, end = shown
    minutes, before, after = (hours.open_minutes(*pair) for pair in ((start, end), (whole[0], start), (end, whole[1])))
    total = before + minutes + after

    def part(first: int, length: int) -> str:
        length = min(length, total)
        first = max(0, min(first, total - length))
        opened = hours.add_open_minutes(whole[0], first)
        return urlencode({"from": iso(opened), "to": iso(hours.add_open_minutes(opened, length))})

    found = []
    if minutes > LEAST:
        length = max(LEAST, minutes // 2)
        centre = hours.open_minutes(start, middle) if middle else minutes // 2
        first = min(max(centre - length // 2, 0), minutes - length)
        found.append(Move("Closer", part(before + first, length), "+"))
    if before or after:
        if minutes * 2 < total:
            found.append(Move("Wider", part(before - minutes // 2, minutes * 2), "-"))
        if before:
            found.append(Move("Earlier", part(before - max(1, minutes // 2), minutes), ","))
        if after:
            found.append(Move("Later", part(before + max(1, minutes // 2), minutes), "."))
        found.append(Move("Whole life", "", "0"))
    return found
