"""What a mail's alert said is got back from what mail programs made of it."""

import json
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from signals.receiving.mail.reading import json_in, key_of, read_message, shown_text, words_of
from tests.builders import HTF, created, update

from .mails import TRADER, mail, page

SENT = datetime(2025, 12, 11, 14, 41, 3, tzinfo=UTC)
BODY = json.dumps(created())


def test_who_sent_it_when_and_to_whom() -> None:
    message = read_message(mail(BODY, SENT, number="7", received=SENT + timedelta(seconds=40)))
    assert (message.senders, message.recipients) == (["noreply@tradingview.com"], [TRADER])
    assert (message.sent_at, message.received_at) == (SENT, SENT + timedelta(seconds=40))
    assert (message.message_id, message.subject) == ("<7@tradingview.com>", "Alert: Hybrid Signals")


def test_the_top_most_result_is_the_one_that_is_read() -> None:
    message = read_message(mail(BODY, SENT, results=("a.example; dkim=fail", "b.example; dkim=pass")))
    assert message.results == "a.example; dkim=fail"


def test_a_second_recipient_line_makes_none_of_them_count() -> None:
    raw = b"To: somebody@example.com\r\n" + mail(BODY, SENT)
    assert read_message(raw).recipients == []


@pytest.mark.parametrize("html", [False, True], ids=["plain", "html"])
def test_json_comes_out_of_quoted_printable_lines_entities_and_styles_as_it_was(html: bool) -> None:
    message = read_message(mail(BODY, SENT, html=html))
    assert message.structured
    assert json.loads(message.text) == created()


def test_of_two_texts_the_one_with_json_counts() -> None:
    both = EmailMessage()
    both.set_content("Your browser shows no pages.")
    both.add_alternative(page(BODY), subtype="html")
    assert json.loads(read_message(both.as_bytes()).text) == created()


def test_line_ends_are_those_that_were_sent() -> None:
    body = json.dumps(created(), indent=1)
    assert json_in(f"Triggered\r\n\r\n{body}".replace("\n", "\r\n") + "\r\nBye") == body


@pytest.mark.parametrize("wrap", ["\r\n", " \r\n", "\n  "])
def test_a_line_that_was_wrapped_between_words_is_one_again(wrap: str) -> None:
    body = '{"event_type": "ENTRY", "session": "NY AM", "trade_id": "x"}'
    assert json_in(body.replace("NY AM", f"NY{wrap}AM")) == body


def test_a_line_too_long_that_was_cut_within_a_word_is_one_again() -> None:
    long = f'{{"note":"{"x" * 2000}"}}'
    assert json_in(f"{long[:990]}\r\n {long[990:1980]}\r\n {long[1980:]}") == long


def test_flowed_text_flows() -> None:
    raw = mail('{"session": "NY \r\nAM"}', SENT).replace(b"text/plain;", b"text/plain; format=flowed;")
    assert read_message(raw).text == '{"session": "NY AM"}'


def test_several_objects_and_lists_stay_whole() -> None:
    two = '{"a": 1}\n{"b": 2}'
    assert json_in(f"Hello\n{two}\nBye") == two
    assert json_in('[{"a": [1]}]') == '[{"a": [1]}]'


def test_a_message_that_was_cut_off_is_not_closed() -> None:
    assert json_in('{"event_type": "ENTRY", "stop_loss": 2573') == '{"event_type": "ENTRY", "stop_loss": 2573'


def test_brackets_in_a_sentence_are_no_json() -> None:
    message = read_message(mail("Buy {BTC} now", SENT))
    assert (message.text, message.structured) == ("Buy {BTC} now", False)


@pytest.mark.parametrize(
    "other",
    [
        json.dumps(created(), indent=2).replace("\n", "\r\n"),
        json.dumps(created()).replace('"', "&quot;"),
        json.dumps(created()).replace(" ", "\u00a0"),
        json_in(shown_text(page(BODY))),
    ],
    ids=["lines", "entities", "hard blanks", "page"],
)
def test_copies_of_one_alert_have_the_same_words(other: str) -> None:
    assert key_of(words_of(other)) == key_of(words_of(BODY))


def test_other_alerts_have_other_words() -> None:
    assert words_of(json.dumps(update(0.4))) != words_of(json.dumps(update(0.5)))
    assert words_of(json.dumps(created(htf_alignment=HTF | {"m5": "Bearish"}))) != words_of(BODY)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"From: \r\nDate: 99 Foo 20255\r\nSubject: =?nope?q?x?=\r\n\r\n\x00",
        b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/plain; charset=none\r\n\r\n\xff',
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!!",
        b"From: " + b"<" * 5000,
        b"Content-Type: text/html\r\n\r\n<![if foo <!-- <div",
    ],
)
def test_nothing_that_a_sender_can_write_stops_the_reading(raw: bytes) -> None:
    assert read_message(raw) is not None
