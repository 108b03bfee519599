"""A process that stores a year of bars, or asks for them: `python -m benchmarks.barkeeper store DAYS BARS`.

Or `ask TIMES`. Prints JSON. For PostgreSQL.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from tempfile import NamedTemporaryFile
from typing import Any

import django

from benchmarks.bars import SYMBOLS

END = datetime(2025, 12, 12, 22, tzinfo=UTC)  # a Friday's close
MINUTE, WEEK = timedelta(minutes=1), timedelta(days=7)
# Bars of open market, near enough: no halt at 17:00 New York, no weekend. Each walks by its own two waves, in ticks.
COPY = """
INSERT INTO signals_pricebar (symbol, time, kind, open, high, low, close, origin, evidence, fresh)
SELECT 'S' || lpad(s::text, 2, '0'), t, 2, p, p + 1.5, p - 1.25, p + 0.25, 1, md5(s || t::text) || ':0', FALSE
FROM generate_series(0, {symbols} - 1) AS s,
     generate_series('{start}'::timestamptz, '{end}'::timestamptz - interval '1 minute', interval '1 minute') AS t,
     LATERAL (SELECT round((20000 + 300 * sin(extract(epoch FROM t) / (70000 + s))
                                  + 20 * sin(extract(epoch FROM t) / (900 + s))) * 4) / 4 AS p) AS priced
WHERE extract(hour FROM t AT TIME ZONE 'UTC') <> 22
  AND NOT (extract(dow FROM t AT TIME ZONE 'UTC') = 6
           OR extract(dow FROM t AT TIME ZONE 'UTC') = 5 AND extract(hour FROM t AT TIME ZONE 'UTC') > 21
           OR extract(dow FROM t AT TIME ZONE 'UTC') = 0 AND extract(hour FROM t AT TIME ZONE 'UTC') < 23)
"""


def store(days: int, file_bars: int) -> dict[str, Any]:
    from django.db import connection

    from signals.models import PriceBar, Source

    for number in range(SYMBOLS):
        Source.objects.create(name=f"s{number:02}", symbol=symbol(number), calendar="CME_Equity", bar_minutes=1)
    began = time.perf_counter()
    imported(file_bars)
    seconds = time.perf_counter() - began
    start = END - timedelta(days=round(days * 7 / 5))
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(COPY.format(symbols=SYMBOLS, start=start.isoformat(), end=END.isoformat()))
    PriceBar.objects.filter(fresh=True).update(fresh=False)
    short, long = trades()
    return {
        "stored": PriceBar.objects.count(), "file_bars": file_bars, "file_seconds": seconds, "short": short,
        "long": long, "old": f"{(start + (END - start) / 2):%Y-%m-%d}",
    }  # fmt: skip


def symbol(number: int) -> str:
    return f"S{number:02}"


def imported(count: int) -> None:
    """Take in a file of random bars, of a symbol of its own."""
    from signals.bars.importing import import_bars
    from signals.market import market

    hours, chance, price = market(), Random(1), 80_000
    with NamedTemporaryFile("w+", suffix=".csv") as file:
        file.write("time,open,high,low,close\n")
        moment = hours.next_open(END - timedelta(days=2 * count // 1380 + 7))
        for _ in range(count):
            start = price
            price += chance.randint(-8, 8)
            high, low = max(start, price) + chance.randint(0, 4), min(start, price) - chance.randint(0, 4)
            file.write(",".join([moment.isoformat(), *(str(each / 4) for each in (start, high, low, price))]) + "\n")
            moment = hours.next_open(moment + MINUTE)
        file.flush()

        def read() -> Iterator[str]:
            with open(file.name) as lines:
                yield from lines

        done = import_bars(read, symbol="FILE", hours=hours)
    if done.stored < 0.99 * count:
        raise RuntimeError(f"only {done.stored} of {count} bars were stored: {done.reasons}")


def trades() -> tuple[int, int]:
    """Keys of a trade that ran for two hours, and of one that has been open for two weeks."""
    from reconciliation.cycle.run import run_sync
    from signals.intake import take_in
    from signals.models import AutomatedSignal, Source
    from signals.parcels import Incoming
    from signals.vocabulary import Channel

    source = Source.objects.get(name="s07")
    for born, ended in ((END - timedelta(hours=5), END - timedelta(hours=3)), (END - timedelta(days=14), None)):
        for body, fired in alerts(born, ended):
            raw = json.dumps(body).encode()
            take_in(source, [Incoming(raw, fired, Channel.LOG, fired_at=fired)], now=END)
            source.refresh_from_db()
    run_sync(now=END, trigger="command")
    keys = AutomatedSignal.objects.order_by("-first_event_at").values_list("pk", flat=True)
    return keys[0], keys[1]


def alerts(born: datetime, ended: datetime | None) -> Iterator[tuple[dict[str, Any], datetime]]:
    there = born - timedelta(hours=5)
    told = {"trade_id": f"{there:%Y%m%d_%H%M}00000_BULLISH", "direction": "Bullish"}
    stated = {**told, "signal_date": f"{there:%Y-%m-%d}", "signal_time": f"{there:%H:%M:%S}"}
    yield {"event_type": "SIGNAL_CREATED", **stated}, born + MINUTE
    yield {"event_type": "ENTRY", **stated, "entry_price": 20000, "stop_loss": 19000}, born + 3 * MINUTE
    if ended:
        yield {"event_type": "EXIT_STOP_LOSS", **told, "exit_price": 19000}, ended


def ask(times: int) -> dict[str, Any]:
    """How long pages, cycles and replay wait for what they ask, by name; and how many bars replay's week has."""
    week = bars_of_week()
    questions: dict[str, Callable[[], Any]] = {
        "symbols that there are": listed, "the last day of a symbol": last, "14 days of a symbol": fortnight,
        "the holes of a day": holes_of_day, "a trade's two weeks of bars": two_weeks, "fresh bars": fresh,
        "a cycle that is idle": idle, "replay: a week read": read_week, "replay: a week read and followed": follow_week,
    }  # fmt: skip
    return {"week": week, "times": {name: [timed(each) for _ in range(times)] for name, each in questions.items()}}


def timed(question: Callable[[], Any]) -> tuple[float, float]:
    """Milliseconds by the wall, and of this process's CPU."""
    began, worked = time.perf_counter(), time.process_time()
    question()
    return 1000 * (time.perf_counter() - began), 1000 * (time.process_time() - worked)


def bars_of_week() -> int:
    return len(read_week())


def listed() -> Any:
    from signals.bars.coverage import symbols

    return symbols()


def last() -> Any:
    from signals.bars.coverage import last_day

    return last_day("S07", "America/New_York")


def fortnight() -> Any:
    from signals.bars.coverage import coverage, hours_of

    days = [(END - timedelta(days=back)).date() for back in range(14)]
    return coverage("S07", days, zone="America/New_York", hours=hours_of("S07"), now=END)


def holes_of_day() -> Any:
    from signals.bars.coverage import holes, hours_of

    return list(holes("S07", END - timedelta(days=3), END - timedelta(days=2), hours_of("S07")))


def two_weeks() -> Any:
    from signals.models import PriceBar

    return list(PriceBar.objects.filter(symbol="S07", time__gte=END - 2 * WEEK, time__lte=END).order_by("time"))


def fresh() -> Any:
    from reconciliation.cycle.late_bars import fresh_bars

    return fresh_bars()


def idle() -> Any:
    from reconciliation.cycle.run import run_sync

    return run_sync(now=END, trigger="schedule")


def read_week() -> list[Any]:
    from reconciliation.replay.catching_up import bars_of, bars_replayed

    return list(bars_of(bars_replayed("S07").filter(fresh=False, time__gt=END - WEEK).order_by("time")))


def follow_week() -> None:
    from reconciliation.replay.catching_up import follow
    from reconciliation.replay.following import Follower
    from signals.market import market

    follow(Follower(market()), read_week())


if __name__ == "__main__":
    django.setup()
    what, *numbers = sys.argv[1:]
    print(json.dumps({"store": store, "ask": ask}[what](*map(int, numbers))))
