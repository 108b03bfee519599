"""What becomes of alerts between the sender and us: repeated, overtaken, late, mangled, lost in an outage."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import NamedTuple

from signals.simulator.scenario import Alert, Scenario

LATE = 0.1  # of alerts, where some are late
SILENT_AT_RESTART = timedelta(minutes=4)
ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Faults:
    """Of alerts that fired, fractions from 0 to 1:

    `duplicate`  come a second time, within the minute
    `reorder`    come after others of their minute
    `corrupt`    are cut off, or have lost a quote

    A tenth of them comes up to `delay` later. For `outage`, once a day, nothing arrives. With `restart` the alert is
    made anew in the middle: minutes without, and another Alert ID. Raises ValueError for a value out of range.
    """

    duplicate: float = 0.0
    reorder: float = 0.0
    corrupt: float = 0.0
    delay: timedelta = ZERO
    outage: timedelta = ZERO
    restart: bool = False

    def __post_init__(self) -> None:
        for name in ("duplicate", "reorder", "corrupt"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a fraction: give a number from 0 to 1, not {getattr(self, name)}")
        if not ZERO <= self.outage < timedelta(days=1) or not ZERO <= self.delay < timedelta(days=1):
            raise ValueError("an outage or a delay is less than a day")


class Arrival(NamedTuple):
    """An alert, and when it reaches us."""

    at: datetime
    alert: Alert


def arrivals(alerts: Iterable[Alert], scenario: Scenario, faults: Faults) -> Iterator[Arrival]:
    """What arrives, in the order of arrival. Keeps only what is on its way."""
    random = Random(f"{scenario.seed}/{scenario.alert_id}/way")  # noqa: S311 - repeatable, not secret
    dark = [*outages(scenario, faults, random)]
    restart = middle_of(scenario) if faults.restart else None
    if restart:
        dark.append((restart, restart + SILENT_AT_RESTART))
    waiting: list[tuple[datetime, int, Alert]] = []
    ticket = count()
    for alert in alerts:
        while waiting and waiting[0][0] <= alert.fire_time:
            at, _, due = heappop(waiting)
            yield Arrival(at, due)
        if any(begin <= alert.fire_time < end for begin, end in dark):
            continue
        sent = mangled(renamed(alert, restart), faults, random)
        for at in moments(alert.fire_time, faults, random):
            heappush(waiting, (at, next(ticket), sent))
    while waiting:
        at, _, due = heappop(waiting)
        yield Arrival(at, due)


def outages(scenario: Scenario, faults: Faults, random: Random) -> Iterator[tuple[datetime, datetime]]:
    day = scenario.start
    while faults.outage and day < scenario.end:
        room = min(timedelta(days=1), scenario.end - day) - faults.outage
        begin = day + max(room, ZERO) * random.random()
        yield begin, begin + faults.outage
        day += timedelta(days=1)


def middle_of(scenario: Scenario) -> datetime:
    """The middle of the scenario's open minutes."""
    hours = scenario.hours
    return hours.add_open_minutes(scenario.start, hours.open_minutes(scenario.start, scenario.end) // 2)


def renamed(alert: Alert, restart: datetime | None) -> Alert:
    """The alert under the number that it has when it fires."""
    if restart is None or alert.fire_time < restart:
        return alert
    return replace(alert, alert_id=str(int(alert.alert_id) + 1))


def moments(fired: datetime, faults: Faults, random: Random) -> Iterator[datetime]:
    """When an alert arrives: once, or twice."""
    at = fired
    if faults.reorder and random.random() < faults.reorder:
        at += timedelta(seconds=random.randint(5, 45))
    if faults.delay and random.random() < LATE:
        at += faults.delay * random.random()
    yield at
    if faults.duplicate and random.random() < faults.duplicate:
        yield at + timedelta(seconds=random.randint(1, 10))


def mangled(alert: Alert, faults: Faults, random: Random) -> Alert:
    if not faults.corrupt or random.random() >= faults.corrupt:
        return alert
    body = alert.body
    if random.random() < 0.5:
        return replace(alert, body=body[: random.randint(len(body) // 4, len(body) - 1)])
    at = random.choice([place for place, byte in enumerate(body) if byte == ord('"')])
    return replace(alert, body=body[:at] + body[at + 1 :])
