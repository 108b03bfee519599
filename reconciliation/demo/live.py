"""The demo goes on: its markets' alerts are posted as they fire, as a sender would.

What was missed while it did not run is taken in first, from the alerts' log and the chart's bars. Nothing is posted for
sources that are gone, or that rest.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from zlib import crc32

import httpx
from django.db import DatabaseError, close_old_connections
from django.db.models import Max
from django.urls import reverse
from django.utils import timezone

from reconciliation.gaps import CATALOGUE
from reconciliation.simulation.posting import client, post
from signals.clock import floor_minute
from signals.models import Quarantine, Source, SourceToken
from signals.receiving.senders import new_token
from signals.simulator import Alert, Scenario, stream
from signals.vocabulary import EventType

from .history import tell
from .shown import Shown, rests, sources

log = logging.getLogger(__name__)
TURN = 30.0  # seconds at most between two looks at the sources
BEHIND = timedelta(minutes=2)
"""Posted later than this, an alert would be taken for one of another minute: then the log tells it."""
CAUGHT_UP = timedelta(days=7)
MOST_MANGLED = 2  # that wait in quarantine at a time
ONE_IN = 40  # births of which one is mangled
LABEL = "demo, its market"
UNKNOWN_TOKEN = 401

Post = Callable[[Source, bytes], None]


@dataclass
class Going:
    """One market on its way: the alerts to come, and the next of them."""

    alerts: Iterator[Alert]
    upcoming: Alert | None

    @classmethod
    def on(cls, scenario: Scenario, since: datetime) -> Self:
        alerts = (alert for alert in stream(scenario) if alert.fire_time >= since)
        return cls(alerts, next(alerts, None))

    def due(self, now: datetime) -> Iterator[Alert]:
        while self.upcoming and self.upcoming.fire_time <= now:
            yield self.upcoming
            self.upcoming = next(self.alerts, None)

    def seconds(self, now: datetime) -> float:
        """Until the next alert; below 0 where it is overdue."""
        return (self.upcoming.fire_time - now).total_seconds() if self.upcoming else TURN


class Live:
    """The demo's markets. `post` gets each alert when it is due, with the source that it is for."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.going: dict[int, Going] = {}

    def turn(self, now: datetime) -> float:
        """Post what is due; returns how many seconds there are until more is, TURN at most."""
        shown = {source.pk: (each, source) for each, source in sources().items() if not rested(source, now)}
        self.going = {key: going for key, going in self.going.items() if key in shown}
        for key, (each, source) in shown.items():
            going = self.going.get(key)
            if going is None or going.seconds(now) < -BEHIND.total_seconds():
                going = self.going[key] = catch_up(each, source, now)
            for alert in going.due(now):
                self.post(source, mangled(alert, source))
        return min([TURN, *(going.seconds(now) for going in self.going.values())])


def rested(source: Source, now: datetime) -> bool:
    """Whether the source rests; then it owes nothing any more."""
    if not rests(source, now):
        return False
    if not CATALOGUE.keys() <= set(source.gaps_off):
        source.gaps_off = [*CATALOGUE]
        source.save(update_fields=["gaps_off"])
    return True


def catch_up(shown: Shown, source: Source, now: datetime) -> Going:
    """Take in what was missed since the source was last heard, or in the last days of it; then go on from `now`."""
    last = shown.scenarios(source.created_at)[-1]
    heard = source.deliveries.aggregate(last=Max("received_at"))["last"] or source.created_at
    tell(source, [last], max(floor_minute(heard), now - CAUGHT_UP), now)
    return Going.on(last, now)


def mangled(alert: Alert, source: Source) -> bytes:
    """Now and then a body that lost its end on the way, for somebody to mend; never many of them at a time."""
    if alert.kind != EventType.SIGNAL_CREATED or crc32(alert.body) % ONE_IN:
        return alert.body
    waiting = Quarantine.objects.filter(delivery__source=source, state=Quarantine.State.OPEN).count()
    return alert.body[:-2] if waiting < MOST_MANGLED else alert.body


class Sender:
    """Posts to the webhook below a server's address, with a token of its own for each source.

    Where that token has ended, nothing more is posted: the source is being removed, or another process goes on with it.
    """

    def __init__(self, server: str, http: httpx.Client) -> None:
        self.server, self.http = server.rstrip("/"), http
        self.addresses: dict[int, str] = {}
        self.ended: set[int] = set()

    def __call__(self, source: Source, body: bytes) -> None:
        if source.pk in self.ended:
            return
        status = post(self.http, self.addresses.get(source.pk) or self._address_for(source), body)
        if not 200 <= status < 300:
            log.warning("the demo's alert for %s was answered with %s", source, status or "silence")
        if status == UNKNOWN_TOKEN:
            self.ended.add(source.pk)

    def _address_for(self, source: Source) -> str:
        """A new address; the one of the process before ends."""
        SourceToken.objects.filter(source=source, label=LABEL, expires_at=None).update(expires_at=timezone.now())
        path = reverse("webhook", kwargs={"token": new_token(source, label=LABEL)})
        self.addresses[source.pk] = address = self.server + path
        return address


def run(server: str) -> None:
    """Keep the demo going at this server. Never returns; without sources of the demo it waits for some."""
    live = Live(Sender(server, client()))
    while True:
        try:
            wait = live.turn(timezone.now())
        except DatabaseError as error:
            log.warning("the demo waits for the database: %s", error)
            wait = TURN
        close_old_connections()
        time.sleep(max(wait, 0.0))
