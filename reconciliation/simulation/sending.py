"""What is simulated posted to webhooks in real or scaled time, and requests to the indicator answered meanwhile."""

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf

import httpx

from signals.clock import MINUTE, floor_minute

from .planning import Simulated, in_order
from .posting import NOBODY, post

ASKED_EVERY = 15.0  # seconds between two looks for requests
WEBHOOK = re.compile(r"(https?://[^/\s]+.*?)/api/automated-signals/webhook/([^/\s]+)/?")
REQUESTS = "/api/sync/requests"


class UnheardError(ValueError):
    """The first alert to an address was not taken."""


@dataclass
class Sent:
    """What became of what was posted: alerts by the status of the answer, and requests that were answered."""

    by_status: Counter[int] = field(default_factory=Counter)
    answered: int = 0
    unanswered: int = 0  # requests of which the indicator knows nothing

    @property
    def taken(self) -> int:
        return sum(count for status, count in self.by_status.items() if 200 <= status < 300)

    @property
    def failed(self) -> int:
        return self.by_status.total() - self.taken


@dataclass
class Line:
    """The way to one source: its webhook, and as which program it asks for requests."""

    one: Simulated
    address: str
    server: str
    token: str

    @classmethod
    def to(cls, one: Simulated, address: str) -> "Line":
        """Raises ValueError for an address that is no webhook with a token."""
        match = WEBHOOK.fullmatch(address)
        if match is None:
            raise ValueError(
                f"{address} is no webhook address: it ends in /api/automated-signals/webhook/ and a token, as the"
                " source's page of the console shows it once"
            )
        return cls(one, address, *match.groups())


class Sending:
    """Posts what is simulated to one address for each source, `speed` times as fast as it happens (inf: at once)."""

    def __init__(
        self,
        lines: Sequence[Line],
        http: httpx.Client,
        *,
        speed: float = inf,
        companion: bool = True,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.lines = {line.one.name: line for line in lines}
        self.http, self.speed, self.companion = http, speed, companion
        self.clock, self.sleep = clock, sleep
        self.sent = Sent()
        self.heard: set[str] = set()
        self.ask_at = clock() + ASKED_EVERY

    def run(self, since: datetime, answer_for: timedelta = timedelta(0)) -> Sent:
        """Post all from `since` on, which is now; then answer requests for a while. Raises UnheardError."""
        begun, moment = self.clock(), since
        for arrival, one in in_order([line.one for line in self.lines.values()]):
            self._wait(begun + (arrival.at - since).total_seconds() / self.speed, moment)
            moment = arrival.at
            self._post(self.lines[one.name], arrival.alert.body)
        self._wait(self.clock() + answer_for.total_seconds(), moment)
        self._answer(moment)
        return self.sent

    def _wait(self, until: float, moment: datetime) -> None:
        """Wait, and look for requests on the way."""
        while True:
            left = until - self.clock()
            if self.clock() >= self.ask_at:
                self._answer(moment)
            if left <= 0:
                return
            self.sleep(min(left, ASKED_EVERY))

    def _post(self, line: Line, body: bytes) -> None:
        status = post(self.http, line.address, body, self.sleep)
        self.sent.by_status[status] += 1
        if 200 <= status < 300:
            self.heard.add(line.one.name)
        elif line.one.name not in self.heard:
            raise UnheardError(why(line, status))

    def _answer(self, moment: datetime) -> None:
        """Answer what the indicators are asked, as of the last bar that has closed."""
        self.ask_at = self.clock() + ASKED_EVERY
        for line in self.lines.values() if self.companion else ():
            bearer = {"Authorization": f"Bearer {line.token}"}
            try:
                asked = self.http.get(line.server + REQUESTS, headers=bearer)
                requests = asked.json()["results"] if asked.status_code == 200 else []
                for request in requests:
                    self.http.post(f"{line.server}{REQUESTS}/{request['request_id']}/acknowledge", headers=bearer)
                    self._tell(line, request["trade_ids"], moment)
            except (httpx.HTTPError, ValueError, KeyError, TypeError):
                continue  # it is asked again in a while

    def _tell(self, line: Line, trade_ids: list[str], moment: datetime) -> None:
        told = line.one.answer(trade_ids, floor_minute(moment) - MINUTE)
        if told is None:
            self.sent.unanswered += 1
        elif 200 <= post(self.http, line.address, told, self.sleep) < 300:
            self.sent.answered += 1


def why(line: Line, status: int) -> str:
    """Why nothing was heard at all, and what to do."""
    if status == NOBODY:
        return f"nobody answers at {line.server}: is SignalSync running there?"
    if status in (401, 403):
        return f"{line.server} refuses the address of {line.one.name} ({status}): its token is unknown, or ended"
    return f"{line.server} answered the first alert of {line.one.name} with {status}"
