"""Where a request ends, whatever pieces it comes in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalsync_project.front.framing import HEAD_LIMIT, Incoming

PLAIN = b"POST /alerts?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"
TRAILERS = CHUNKED.removesuffix(b"\r\n") + b"Late: yes\r\n\r\n"
NO_BODY = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def fed(pieces: list[bytes], most: int = 1000) -> tuple[Incoming, int | None]:
    """The request, and the number of pieces after which there was enough of it."""
    incoming = Incoming()
    for number, came in enumerate(pieces, start=1):
        piece = came
        if incoming.head is None:
            if not incoming.take_head(piece):
                continue
            if incoming.too_long:
                return incoming, number
            incoming.most = most
            piece = b""
        if incoming.take_body(piece):
            return incoming, number
    return incoming, None


@pytest.mark.parametrize("message", [PLAIN, CHUNKED, TRAILERS, NO_BODY], ids=["plain", "chunked", "trailers", "none"])
@given(data=st.data())
def test_a_request_is_whole_with_its_last_byte_and_not_before(message: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(message) - 1), max_size=8)))
    pieces = [message[start:end] for start, end in zip([0, *cuts], [*cuts, len(message)], strict=True)]
    incoming, enough = fed(pieces)
    assert enough == len(pieces)
    assert b"".join(incoming.parts()) == message


def test_the_path_is_known_without_its_query() -> None:
    head = fed([PLAIN])[0].head
    assert head is not None
    assert (head.method, head.path, head.length) == (b"POST", b"/alerts", 5)


def test_nothing_behind_a_body_belongs_to_it() -> None:
    incoming, _ = fed([PLAIN + b"GET / HTTP/1.1\r\n\r\n"])
    assert b"".join(incoming.parts()) == PLAIN


def test_a_body_in_a_temporary_file_is_the_same() -> None:
    body = bytes(range(256)) * 4096
    head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    incoming, enough = fed([head, body[:700_000], body[700_000:]], most=len(body))
    assert (enough, b"".join(incoming.parts())) == (3, head + body)


@pytest.mark.parametrize(
    "message",
    [
        b"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n",
    ],
    ids=["stated", "counted"],
)
def test_what_is_too_long_is_not_waited_for(message: bytes) -> None:
    incoming, enough = fed([message])
    assert (incoming.too_long, enough) == (True, 1)


@pytest.mark.parametrize("size", [b"zz", b"-1", b"", b" " * 2000])
def test_chunks_that_are_none_are_not_waited_for(size: bytes) -> None:
    _, enough = fed([b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n"])
    assert enough == 1


def test_a_head_without_end_is_too_long() -> None:
    incoming, enough = fed([b"GET / HTTP/1.1\r\nA: " + b"x" * HEAD_LIMIT])
    assert (incoming.too_long, enough) == (True, 1)
