"""Sending a message by Apprise, which knows the services and their addresses."""

import logging
import re
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from dashboard.models import Destination, Outgoing
from dashboard.outbox import RefusedError, Sender
from dashboard.outbox.delivering import within
from dashboard.outbox.sealing import SealedError, unseal

WITHIN = 20.0
PER_MINUTE = 20
LONG_ENOUGH = 5  # characters of a part of an address that may be a secret
KINDS = {"bad": "failure", "warn": "warning", "info": "info"}
# They log whole addresses, which hold secrets. What Apprise says is told by whoever sends, without them.
apprise_log = logging.getLogger("apprise")
apprise_log.addHandler(logging.NullHandler())
apprise_log.propagate = False
logging.getLogger("urllib3").setLevel(logging.WARNING)


class AddressError(ValueError):
    """Apprise does not understand the address."""


class Overheard(logging.Handler):
    """What Apprise logs in this thread: it says why a message was not sent nowhere else."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self.listener = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.listener:
            self.said.append(record.getMessage())

    def __enter__(self) -> "Overheard":
        apprise_log.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        apprise_log.removeHandler(self)


def plugin(url: str) -> Any:
    """Apprise's plugin of an address. Raises AddressError; no part of the address is in what it says."""
    import apprise  # it takes long to import, and few processes send

    with Overheard():
        found = apprise.Apprise.instantiate(url)
    if found is None:
        scheme = url.partition("://")[0] if "://" in url else ""
        named = f" of {scheme}://" if re.fullmatch(r"[a-z0-9]{2,16}", scheme, re.I) else ""
        raise AddressError(f"Apprise does not understand this address{named}: see https://appriseit.com/services/.")
    return found


def service_of(url: str) -> str:
    """What Apprise calls the service of an address. Raises AddressError."""
    return str(plugin(url).service_name or "unnamed")[:64]


def notify(url: str, title: str, body: str, severity: str, *, good: bool = False) -> None:
    """Send one message. Raises OSError with what Apprise says of why not, secrets left out, or AddressError."""
    to = plugin(url)
    with Overheard() as heard:
        try:
            taken = to.notify(title=title, body=body, notify_type="success" if good else KINDS[severity])
        except Exception as error:  # noqa: BLE001 - plugins raise what they like
            raise OSError(without_secrets(f"{type(error).__name__}: {error}", url)) from None
    if not taken:
        raise OSError(without_secrets(" ".join(heard.said), url) or "Apprise could not send it and does not say why.")


def without_secrets(text: str, url: str) -> str:
    """The text without any longer part of the address but its scheme."""
    parts = re.split(r"[^\w.-]+", url.partition("://")[2])
    for part in sorted(filter(lambda part: len(part) >= LONG_ENOUGH, parts), key=len, reverse=True):
        text = text.replace(part, "…")
    return text


def prepare(message: Outgoing) -> Callable[[], None]:
    """The sending of a message. Raises RefusedError where its destination is gone, off, or cannot be read."""
    rows = Destination.objects.filter(pk=message.destination.rpartition(" ")[2])
    destination = rows.first()
    if destination is None or not destination.enabled:
        raise RefusedError(
            "The destination was removed." if destination is None else "The destination is switched off."
        )
    try:
        url = unseal(destination.sealed)
    except SealedError as error:
        raise RefusedError(str(error)) from error
    told = message.payload

    def send() -> None:
        try:
            notify(url, told["title"], told["body"], told["severity"], good=told["told"] == "recovered")
        except AddressError as error:
            raise RefusedError(str(error)) from error

    return send


def try_out(destination: Destination, now: datetime, by: str) -> str:
    """Send a test message at once and note what came of it. Returns why it failed, or ""."""
    try:
        url = unseal(destination.sealed)
        body = (
            f"A test of the destination {destination.name}, sent by {by}. Nothing is wrong and nothing is to be done."
        )
        within(WITHIN, lambda: notify(url, "SignalSync: test", body, "info"))
        error = ""
    except (OSError, ValueError, SealedError) as failure:
        error = str(failure)[:400] or type(failure).__name__
    Destination.objects.filter(pk=destination.pk).update(tested_at=now, test_error=error)
    return error


SENDER = Sender(prepare, within=WITHIN, per_minute=PER_MINUTE)
