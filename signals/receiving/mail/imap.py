"""A folder on an IMAP server, read and never changed: no message is marked, moved or deleted. No database.

What goes wrong is told by the part that is broken, with what to do about it.
"""

import logging
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from imaplib import IMAP4
from typing import Any

from imap_tools import (
    AND,
    BaseMailBox,
    ImapToolsError,
    MailBox,
    MailboxFolderSelectError,
    MailboxLoginError,
    MailBoxStartTls,
    MailBoxUnencrypted,
    U,
)

from signals.receiving.senders import is_loopback

from .collecting import LARGEST, Arrived
from .reading import moment_of
from .trusting import DOMAIN

log = logging.getLogger(__name__)
AGAIN = "It is tried again; what was read is kept."
LOGIN = "Make an app password at the mail provider, for the usual one mostly does not do, and allow IMAP there."
TIMEOUT = 15.0  # seconds that the server may take for each step
SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
RECEIVED = re.compile(rb'INTERNALDATE "([^"]+)"')


class Part(StrEnum):
    """What reading a mailbox takes, in this order."""

    PASSWORD = "password"  # noqa: S105 - its name
    CONNECTION = "connection"
    LOGIN = "login"
    FOLDER = "folder"
    READING = "reading"


class MailError(Exception):
    """A mailbox cannot be read. The message says what is broken, `advice` what to do; neither holds a secret.

    `mends_itself`: it may be over in a while. Otherwise a person has to do something.
    """

    def __init__(self, part: Part, says: str, advice: str, *, mends_itself: bool = False) -> None:
        super().__init__(says)
        self.part, self.advice, self.mends_itself = part, advice, mends_itself


@dataclass(frozen=True, slots=True)
class Account:
    """Where a mailbox is and who reads it. `security` is tls, starttls or plain, `token` one of OAuth."""

    host: str
    port: int
    security: str
    username: str
    password: str = field(repr=False)
    folder: str
    token: str = field(default="", repr=False)


@dataclass(slots=True)
class Folder:
    """An open folder. Uids rise with what arrives; under another `validity` all that is known of them is void."""

    box: BaseMailBox
    validity: int

    def uids(self, after: int, since: date | None = None) -> list[int]:
        """The messages above this uid whose sender names TradingView; with `since`, of those since that day only."""
        with failing():
            found = self.box.uids(AND(uid=U(str(after + 1), "*"), from_=DOMAIN, date_gte=since), charset=None)
        # N:* names the last message even where its uid is below N.
        return sorted(uid for uid in map(int, found) if uid > after)

    def message(self, uid: int) -> Arrived | None:
        """One message; of what is too large the head only, None where it is gone."""
        told = self._fetch(uid, "(RFC822.SIZE INTERNALDATE)")
        if told is None:
            return None
        about = b" ".join(part if isinstance(part, bytes) else b" ".join(part) for part in told)
        size, received = SIZE.search(about), RECEIVED.search(about)
        large = size is not None and int(size[1]) > LARGEST
        answer = self._fetch(uid, "(BODY.PEEK[HEADER])" if large else "(BODY.PEEK[])")
        raw = next((part[1] for part in answer or () if isinstance(part, tuple)), None)
        if raw is None and answer and not any(b" NIL" in part for part in answer if isinstance(part, bytes)):
            # Not gone: passed over now, it would never be asked for again.
            raise MailError(Part.READING, f"The server gives message {uid} without its text.", AGAIN, mends_itself=True)
        if raw is None:
            return None
        at = moment_of(received[1].decode("ascii", "replace")) if received else None
        return Arrived(raw, at, int(size[1]) if size else len(raw))

    def _fetch(self, uid: int, parts: str) -> Sequence[Any] | None:
        with failing():
            status, answer = self.box.client.uid("FETCH", str(uid), parts)
        if status != "OK":
            says = f"The server does not give message {uid} ({status})."
            raise MailError(Part.READING, says, AGAIN, mends_itself=True)
        return answer if answer and answer[0] is not None else None


@contextmanager
def opened(account: Account, timeout: float = TIMEOUT) -> Iterator[Folder]:
    """The folder, read-only. Raises MailError, at any step."""
    box = connected(account, timeout)
    try:
        enter(box, account)
        yield Folder(box, look_into(box, account.folder))
    finally:
        with suppress(ImapToolsError, IMAP4.error, OSError):
            box.logout()


def connected(account: Account, timeout: float) -> BaseMailBox:
    where = f"{account.host}:{account.port}"
    makers: dict[str, Callable[[], BaseMailBox]] = {
        "tls": lambda: MailBox(account.host, account.port, timeout, ssl_context=ssl.create_default_context()),
        "starttls": lambda: MailBoxStartTls(
            account.host, account.port, timeout, ssl_context=ssl.create_default_context()
        ),
        "plain": lambda: MailBoxUnencrypted(account.host, account.port, timeout),
    }
    if account.security == "plain" and not is_here(account.host):
        raise MailError(
            Part.CONNECTION,
            "Without encryption only a server on this machine is read.",
            "Choose TLS, mostly at port 993.",
        )
    try:
        return makers[account.security]()
    except socket.gaierror as error:
        raise MailError(
            Part.CONNECTION, f"There is no host {account.host}.", "Check the name of the IMAP server."
        ) from error
    except ssl.SSLCertVerificationError as error:
        advice = "Give the name that its certificate is for, or have the server's certificate mended."
        raise MailError(Part.CONNECTION, f"The certificate of {where} does not prove who it is.", advice) from error
    except (ssl.SSLError, ImapToolsError, ValueError) as error:
        advice = "Port 993 is for TLS, 143 for STARTTLS: check which of them the server offers."
        raise MailError(Part.CONNECTION, f"No encrypted connection to {where}.", advice) from error
    except (OSError, IMAP4.error) as error:
        advice = "Check port and firewall; it is tried again."
        raise MailError(
            Part.CONNECTION, f"{where} does not answer as an IMAP server.", advice, mends_itself=True
        ) from error


def is_here(host: str) -> bool:
    return host == "localhost" or is_loopback(host)


def enter(box: BaseMailBox, account: Account) -> None:
    try:
        if account.token:
            box.xoauth2(account.username, account.token, initial_folder=None)
        elif account.password.isascii():
            box.login(account.username, account.password, initial_folder=None)
        else:
            box.login_utf8(account.username, account.password, initial_folder=None)
    except (IMAP4.abort, OSError) as error:
        raise broken_off(Part.LOGIN) from error
    except (MailboxLoginError, IMAP4.error) as error:
        given = "token" if account.token else "password"
        says = f"{account.host} does not let {account.username} in with this {given}."
        raise MailError(Part.LOGIN, says, LOGIN) from error


def look_into(box: BaseMailBox, folder: str) -> int:
    """Open the folder for reading only (EXAMINE), and return the validity of its uids."""
    try:
        box.folder.set(folder, readonly=True)
        return int(box.folder.status(folder, ["UIDVALIDITY"])["UIDVALIDITY"])
    except MailboxFolderSelectError as error:
        advice = f"Check its name, capitals included. There are: {', '.join(folders(box)) or 'none'}."
        raise MailError(Part.FOLDER, f"There is no folder {folder}.", advice) from error
    except (ImapToolsError, IMAP4.error, OSError, KeyError, IndexError) as error:
        raise broken_off(Part.FOLDER) from error


def folders(box: BaseMailBox) -> list[str]:
    with suppress(ImapToolsError, IMAP4.error, OSError):
        return [each.name for each in box.folder.list()][:20]
    return []


@contextmanager
def failing() -> Iterator[None]:
    try:
        yield
    except (ImapToolsError, IMAP4.error, OSError, ValueError) as error:
        raise broken_off(Part.READING) from error


def broken_off(part: Part) -> MailError:
    return MailError(part, "The connection broke off.", AGAIN, mends_itself=True)
