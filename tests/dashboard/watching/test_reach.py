"""The way from TradingView to us: which addresses it can reach, and which part is broken when one fails."""

import socket
import ssl

import httpx
import pytest

from dashboard.watching import reach
from dashboard.watching.reach import broken_at, broken_by, judged

HOOK = "https://signals.example.org/api/automated-signals/webhook/t"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://127.0.0.1:8000/", "ask itself"),
        ("http://localhost/", "ask itself"),
        ("http://[::1]:8000/", "ask itself"),
        ("http://192.168.1.20/", "your own network"),
        ("http://10.0.0.5:8000/", "your own network"),
        ("http://100.64.0.1/", "your own network"),
        ("http://0.0.0.0/", "your own network"),
        ("http://nas/", "your own network only"),
        ("http://trading.local/", "your own network only"),
        ("https://[2606:4700::1111]/", "IPv6"),
        ("https://signals.example.org:8443/", "80 and 443 only"),
        ("http://signals.example.org:99999/", "no address"),
    ],
)
def test_an_address_that_the_internet_does_not_lead_to_says_why(address: str, why: str) -> None:
    found = judged(address)
    assert not found.possible
    assert why in found.says
    assert found.todo


@pytest.mark.parametrize(
    "address", ["https://signals.example.org", "https://8.8.8.8/", "https://signals.example.org:443/"]
)
def test_a_public_address_is_fine(address: str) -> None:
    assert judged(address) == reach.Reach(True, "TradingView can reach such an address.")


def test_a_public_address_without_tls_works_and_is_advised_against() -> None:
    found = judged("http://signals.example.org/")
    assert found.possible
    assert "https" in found.todo


def caused(error: httpx.HTTPError, cause: Exception) -> httpx.HTTPError:
    error.__cause__ = OSError("as httpcore wraps it")
    error.__cause__.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (caused(httpx.ConnectError(""), socket.gaierror(-2, "Name or service not known")), reach.NAME),
        (caused(httpx.ConnectError(""), ssl.SSLCertVerificationError("self-signed")), reach.CERTIFICATE),
        (caused(httpx.ConnectError(""), ConnectionRefusedError()), reach.ROAD),
        (httpx.ConnectTimeout(""), reach.ROAD),
        (httpx.ReadTimeout(""), reach.TIME),
        (httpx.RemoteProtocolError(""), reach.ROAD),
    ],
)
def test_where_no_answer_comes_the_part_that_failed_is_named(error: httpx.HTTPError, part: str) -> None:
    found = broken_by(error, HOOK)
    assert found.part == part
    assert found.todo


@pytest.mark.parametrize(
    ("code", "status", "part"),
    [
        (301, "", reach.REDIRECT),
        (200, "", reach.ELSEWHERE),
        (404, "", reach.ELSEWHERE),
        (403, "", reach.GUARD),
        (401, "", reach.GUARD),
        (502, "", reach.BEHIND),
        (530, "", reach.BEHIND),
        (401, "refused", reach.TOKEN),
        (403, "refused", reach.GUARD),
        (429, "refused", reach.LIMIT),
        (413, "refused", reach.READING),
        (202, "quarantined", reach.READING),
    ],
)
def test_an_answer_that_is_not_the_right_one_names_who_gave_it(code: int, status: str, part: str) -> None:
    found = broken_at(httpx.Response(code), status=status, detail="")
    assert found is not None
    assert found.part == part
    assert found.todo


@pytest.mark.parametrize("status", ["accepted", "duplicate"])
def test_nothing_is_broken_where_it_was_stored(status: str) -> None:
    assert broken_at(httpx.Response(200), status=status, detail="") is None


def test_our_own_words_are_kept() -> None:
    found = broken_at(httpx.Response(401), status="refused", detail="Unknown token.")
    assert found == reach.Fault(reach.TOKEN, "Unknown token.")
