"""No token reaches a log: not through an address, a query, a body, an argument or a traceback."""

import io
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalsync_project.masking import TokenFilter, masked

PATH = "/api/automated-signals/webhook"
urlpatterns: list[object] = []  # no address exists
TOKENS = st.text("abcdefghijklmnopqrstuvwxyzABCDEF0123456789_-~.", min_size=8)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Not Found: {PATH}/s3cret", f"Not Found: {PATH}/***"),
        (f"Not Found: {PATH}/s3cret/", f"Not Found: {PATH}/***/"),
        (f'"POST {PATH}/s3cret?a=1 HTTP/1.1" 200', f'"POST {PATH}/***?a=1 HTTP/1.1" 200'),
        (f"{PATH}//s3cret/extra", f"{PATH}//***/extra"),
        (f"{PATH.upper()}/s3cret", f"{PATH.upper()}/***"),
        (f"{PATH}?token=s3cret&a=1", f"{PATH}?token=***&a=1"),
        ("?a=1&WEBHOOK_TOKEN=s3cret", "?a=1&WEBHOOK_TOKEN=***"),
        ('{"token": "s3\\"cret", "a": 1}', '{"token": "***", "a": 1}'),
        ('{"token":"s3cret', '{"token":"***'),
        ("{'token': 's3cret', 'a': 1}", "{'token': '***', 'a': 1}"),
        ('"{\\"token\\": \\"s3cret\\", \\"a\\": 1}"', '"{\\"token\\": \\"***\\", \\"a\\": 1}"'),
        ('{"token": 12345}', '{"token": ***}'),
    ],
)
def test_a_token_is_replaced_wherever_it_stands(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text", [f"POST {PATH} 200", f"POST {PATH}/ 200", "unknown token: from 10.0.0.1", "/api/sync/health"]
)
def test_text_without_a_token_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


@given(token=TOKENS, tail=st.sampled_from(["", "/", "?x=1", "/?x=1", " HTTP/1.1"]))
def test_no_token_survives_in_an_address(token: str, tail: str) -> None:
    assert masked(f"GET {PATH}/{token}{tail}") == f"GET {PATH}/***{tail}"


def logged(message: object, *args: object, error: Exception | None = None) -> str:
    """What a console handler with the filter writes of one warning."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(TokenFilter())
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.warning(message, *args, exc_info=error)
    return stream.getvalue().rstrip("\n")


def test_an_argument_of_a_warning_is_masked() -> None:
    assert logged("%s: %s", "Unauthorized", f"{PATH}/s3cret") == f"Unauthorized: {PATH}/***"


def test_the_values_of_an_access_line_are_masked() -> None:
    line = logged('%(h)s "%(r)s"', {"h": "::1", "r": f"POST {PATH}/s3cret HTTP/1.1"})
    assert line == f'::1 "POST {PATH}/*** HTTP/1.1"'


def test_a_traceback_is_masked() -> None:
    try:
        raise ValueError(f"cannot read {PATH}/s3cret")
    except ValueError as error:
        line = logged("failed", error=error)
    assert line.endswith(f"ValueError: cannot read {PATH}/***")


def test_a_record_without_a_token_keeps_its_arguments() -> None:
    record = logging.LogRecord("test", logging.INFO, __file__, 1, "%s rows", (3,), None)
    assert TokenFilter().filter(record)
    assert (record.msg, record.args) == ("%s rows", (3,))


@pytest.mark.urls("tests.test_masking")
def test_an_address_that_is_not_found_is_logged_without_its_token(client, caplog) -> None:
    caplog.handler.addFilter(token_filter := TokenFilter())
    try:
        client.get(f"{PATH}/s3cret/nothing-here")
    finally:
        caplog.handler.removeFilter(token_filter)
    assert f"Not Found: {PATH}/***/nothing-here" in caplog.text
    assert "s3cret" not in caplog.text
