"""Only what the mailbox's own server calls authentic is TradingView's."""

from datetime import UTC, datetime

import pytest

from signals.receiving.mail.reading import read_message
from signals.receiving.mail.trusting import Finding, fault_of, read_results

from .mails import PASSES, SERVER, TRADER, mail

SENT = datetime(2025, 12, 11, 14, 41, 3, tzinfo=UTC)
FAILS = f"{SERVER}; spf=fail; dkim=fail header.d=tradingview.com; dmarc=fail header.from=tradingview.com"


def fault(*results: str, server: str = SERVER, addressee: str = TRADER, **how: str) -> str:
    message = read_message(mail("{}", SENT, results=results or (PASSES,), **how))  # type: ignore[arg-type]
    return fault_of(message, server=server, addressee=addressee)


@pytest.mark.parametrize(
    "line",
    [
        f"{SERVER}; dkim=pass header.d=tradingview.com",
        f"{SERVER} 1; spf=none; dkim=fail header.d=relay.example; dkim=pass (2048-bit key) header.i=@tradingview.com",
        f"{SERVER}; DKIM = Pass header.d = mail.tradingview.com;",
        f"{SERVER}; dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=tradingview.com",
        "in.mx.example.org; dkim=pass header.d=tradingview.com",
    ],
)
def test_a_passing_signature_or_domain_counts(line: str) -> None:
    assert fault(line) == ""


@pytest.mark.parametrize(
    "line",
    [
        FAILS,
        f"{SERVER}; none",
        f"{SERVER}; spf=pass smtp.mailfrom=tradingview.com",
        f"{SERVER}; dkim=pass header.d=tradingview.com.evil.example",
        f"{SERVER}; dkim=pass header.d=nottradingview.com",
        f"{SERVER}; dkim=neutral (dkim=pass header.d=tradingview.com) header.d=tradingview.com",
        f'{SERVER}; dkim=fail reason="; dkim=pass header.d=tradingview.com" header.d=tradingview.com',
        f"{SERVER}; dkim=pass header.d=evil.example header.d=tradingview.com",
        f"{SERVER}; dmarc=pass header.from=evil.example",
        "",
    ],
)
def test_nothing_else_does(line: str) -> None:
    assert fault(line) != ""


def test_what_somebody_wrote_beneath_the_servers_line_is_not_looked_at() -> None:
    assert fault(FAILS, PASSES).startswith("Its signature of tradingview.com is not confirmed (dkim=fail, dmarc=fail)")


def test_the_line_of_another_server_does_not_count() -> None:
    assert "evil.example" in fault("evil.example; dkim=pass header.d=tradingview.com", PASSES)
    assert fault(f"{SERVER}.evil.example; dkim=pass header.d=tradingview.com") != ""


def test_a_server_that_names_itself_nowhere_is_known_by_that() -> None:
    nameless = "spf=pass smtp.mailfrom=tradingview.com; dkim=pass (signature was verified) header.d=tradingview.com"
    assert fault(nameless, server="-") == ""
    assert fault(nameless) != ""
    assert fault(PASSES, server="-") != ""


@pytest.mark.parametrize(
    "sender",
    [
        "noreply@tradingview.com.evil.example",
        "TradingView <x@evil.example>",
        "noreply@tradingview.com, x@evil.example",
        '"noreply@tradingview.com" <x@evil.example>',
    ],
)
def test_a_sender_elsewhere_does_not_count_whatever_is_signed(sender: str) -> None:
    assert fault(sender=sender).startswith("It is not from tradingview.com")


def test_a_signed_mail_to_somebody_else_that_was_sent_on_does_not_count() -> None:
    assert fault(to="attacker@example.com").startswith("It was written to somebody else")
    assert fault(to="Trader <TRADER+alerts@example.org>") == ""
    assert fault(to="attacker@example.com", addressee="") == ""


def test_a_line_is_read_with_its_comments_and_quotes() -> None:
    line = r'mx.example.org; dkim=pass (a (nested \) one) "x") header.d="tradingview.com"; arc=none'
    assert read_results(line) == (
        "mx.example.org",
        [Finding("dkim", "pass", {"header.d": "tradingview.com"}), Finding("arc", "none")],
    )
