"""Logs as JSON, one object a line, with what a line belongs to: a request, a run of the cycle.

What is masked stays masked: this comes after `masking`, and writes what that left.
"""

import json
import logging
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

HEADER = "X-Request-ID"
SENT = "HTTP_X_REQUEST_ID"  # the same in a request's environment
ANSWERED = f"{{{HEADER.lower()}}}o"
"""How gunicorn names the header of an answer in what it logs of a request, which it does when nobody works on it."""
NOTE = "signalsync.request_id"  # of a request's environment
USABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")

_request: ContextVar[str] = ContextVar("request", default="")
_run: ContextVar[int | None] = ContextVar("run", default=None)


class Belongings(logging.Filter):
    """Notes on every record which request and run it is of. Before `masking`, which drops what it is read from."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = _request.get() or logged_after(record)
        record.run_id = _run.get()
        return True


def logged_after(record: logging.LogRecord) -> str:
    """The request that a line is of, where Django or gunicorn write it when all middleware is through with that."""
    request = getattr(record, "request", None)
    answered = record.args.get(ANSWERED) if isinstance(record.args, Mapping) else None
    return str(request.META.get(NOTE, "") if isinstance(request, HttpRequest) else usable(str(answered or "")))


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in ("request_id", "run_id"):
            if value := getattr(record, name, None):
                line[name] = value
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            line["traceback"] = record.exc_text
        return json.dumps(line, ensure_ascii=False)


class RequestIds:
    """Middleware, the outermost: a request has an id, the sender's own where it is usable, and its answer says it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        own = usable(request.META.get(SENT, "")) or uuid.uuid4().hex
        request.META[NOTE] = own
        token = _request.set(own)
        try:
            response = self.get_response(request)
        finally:
            _request.reset(token)
        response.headers[HEADER] = own
        return response


def usable(given: str) -> str:
    """The id as it is, when it is short and plain; else "": a log's line is no place for what strangers make up."""
    return given if USABLE.fullmatch(given) else ""


@contextmanager
def of_run(key: int) -> Iterator[None]:
    """What is logged within belongs to this run."""
    token = _run.set(key)
    try:
        yield
    finally:
        _run.reset(token)
