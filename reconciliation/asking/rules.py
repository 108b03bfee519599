"""What is worth asking the indicator about, and when: the rules of tier 1. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

from reconciliation.gaps import CATALOGUE
from reconciliation.models import AskedGap
from signals.tiers import ASKING

ASK_BELOW = Decimal("0.8")  # a gap filled with less confidence is asked about all the same
KNOWN_FOR = timedelta(days=14)  # the indicator knows what the chart has loaded: older signals it cannot tell of
EXPIRES_AFTER = timedelta(hours=24)  # time enough for a person to act
FIRST_PAUSE = timedelta(hours=6)  # before the same gap is asked about again; doubled each time
MAX_TIMES = 4  # then nobody knows the answer
FIRST_RETRY, LAST_RETRY = timedelta(seconds=30), timedelta(hours=1)
MAX_ATTEMPTS = 8


class Need(NamedTuple):
    """An actionable gap that the other tiers left open since then, or closed with this little confidence."""

    signal: int
    gap: str
    since: datetime
    confidence: Decimal | None = None


def worth_asking(need: Need, *, first_event_at: datetime, as_of: datetime, tiers_off: Iterable[str]) -> bool:
    """Whether the indicator may close this gap, and nothing else could, or only with little confidence."""
    return (
        ASKING.key in CATALOGUE[need.gap].tiers
        and ASKING.key not in tiers_off
        and as_of - first_event_at <= KNOWN_FOR
        and (need.confidence is None or need.confidence < ASK_BELOW)
    )


def to_ask(
    needs: Iterable[Need], past: Mapping[str, AskedGap], *, now: datetime, by_hand: bool = False
) -> dict[str, int]:
    """The gaps of one signal to ask about now, and of each how often in a row it then was. `past` has the latest asks.

    Nothing while any of them is open. A gap that has opened anew since is asked about afresh; one that survived an
    answer, or got none, when its back-off is over (by hand, without waiting for that).
    """
    if any(last.ended_at is None for last in past.values()):
        return {}
    asks = {}
    for need in needs:
        last = past.get(need.gap)
        if last is None or last.settled or reopened(need, last):
            asks[need.gap] = 1
        elif last.again_at is not None and (by_hand or last.again_at <= now):
            asks[need.gap] = last.times + 1
    return asks


def reopened(need: Need, last: AskedGap) -> bool:
    """Whether the gap was closed in between. A fill does not prove that: it is made anew with every price bar."""
    return need.confidence is None and last.ended_at is not None and need.since > last.ended_at


def again_at(times: int, ended_at: datetime) -> datetime | None:
    """When a gap that was asked about `times` in a row may be asked about once more; None: never."""
    return ended_at + FIRST_PAUSE * (1 << times - 1) if times < MAX_TIMES else None


def retry_after(request_id: UUID, attempts: int) -> timedelta:
    """How long to wait after the n-th attempt to deliver: doubled each time, and up to a quarter more.

    The quarter is drawn from request and attempt, so that requests that failed together are not retried together.
    """
    draw = blake2b(request_id.bytes + attempts.to_bytes(4, "big"), digest_size=2).digest()
    pause = min(FIRST_RETRY * (1 << attempts - 1), LAST_RETRY)
    return pause * (1 + int.from_bytes(draw, "big") / 65536 / 4)
