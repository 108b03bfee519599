"""Alerts that cannot be stored in time: written to the spool, all that wait together."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from .alerts import UNASKED
from .connection import Call
from .counter import Counter

REFUSED = b"HTTP/1.1 503"


class Journal:
    """`add` runs in the loop's thread, writing in one of its own."""

    def __init__(self, worker: Counter) -> None:
        from signals.receiving.outage import breaker

        self.worker, self.breaker = worker, breaker
        self.waiting: list[Call] = []
        self.writing = False
        self.thread = ThreadPoolExecutor(1, "journal")

    def add(self, call: Call) -> None:
        self.waiting.append(call)
        if not self.writing:
            self.write()

    def write(self) -> None:
        calls, self.waiting, self.writing = self.waiting, [], True
        future = self.thread.submit(self.keep, calls)
        future.add_done_callback(lambda done: self.worker.loop.call_soon_threadsafe(self.written, calls, done))

    def written(self, calls: Sequence[Call], future: "Future[list[bytes]]") -> None:
        answers = future.result()
        if any(data.startswith(REFUSED) for data in answers):
            self.worker.not_kept()
        for call, data in zip(calls, answers, strict=True):
            call.answer(data)
        self.writing = False
        if self.waiting:
            self.write()

    # -- in the journal's thread

    def keep(self, calls: Sequence[Call]) -> list[bytes]:
        """An answer each. Never raises."""
        answers: list[bytes] = [b""] * len(calls)
        environs: dict[int, dict[str, Any]] = {}
        for index, call in enumerate(calls):
            asked = self.worker.asked(call.parts(), call.peer, call.arrived)
            if isinstance(asked, bytes):
                answers[index] = asked
            else:
                environs[index] = asked.environ | {UNASKED: call.unasked}
        for index, answer in zip(environs, self.spooled(list(environs.values())), strict=True):
            answers[index] = answer
        return answers

    def spooled(self, environs: Sequence[dict[str, Any]]) -> list[bytes]:
        from signals.receiving.webhook import spool_at_once
        from signals.storage.deadlines import look_after_connection

        try:
            if any(environ[UNASKED] for environ in environs):
                look_after_connection()
            return [self.worker.plain(*reply) for reply in spool_at_once(environs)]
        except Exception:
            self.worker.log.exception("spooling failed")
            failed = self.worker.plain(
                503, {"status": "refused", "detail": "Please send it again."}, {"Retry-After": "5"}
            )
            return [failed] * len(environs)
