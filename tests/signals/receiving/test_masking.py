"""No token is kept: not in a stored body however broken, nor in a log, be it in an address, a query or a traceback."""

import io
import json
import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.dialects import read
from signals.facts import UnreadableError
from signals.parcels import MAX_BODY
from signals.receiving.masking import hide_secrets, mask_tokens
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


SECRET = "Zb3xq-9TyGm_04LwPfVnKc7DsHrJ2aEu"


def encoded(text: str, times: int) -> str:
    """Every character spelt in percent, as often as asked."""
    for _ in range(times):
        text = "".join(f"%{byte:02X}" for byte in text.encode())
    return text


@pytest.mark.parametrize("secret", [SECRET, "correct-horse-battery-staple", "t" * 24])
@pytest.mark.parametrize(
    "address",
    [
        "/api/automated%2Dsignals/webhook/{}",
        "/api/automated-signals/webhook%2F{}",
        "/api/automated-signals/webhook%252F{}",
        "/api/automated-signals/web%68ook/{}",
        "/api/automated-signals%2Fwebhook%2f{}%2F",
        "/webhooks/{}",
        "/api/automated-signals/webhok/{}",
        "/api/automated-signals/{}",
        "/api/automated-signals/webhook{}",
        "/{}",
        "/webhook/?tok%65n={}",
        "/webhook?key={}",
        "//webhook///{}/?a=1",
        "http://127.0.0.1:8000/hook/{}",
        "/api%5Cautomated-signals%5Cwebhook%5C{}",
    ],
)
@pytest.mark.parametrize("times", [0, 1, 2])
def test_no_spelling_of_an_address_keeps_a_token(address: str, secret: str, times: int) -> None:
    spelt = encoded(secret, times)
    line = f'127.0.0.1 "POST {address.format(spelt)} HTTP/1.1" 404 51 0.01s'
    shown = masked(line)
    assert spelt not in shown
    assert secret not in shown
    assert shown.startswith('127.0.0.1 "POST ')
    assert shown.endswith(' HTTP/1.1" 404 51 0.01s')


@pytest.mark.parametrize(
    "text",
    [
        f"POST {PATH} 200",
        f"POST {PATH}/ 200",
        "unknown token: from 10.0.0.1",
        "/api/sync/health",
        "GET /api/automated-signals/signals/20251211_094000000_BULLISH/timeline 200",
        "GET /api/automated-signals/all-signals?search=20251211_094000000_BULLISH&page_size=50",
        "GET /admin/signals/delivery/01a20460-76b4-7cc0-a3c5-2f1f0f3b8a11/change/",
        "GET /static/unfold/fonts/material-symbols/MaterialSymbols-Outlined.woff2",
        'File "/usr/lib/python3/dist-packages/drf_spectacular_sidecar_of_more/views.py", line 3, in post',
    ],
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


@pytest.mark.urls("tests.signals.receiving.test_masking")
def test_an_address_that_is_not_found_is_logged_without_its_token(client, caplog) -> None:
    caplog.handler.addFilter(token_filter := TokenFilter())
    try:
        client.get(f"{PATH}/s3cret/nothing-here")
    finally:
        caplog.handler.removeFilter(token_filter)
    assert f"Not Found: {PATH}/***/nothing-here" in caplog.text
    assert "s3cret" not in caplog.text


# -- bodies


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ('{"token":"s3cret","a":1}', '{"token":"***","a":1}'),
        ('{"a":1,"token:"s3cret","b":2}', '{"a":1,"token:"***","b":2}'),
        ('{"token:s3cret","a":1}', '{"token:***","a":1}'),
        ('{"token:":"s3cret","a":1}', '{"token:":"***","a":1}'),
        ('{token":"s3cret","a":1}', '{token":"***","a":1}'),
        ('{"a":1,\n  token":"s3cret"}', '{"a":1,\n  token":"***"}'),
        ('{"a":1\n  token: s3cret}', '{"a":1\n  token: ***}'),
        ('{token: "s3cret"}', '{token: "***"}'),
        ("{Token : 's3cret'}", "{Token : '***'}"),
        ('{"token"":""s3cret"","a":1}', '{"token"":""***"","a":1}'),
        ('{"\\u0074\\u004Fken":"s3cret"}', '{"\\u0074\\u004Fken":"***"}'),
        ('{"token":12345,"a":1}', '{"token":"***","a":1}'),
        ('{"token":["s3cret","]",{"a":1}],"b":2}', '{"token":"***","b":2}'),
        ('{"token":{"a":{"b":"}s3cret"}},"b":2}', '{"token":"***","b":2}'),
        ('{"token":{"a":"s3cret', '{"token":"***"'),
        ('{"token:["s3cret"],"a":1}', '{"token:[***],"a":1}'),
        ('{"a":"{\\"token\\":[\\"s3cret\\"]}","b":2}', '{"a":"{\\"token\\":\\"***\\"}","b":2}'),
        ('{"token":"s3cret","token:"s3cret"}', '{"token":"***","token:"***"}'),
    ],
)
def test_masking_a_token_is_the_only_change_to_a_body(body: str, kept: str) -> None:
    assert mask_tokens(body.encode())[0].decode() == kept
    assert mask_tokens(kept.encode())[0].decode() == kept


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"event_type":"ENTRY"}',
        b'{"note":"caf\\u00e9"}',
        b'{"token":null}',
        b'{"token":""}',
        b'{"tokens":"a","my_token":"a","token_id":"a","my token":"a","x-token":"a"}',
        b"my token: abc",
        b'{"note":"no token, so no source","a":1}',
        b'{"note":"about its token: ","a":1}',
        b'{"note":"token: ","a":"b"}',
    ],
)
def test_a_body_without_a_token_is_left_alone(body: bytes) -> None:
    assert mask_tokens(body) == (body, b"")


def test_a_text_that_speaks_of_a_token_stays_one() -> None:
    masked, _ = mask_tokens(b'{"note":"token: abc or so","a":"b"}')
    assert json.loads(masked) == {"note": "token: *** or so", "a": "b"}


@pytest.mark.parametrize("body", [b'{"token":"s3cret"}', b'{"token:"s3cret"}', b'{token:s3cret,token:"other"}'])
def test_the_first_token_is_the_senders(body: bytes) -> None:
    assert mask_tokens(body)[1] == b"s3cret"


@pytest.mark.parametrize("body", [b'{"token":["s3cret"]}', b'{"token":{"a":"s3cret"}}'])
def test_a_token_that_is_no_text_names_no_sender(body: bytes) -> None:
    assert mask_tokens(body)[1] == b""


def test_hostile_bodies_cost_no_time() -> None:
    starts = (b"", b'"token', b"{token", b'"token":', b'"token":"', b'"token:"', b'"token":["')
    runs = (
        b"\\",
        b'"',
        b'\\"',
        b" ",
        b"\n ",
        b", ",
        b"{",
        b'":',
        b'"token":',
        b'"token":"\\',
        b'"token":["',
        b"{\\u0074",
    )
    began = time.process_time()
    for start in starts:
        for run in runs:
            mask_tokens(start + run * (MAX_BODY // len(run)))
    assert time.process_time() - began < 20  # one quadratic case takes minutes


def test_what_mending_restores_is_masked() -> None:
    reading = read(b'{"event_type":"ENTRY","token:"s3cret","trade_id":"x","direction":"Bullish"}')
    assert reading.repair is not None
    assert '"token":"***"' in reading.repair.text


def test_what_mending_proposes_is_masked() -> None:
    with pytest.raises(UnreadableError) as unreadable:
        read(b'{"event_type":"ENTRY","token:"s3cret","trade_id":"x","direction":"Bull')
    assert "***" in unreadable.value.proposal
    assert "s3cret" not in unreadable.value.proposal


# -- secrets of others, where a body is shown


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ('{"passphrase":"s3cret","close":1}', '{"passphrase":"***","close":1}'),
        ('{"secret": 123, "a":"b"}', '{"secret": "***", "a":"b"}'),
        ('{"apiKey":"s","api_key":"s","api-secret":"s"}', '{"apiKey":"***","api_key":"***","api-secret":"***"}'),
        ('{"key":["s3cret"],"PASSWORD":{"a":"s"}}', '{"key":"***","PASSWORD":"***"}'),
        ('{"my_webhook_secret":"s3cret"}', '{"my_webhook_secret":"***"}'),
        ("{'password': 's3cret'}", "{'password': '***'}"),
        ('{"password:"s3cret","a":1}', '{"password:"***","a":1}'),
        ('{"passphrase":"s3cr', '{"passphrase":"***'),
        ("symbol=ES,password=s3cret,qty=1", "symbol=ES,password=***,qty=1"),
        ('{"token":"x-y.z-0123456789-abcdefgh","a":1}', '{"token":"***","a":1}'),
        ('{"bot_token":"123456:AAH-s3cret-s3cret-s3cret"}', '{"bot_token":"***"}'),
    ],
)
def test_what_opens_somebody_elses_door_is_hidden_where_it_is_shown(body: str, shown: str) -> None:
    assert hide_secrets(body) == shown
    assert hide_secrets(shown) == shown


@pytest.mark.parametrize(
    "body",
    [
        '{"token":"PEPEUSDT","monkey":"a","keyboard":1,"keys":2}',
        '{"note":"the secret of it","password":null}',
        '{"key_level":25740,"spin":1,"author":"x"}',
        "\ud800 password",
    ],
)
def test_what_is_no_secret_is_shown(body: str) -> None:
    assert hide_secrets(body) == body


@given(st.text())
def test_hiding_never_fails(body: str) -> None:
    hide_secrets('{"password":"' + body)


def test_hiding_in_hostile_bodies_costs_no_time() -> None:
    began = time.process_time()
    for start in ("", '"password', '"key":"', "secret="):
        for run in ("a", '"', "\\", '"secret', '"key":["', "password=", "{secret"):
            hide_secrets((start + run * (64 * 1024 // len(run)))[: 64 * 1024])
    assert time.process_time() - began < 20  # one quadratic case takes minutes
