"""The line to a feed: one request at a time over HTTP, paced, tried again with back-off, and over by our own deadline.

An adapter asks through it and knows nothing of clocks. No database.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx

from signals.posting import described

from .errors import DeniedError, FeedError, NotIncludedError, OutOfTimeError, TooManyError, UnreachableError

log = logging.getLogger(__name__)
TIMEOUT = httpx.Timeout(15.0, connect=5.0)
# httpx limits each step; an answer that trickles would pass every one of them for ever.
LONGEST = 30.0
LARGEST = 32 * 2**20  # bytes of an answer
TRIES = 3
FIRST_PAUSE = 1.0  # seconds before the second try; doubled for the next
LEFT = ("x-ratelimit-remaining", "ratelimit-remaining")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body's JSON, with numbers as they are written. Raises UnreachableError when it is none."""
        try:
            return json.loads(self.body, parse_float=Decimal)
        except ValueError as error:
            raise UnreachableError("answered with what is no JSON") from error


@dataclass(slots=True)
class Line:
    """`seconds` from now on it may be used; `per_minute` requests at most, the last of which was `since` seconds ago.

    `clock` (seconds, only differences count) and `sleep` are the machine's but for tests.
    """

    key: str = field(repr=False)
    per_minute: int
    seconds: float
    since: float = 60.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    requests: int = 0
    left: int | None = None  # requests that the feed says are left
    until: float = field(init=False)
    last: float = field(init=False)

    def __post_init__(self) -> None:
        now = self.clock()
        self.until, self.last = now + self.seconds, now - self.since

    @property
    def remaining(self) -> float:
        return self.until - self.clock()

    def wait(self) -> None:
        """Wait until a request may be made, and count it. Raises OutOfTimeError when that is past the deadline."""
        self.pause(self.last + 60 / self.per_minute - self.clock())
        self.last = self.clock()
        self.requests += 1

    def pause(self, seconds: float) -> None:
        if max(seconds, 0.0) >= self.remaining:
            raise OutOfTimeError("the time of this turn is over")
        if seconds > 0:
            self.sleep(seconds)

    def ask(self, method: str, url: str, *, own: Collection[int] = (), **options: Any) -> Answer:
        """One request, tried again while that can help and time is left. Redirects are not followed.

        `options` are httpx's (params, data, headers, auth). Raises FeedError for every status but 200 and its `own`,
        whose meaning the adapter knows.
        """
        pause = FIRST_PAUSE
        for tries_left in reversed(range(TRIES)):
            self.wait()
            try:
                return self._once(method, url, own, options)
            except (UnreachableError, TooManyError) as error:
                wanted = error.after.total_seconds() if error.after else pause
                if not tries_left or wanted >= self.remaining:
                    raise
                self.pause(wanted)
                pause *= 2
        raise AssertionError("the last try has returned or raised")

    def _once(self, method: str, url: str, own: Collection[int], options: Mapping[str, Any]) -> Answer:
        try:
            answer = asyncio.run(fetched(method, url, min(LONGEST, self.remaining), options))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            log.debug("a feed could not be asked", exc_info=True)
            raise UnreachableError(described(error)) from None
        left = next((answer.headers[name] for name in LEFT if name in answer.headers), "")
        self.left = int(left) if left.isdecimal() else self.left
        if answer.status == 200 or answer.status in own:
            return answer
        raise refusal(answer)


async def fetched(method: str, url: str, seconds: float, options: Mapping[str, Any]) -> Answer:
    """Raises httpx's errors, TimeoutError, and ValueError for an answer that is too large."""
    # No proxies or passwords from the environment: the feed alone gets the key.
    async with (
        asyncio.timeout(seconds),
        httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client,
        client.stream(method, url, **options) as response,
    ):
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > LARGEST:
                raise ValueError("the answer is too large")
        return Answer(response.status_code, response.headers, bytes(body))


def refusal(answer: Answer) -> FeedError:
    if answer.status == 429:
        return TooManyError("has had more requests than the plan allows (status 429)", retry_after(answer))
    if answer.status == 401:
        return DeniedError("does not take the key (status 401)")
    if answer.status in {402, 403}:
        return NotIncludedError(f"does not give this with this key (status {answer.status}): {told(answer)}")
    if answer.status >= 500:
        return UnreachableError(f"fails (status {answer.status})", retry_after(answer))
    return NotIncludedError(f"refused the request (status {answer.status}): {told(answer)}")


def retry_after(answer: Answer) -> timedelta | None:
    text = answer.headers.get("retry-after", "")
    return timedelta(seconds=min(int(text), 3600)) if text.isdecimal() else None


def told(answer: Answer) -> str:
    """The feed's own words, cut short."""
    try:
        said = answer.json()
    except UnreachableError:
        return "no reason given"
    while isinstance(said, dict):
        said = next((said[name] for name in ("message", "error", "detail") if name in said), "no reason given")
    return " ".join(str(said).split())[:160]
