"""Trying a mailbox out: each part in turn, up to the newest mail of TradingView, and nothing is stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from signals.models import Mailbox

from .imap import Folder, MailError, Part, opened
from .polling import AT_FIRST, Opener, account_of
from .reading import read_message
from .trusting import fault_of, read_results

DONE = {
    Part.PASSWORD: "The environment holds a password or a token.",
    Part.CONNECTION: "The server answers.",
    Part.LOGIN: "It lets us in.",
    Part.FOLDER: "The folder is there.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One part, and whether it works."""

    name: str
    works: bool
    says: str


def try_out(box: Mailbox, now: datetime, *, opener: Opener = opened) -> list[Step]:
    """What works, in order, up to what does not."""
    try:
        with opener(account_of(box)) as folder:
            return [*worked(Part.READING), *newest(box, folder, now)]
    except MailError as error:
        return [*worked(error.part), Step(error.part.value, False, f"{error} {error.advice}")]


def worked(before: Part) -> Iterator[Step]:
    """All parts before this one."""
    for part in Part:
        if part == before:
            return
        yield Step(part.value, True, DONE[part])


def newest(box: Mailbox, folder: Folder, now: datetime) -> Iterator[Step]:
    """What the newest mail of TradingView shows. Raises MailError."""
    uids = folder.uids(0, (now - AT_FIRST).date())
    arrived = folder.message(uids[-1]) if uids else None
    if arrived is None:
        says = (
            f"No mail of TradingView came here in the last {AT_FIRST.days} days. Tick e-mail in the alert's"
            " notifications, and check the filter that moves its mails to this folder."
        )
        yield Step("mails", False, says)
        return
    yield Step("mails", True, f"{len(uids)} of TradingView in the last {AT_FIRST.days} days.")
    message = read_message(arrived.raw)
    fault = fault_of(message, server=box.server, addressee=box.addressee)
    named = read_results(message.results)[0] if message.results is not None else ""
    to = ", ".join(message.recipients) or "nobody"
    shown = f"The newest was vouched for by {named or 'a server without a name'}, written to {to}."
    yield Step("authenticity", not fault, f"{fault} {shown}".strip())
    if message.structured:
        yield Step("message", True, "The newest holds JSON.")
    elif message.text:
        yield Step(
            "message", True, "The newest holds a text. Choose plain text in the alert, so that nothing is around it."
        )
    else:
        yield Step("message", False, "The newest has no text.")
