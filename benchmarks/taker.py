"""A process that takes alerts in one after the other: `python -m benchmarks.taker COUNT BEGIN` prints JSON.

Of each kind of alert, seconds of the process and of its PostgreSQL backend, and by the clock, for each. BEGIN is the
number of the first trade id.
"""

import json
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice

import django

from benchmarks.alerts import BATCH, Bodies
from benchmarks.sharer import measured

GROUPS = 16  # of signals, which the batches update in turn


def take(bodies: Iterable[bytes]) -> list[float]:
    """Seconds by the clock of each. Raises RuntimeError unless all are accepted."""
    from signals.intake import take_in
    from signals.parcels import Incoming
    from signals.receiving.senders import default_source

    source, times = default_source(), []
    for body in bodies:
        now = datetime.now(UTC)
        start = time.perf_counter()
        taken = take_in(source, [Incoming(body=body, received_at=now)], now=now)
        times.append(time.perf_counter() - start)
        if {outcome.status for outcome in taken.outcomes} != {"accepted"}:
            raise RuntimeError(f"not accepted: {taken.outcomes}")
    return times


def main(count: int, begin: int) -> None:
    bodies = Bodies(datetime.now(UTC), begin)
    groups = [[bodies.trade_id() for _ in range(BATCH)] for _ in range(GROUPS)]
    take(bodies.entry(trade_id) for group in groups for trade_id in group)
    found = {}
    for kind, each in (("ENTRY", bodies.entries()), ("batch", bodies.batches(groups))):
        spent: dict[str, float] = {}
        with measured(spent):
            times = take(islice(each, count))
        found[kind] = {name: seconds / count for name, seconds in spent.items()} | {"times": times}
    print(json.dumps(found))


if __name__ == "__main__":
    django.setup()
    main(*map(int, sys.argv[1:]))
