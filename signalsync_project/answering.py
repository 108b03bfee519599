"""Whether our own web server answers: what the supervisor asks it, over loopback or its Unix socket."""

import socket
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

AGENT = "signalsync-supervisor"
PATH = "healthz"  # touches neither database nor disk
MISSES = 3
_direct = build_opener(ProxyHandler({}))  # no proxy of the environment between us and ourselves


class Answering:
    """A watchdog: it complains after so many questions in a row that were not answered `within` so many seconds.

    Any answer is one, an error too: it takes a living worker to give it.
    """

    def __init__(self, address: str, *, within: float, misses: int = MISSES) -> None:
        self.url = address + PATH
        self.within, self.misses = within, misses
        self.missed = 0

    def __call__(self) -> str | None:
        why = self._why_none()
        self.missed = self.missed + 1 if why else 0
        if self.missed < self.misses:
            return None
        self.missed = 0
        return f"{self.misses} requests in a row were not answered ({why})"

    def _why_none(self) -> str:
        """Why no answer came, "" when one did."""
        try:
            self._ask()
        except HTTPError:
            return ""
        except (OSError, HTTPException) as error:
            return str(error) or type(error).__name__
        return ""

    def _ask(self) -> None:
        request = Request(self.url, headers={"User-Agent": AGENT})  # noqa: S310 - our own http address
        with _direct.open(request, timeout=self.within):
            pass


class AnsweringSocket(Answering):
    """The same of a server at a Unix socket: past the front door, whose fault must not be taken for its own."""

    def __init__(self, place: str, *, within: float, misses: int = MISSES) -> None:
        super().__init__("http://127.0.0.1/", within=within, misses=misses)
        self.place = place

    def _ask(self) -> None:
        with closing(SocketConnection(self.place, self.within)) as connection:
            connection.request("GET", f"/{PATH}", headers={"User-Agent": AGENT})
            connection.getresponse()


class SocketConnection(HTTPConnection):
    """HTTP through a Unix socket."""

    def __init__(self, place: str, timeout: float) -> None:
        super().__init__("127.0.0.1", timeout=timeout)
        self.place = place

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.place)
