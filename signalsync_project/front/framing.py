"""Where a request ends, told while it comes in. Pure.

It only finds the end: gunicorn's parser reads the request again, strictly, once it is whole. One connection carries one
request, so what two readers could understand differently ends with the connection.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile

HEAD_LIMIT = 64 * 1024  # bytes; gunicorn's own limits lie below
IN_MEMORY = 256 * 1024  # bytes of a body, beyond which it goes to a temporary file
SIZE_LINE = 1024  # bytes of a chunk's size with its extensions


@dataclass(slots=True)
class Head:
    """What the end of a request depends on. `length` is None where none, or none that can be believed, is stated."""

    method: bytes
    path: bytes
    length: int | None
    chunked: bool
    waits: bool  # for "100 Continue", before it sends the body


def head_of(block: bytes) -> Head:
    """Of the lines up to the empty one. What is no HTTP at all has no method's path: the parser judges it."""
    first, *lines = block.split(b"\r\n")
    method, _, rest = first.partition(b" ")
    head = Head(method, rest.split(b" ", 1)[0].split(b"?", 1)[0], None, chunked=False, waits=False)
    for line in lines:
        name, _, value = line.partition(b":")
        match name.strip().lower():
            case b"content-length":
                head.length = int(value) if value.strip().isdigit() and len(value) < 20 else None
            case b"transfer-encoding":
                head.chunked = b"chunked" in value.lower()
            case b"expect":
                head.waits = value.strip().lower() == b"100-continue"
    return head


@dataclass(slots=True)
class Chunks:
    """Follows a body in chunks through a buffer that grows.

    `size` counts the bytes of the whole chunks, `coming` those of the next one.
    """

    at: int
    size: int = 0
    coming: int = 0
    whole: bool = False
    broken: bool = False

    def follow(self, buffer: bytearray) -> None:
        while not (self.whole or self.broken):
            end = buffer.find(b"\r\n", self.at)
            if end < 0:
                self.broken = len(buffer) - self.at > SIZE_LINE
                return
            try:
                length = int(buffer[self.at : end].split(b";", 1)[0], 16)
            except ValueError:
                self.broken = True
                return
            if length <= 0:
                self.broken = length < 0
                # The last chunk: trailers, if any, and an empty line end the request.
                self.whole = buffer[end : end + 4] == b"\r\n\r\n" or buffer.find(b"\r\n\r\n", end) >= 0
                return
            self.coming = length
            if len(buffer) < end + 2 + length + 2:
                return
            self.size, self.coming = self.size + length, 0
            self.at = end + 2 + length + 2


@dataclass(slots=True)
class Incoming:
    """One request on its way in. `take` returns once more whether it is whole."""

    most: int = 0  # bytes of body that are wanted at all; set when the head is there
    head: Head | None = None
    block: bytearray = field(default_factory=bytearray)
    body: "SpooledTemporaryFile[bytes]" = field(default_factory=lambda: SpooledTemporaryFile(IN_MEMORY))  # noqa: SIM115
    size: int = 0
    too_long: bool = False
    chunks: Chunks | None = None

    def take_head(self, data: bytes) -> bool:
        """Whether the head is there. What follows it belongs to `take_body`."""
        seen = max(0, len(self.block) - 3)
        self.block += data
        end = self.block.find(b"\r\n\r\n", seen)
        if end < 0:
            self.too_long = len(self.block) > HEAD_LIMIT
            return self.too_long
        self.head = head_of(bytes(self.block[:end]))
        if self.head.chunked:
            self.chunks = Chunks(end + 4)
        elif rest := bytes(self.block[end + 4 :]):
            del self.block[end + 4 :]
            self._store(rest)
        return True

    def take_body(self, data: bytes) -> bool:
        """Whether enough is there: all of it, or more than is wanted, or what is no body."""
        if self.chunks is not None:
            self.block += data
            self.chunks.follow(self.block)
            self.too_long = max(self.chunks.size + self.chunks.coming, len(self.block) - HEAD_LIMIT) > self.most
            return self.chunks.whole or self.chunks.broken or self.too_long
        if data:
            self._store(data)
        length = self.head.length if self.head else None
        self.too_long = (length or 0) > self.most
        return self.too_long or self.size >= (length or 0)

    def _store(self, data: bytes) -> None:
        wanted = (self.head.length or 0) - self.size if self.head else 0
        self.body.write(data[: max(0, wanted)])
        self.size += min(len(data), max(0, wanted))

    def parts(self) -> Iterator[bytes]:
        """All of it, as gunicorn's parser takes it."""
        yield bytes(self.block)
        self.body.seek(0)
        while part := self.body.read(IN_MEMORY):
            yield part
