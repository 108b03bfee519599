"""From what the indicator says to what arrives: seconds, repeats, losses, damage; and the alert log's CSV."""

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import TextIO

from signals.clock import MINUTE
from signals.simulator.bodies import PRICE_BAR, SNAPSHOT, Said
from signals.simulator.prices import Minute
from signals.simulator.scenario import Alert, Scenario
from signals.vocabulary import EventType

COLUMNS = ("Alert ID", "Ticker", "Name", "Description", "Time")
RESENT = {EventType.SIGNAL_CREATED, EventType.BE_TRIGGERED, EventType.EXIT_BREAK_EVEN}
MOST_REPEATS = 27  # of one EXIT_BREAK_EVEN, in one night
OUTAGE_EVERY = 180  # open minutes
# Seconds after the bar's close, as often as in the recorded night.
_SECONDS, _SECOND_WEIGHTS = (0, 1, 2, 3), (90, 7, 2, 1)
_WHOLE_PRICE = re.compile(r'("(?:entry_price|sl_price|risk_distance|be_price|target_[123]r)":\d+)(?=,)')
_HTF_1H = re.compile(r'("htf_1h":"\w+)"')


def deliver(said: Iterable[tuple[Minute, list[Said]]], scenario: Scenario) -> Iterator[Alert]:
    """The alerts that arrive, in time order. Late and repeated ones wait in open minutes; those still waiting
    at the end never come."""
    random = Random(f"{scenario.seed}/delivery")  # noqa: S311 - repeatable, not secret
    waiting: list[tuple[int, int, Said]] = []
    ticket = count()
    dark = range(0)
    for minute, fresh in said:
        now = minute.number
        if scenario.outages and now % OUTAGE_EVERY == 0:
            begin = now + random.randint(1, OUTAGE_EVERY - 24)
            dark = range(begin, begin + random.randint(3, 24))
        if minute.last:
            continue
        sending = []
        while waiting and waiting[0][0] <= now:
            sending.append(heappop(waiting)[2])
        for one in fresh:
            first = (
                now + random.randint(2, 13) if _chance(random, scenario.late, one, {EventType.SIGNAL_CREATED}) else now
            )
            for due in (first, *_repeats(random, scenario, one, first)):
                if due == now:
                    sending.append(one)
                else:
                    heappush(waiting, (due, next(ticket), one))
        if now in dark:
            sending = [one for one in sending if one[0] == PRICE_BAR]
        yield from _send(random, scenario, minute, sending)


def _chance(random: Random, fraction: float, one: Said, kinds: Iterable[str]) -> bool:
    return fraction > 0 and one[0] in kinds and random.random() < fraction


def _repeats(random: Random, scenario: Scenario, one: Said, first: int) -> list[int]:
    """The minutes in which an alert comes again: mostly once or twice, now and then all night."""
    if not _chance(random, scenario.repeats, one, RESENT):
        return []
    again, due = [], first
    for _ in range(min(MOST_REPEATS, 1 + int(random.paretovariate(1.2)))):
        due += random.randint(1, 15)
        again.append(due)
    return again


def _send(random: Random, scenario: Scenario, minute: Minute, sending: list[Said]) -> Iterator[Alert]:
    """What one minute's alerts become. Within the minute they come in any order."""
    if len(sending) > 1:
        random.shuffle(sending)
    arriving = []
    for kind, body in sending:
        second = random.choices(_SECONDS, _SECOND_WEIGHTS)[0]
        if scenario.loss and kind != PRICE_BAR and random.random() < scenario.loss:
            continue
        text = damaged(kind, body) if scenario.damage and random.random() < scenario.damage else body
        fired = minute.time + MINUTE + timedelta(seconds=second)
        arriving.append(Alert(fired, text.encode(), scenario.alert_id, scenario.ticker, kind))
    yield from sorted(arriving, key=lambda alert: alert.fire_time)


def damaged(kind: str, body: str) -> str:
    """The body with its quotes broken as the indicator breaks them: a stray one behind each price
    without decimals in a `strategy` ENTRY, a missing one in a snapshot. Anything else is never damaged."""
    if kind == SNAPSHOT:
        return _HTF_1H.sub(r"\1", body)
    if kind == EventType.ENTRY and body.startswith('{"type"'):
        return _WHOLE_PRICE.sub(r'\1"', body)
    return body


def write_log(
    alerts: Iterable[Alert], file: TextIO, newest_first: bool = False, webhook_status: str | None = None
) -> int:
    """Write alerts as TradingView exports its alert log, and return how many rows there are.

    `webhook_status` adds the newer exports' last column with that text. Open the file with newline="". Newest
    first, as TradingView has it, holds all alerts in memory; the order given is written as it comes.
    """
    extra = [] if webhook_status is None else [webhook_status]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*COLUMNS, *(["Webhook status"] if extra else [])])
    rows = 0
    for alert in reversed(list(alerts)) if newest_first else alerts:
        time = f"{alert.fire_time:%Y-%m-%dT%H:%M:%SZ}"
        writer.writerow([alert.alert_id, alert.ticker, "", alert.body.decode(), time, *extra])
        rows += 1
    return rows
