"""A mail server: a real IMAP server on this machine that knows what reading a folder needs, and fails as it is told."""

import re
import shlex
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

from imap_tools.consts import SHORT_MONTH_NAMES as MONTHS

from signals.receiving.mail.reading import read_message

USER, PASSWORD = "trader@example.org", "an-app-password"


@dataclass
class Server:
    """What it holds, and how it fails. `said` is what it was asked; any command that changes something is refused.

    With `breaks_at` it hangs up in the middle of that message, `cut` times.
    """

    port: int = 0
    validity: int = 7
    folders: tuple[str, ...] = ("INBOX", "Alerts")
    messages: dict[int, tuple[bytes, datetime]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    breaks_at: int = 0
    sizes: dict[int, int] = field(default_factory=dict)  # that it claims

    def add(self, raw: bytes, received: datetime | None = None) -> int:
        uid = max(self.messages, default=0) + 1
        self.messages[uid] = raw, received or read_message(raw).received_at or datetime.now(UTC)
        return uid

    def search(self, criteria: str) -> list[int]:
        """Of `UID n:* FROM "x" SINCE d`. As the protocol has it, n:* names the last message in any case."""
        first = int(re.search(r"UID (\d+):\*", criteria)[1])  # type: ignore[index]
        found = {uid for uid in self.messages if uid >= first} | {max(self.messages, default=0)} - {0}
        sender = re.search(r'FROM "([^"]+)"', criteria)
        if sender:
            found = {
                uid for uid in found if any(sender[1] in each for each in read_message(self.messages[uid][0]).senders)
            }
        if since := re.search(r"SINCE (\d+)-(\w+)-(\d+)", criteria):
            day = datetime(int(since[3]), MONTHS.index(since[2]) + 1, int(since[1]), tzinfo=UTC)
            found = {uid for uid in found if self.messages[uid][1] >= day}
        return sorted(found)


class Handler(StreamRequestHandler):
    @property
    def mine(self) -> Server:
        return self.server.mine  # type: ignore[attr-defined,no-any-return]

    def say(self, line: str | bytes) -> None:
        self.wfile.write((line.encode() if isinstance(line, str) else line) + b"\r\n")

    def handle(self) -> None:
        self.say("* OK ready")
        for raw in iter(self.rfile.readline, b""):
            tag, command, *rest = raw.decode().strip().split(" ", 2)
            told = rest[0] if rest else ""
            self.mine.said.append(f"{command} {'…' if command == 'LOGIN' else told}".strip())
            try:
                answer = getattr(self, f"do_{command.lower()}", self.do_unknown)(told)
            except ConnectionError:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.say(f"{tag} {answer or 'OK done'}")
            if command == "LOGOUT":
                return

    def do_unknown(self, told: str) -> str:
        return "BAD unknown"

    def do_capability(self, told: str) -> None:
        self.say("* CAPABILITY IMAP4rev1")

    def do_login(self, told: str) -> str | None:
        return None if shlex.split(told) == [USER, PASSWORD] else "NO [AUTHENTICATIONFAILED] Invalid credentials"

    def do_list(self, told: str) -> None:
        for folder in self.mine.folders:
            self.say(f'* LIST (\\HasNoChildren) "/" "{folder}"')

    def do_examine(self, told: str) -> str | None:
        if shlex.split(told)[0] not in self.mine.folders:
            return "NO [NONEXISTENT] Unknown mailbox"
        self.say(f"* {len(self.mine.messages)} EXISTS")
        self.say(f"* OK [UIDVALIDITY {self.mine.validity}] valid")
        return "OK [READ-ONLY] done"

    def do_status(self, told: str) -> None:
        self.say(f"* STATUS {told.split(' (', maxsplit=1)[0]} (UIDVALIDITY {self.mine.validity})")

    def do_logout(self, told: str) -> None:
        self.say("* BYE")

    def do_uid(self, told: str) -> str | None:
        command, rest = told.split(" ", 1)
        if command.upper() == "SEARCH":
            self.say(f"* SEARCH {' '.join(map(str, self.mine.search(rest)))}".strip())
            return None
        if command.upper() != "FETCH":
            return "BAD this server is only read"
        uid, parts = rest.split(" ", 1)
        self.fetch(int(uid), parts)
        return None

    def fetch(self, uid: int, parts: str) -> None:
        if uid not in self.mine.messages:
            return
        raw, received = self.mine.messages[uid]
        if "RFC822.SIZE" in parts:
            size, when = self.mine.sizes.get(uid, len(raw)), received.astimezone(UTC)
            stamp = f"{when.day:2d}-{MONTHS[when.month - 1]}-{when:%Y %H:%M:%S} +0000"
            self.say(f'* {uid} FETCH (UID {uid} RFC822.SIZE {size} INTERNALDATE "{stamp}")')
            return
        body = raw.split(b"\r\n\r\n")[0] + b"\r\n\r\n" if "HEADER" in parts else raw
        name = "BODY[HEADER]" if "HEADER" in parts else "BODY[]"
        self.wfile.write(f"* {uid} FETCH (UID {uid} {name} {{{len(body)}}}\r\n".encode())
        if uid == self.mine.breaks_at:
            self.wfile.write(body[: len(body) // 2])
            raise ConnectionError
        self.wfile.write(body)
        self.say(")")


@contextmanager
def serving() -> Iterator[Server]:
    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as tcp:
        tcp.daemon_threads = True
        server = Server(port=tcp.server_address[1])
        tcp.mine = server  # type: ignore[attr-defined]
        thread = Thread(target=tcp.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            tcp.shutdown()
            thread.join()
