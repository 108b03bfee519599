"""Posting to addresses that people entered: only where that is allowed, never longer than allowed. Real servers."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from signals import posting
from signals.posting import Answer, Letter, Manner, is_public, post_all
from tests.server import Server, serving

HERE = ("127.0.0.1",)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def answer(url: str, **manner: Any) -> Answer:
    how = {"timeout": 5.0, "deadline": 5.0, "keep": 100, "private": HERE, **manner}
    (answer,) = post_all([Letter(url, b"{}", {"Content-Type": "application/json"})], Manner(**how))
    return answer


def named(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Whatever name is asked for has these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a9fe:a9fe",
    ],
)  # fmt: skip
def test_what_is_not_on_the_internet_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:220:1::1", "::ffff:93.184.215.14"])
def test_what_is_on_the_internet_is(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1"])
def test_a_private_address_gets_nothing_however_it_is_spelled(server: Server, host: str) -> None:
    port = server.url.split(":")[2]
    given = answer(f"http://{host}:{port}", private=())
    assert given.status is None
    assert server.received == []


def test_one_that_is_allowed_gets_it(server: Server) -> None:
    assert answer(server.url).status == 202
    assert server.received[0][0]["Host"] == server.url.split("/")[2]


def test_a_name_is_judged_by_all_of_its_addresses(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, "93.184.215.14", "10.0.0.1")
    assert answer("http://two.example/").forbidden


def test_what_was_judged_is_what_is_connected_to(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name leads here once, and elsewhere whenever it is asked again: nobody asks again."""
    port = server.url.split(":")[2].split("/")[0]
    asked: list[str] = []

    def resolve(host: Any, *_: Any, **__: Any) -> Any:
        host = host.decode() if isinstance(host, bytes) else str(host)
        asked.append(host)
        assert host in ("bot.example", "127.0.0.1")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(port)))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert answer(f"http://bot.example:{port}/requests").status == 202
    assert asked.count("bot.example") == 1
    assert server.received[0][0]["Host"] == f"bot.example:{port}"


def test_a_name_that_nobody_knows_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert answer("https://nowhere.example/").error == posting.UNREACHABLE


def test_redirects_are_answers_and_not_followed(server: Server) -> None:
    server.status, server.headers = 307, {"Location": server.url}
    assert answer(server.url).status == 307
    assert len(server.received) == 1


def test_an_answer_is_over_within_the_deadline(server: Server) -> None:
    server.drip = True
    assert answer(server.url, deadline=0.3).error == "did not answer in time"


def test_of_an_endless_body_the_beginning_is_kept(server: Server) -> None:
    server.endless = True
    given = answer(server.url)
    assert (given.status, given.head) == (202, "a" * 100)


def test_a_letter_prints_neither_its_address_nor_its_headers() -> None:
    shown = repr(Letter("https://bot.example/secret-path", b"{}", {"webhook-signature": "v1,abc"}))
    assert "secret-path" not in shown
    assert "v1,abc" not in shown


def test_an_ipv6_address_is_posted_to_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    assert answer("http://[::1]:9/", private=("::1",)).error == posting.UNREACHABLE


def test_an_international_name_is_asked_for_as_dns_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: asked.append(host) or [])
    assert answer("https://bücher.example/").error == posting.UNREACHABLE
    assert asked == ["xn--bcher-kva.example"]
