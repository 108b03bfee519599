"""Who is sending: tokens and where they may stand, addresses and proxies, and secrets that are never kept."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import OperationalError
from hypothesis import example, given
from hypothesis import strategies as st

from signals.models import AutomatedSignal, Delivery, Source, SourceToken
from signals.receiving import webhook
from signals.receiving.senders import default_source, hash_token, mask_body, new_token
from signalsync_project.masking import TokenFilter
from tests.posting import CREATED, FIRED, first_spooled, post, rows_with

pytestmark = pytest.mark.django_db
SECRET = "correct-horse-battery-staple"
FORM = '{"token":"%s",' + CREATED.decode()[1:]


@pytest.fixture(autouse=True)
def source() -> Source:
    """A source that needs a token, also from this machine."""
    return Source.objects.create(name="chart", is_default=True)


@pytest.fixture
def token(source: Source) -> str:
    SourceToken.objects.create(source=source, token_hash=hash_token(SECRET))
    return SECRET


# -- tokens


def test_a_token_in_the_address_names_the_source(source: Source, token: str) -> None:
    Source.objects.create(name="open", open_on_loopback=True)
    assert post(token=token).json()["status"] == "accepted"
    assert post(token=token, slash="/").json()["status"] == "duplicate"
    assert {delivery.source for delivery in Delivery.objects.all()} == {source}


def test_a_token_in_the_message_names_the_source(source: Source, token: str) -> None:
    assert post((FORM % token).encode()).json()["events"] == 1
    assert Delivery.objects.get().source == source
    assert AutomatedSignal.objects.get().direction == "Bullish"


def test_the_address_goes_before_the_message(source: Source, token: str) -> None:
    other = Source.objects.create(name="other")
    post((FORM % token).encode(), token=new_token(other))
    assert Delivery.objects.get().source == other


@pytest.mark.parametrize("wrong", ["guess", SECRET.upper(), SECRET + " ", "é" * 300])
def test_an_unknown_token_is_refused_with_what_to_do(wrong: str, token: str) -> None:
    response = post((FORM % wrong).encode())
    assert response.status_code == 401
    assert "Use the webhook address that the console shows for your source" in response.json()["detail"]
    assert wrong not in response.content.decode()
    assert not Delivery.objects.exists()


def test_a_sender_without_a_token_is_refused(token: str) -> None:
    assert post().status_code == 401


def test_a_token_is_valid_until_it_expires(source: Source) -> None:
    token = new_token(source, expires_at=FIRED)
    with time_machine.travel(FIRED - timedelta(seconds=1), tick=False):
        assert post(token=token).status_code == 200
    with time_machine.travel(FIRED + timedelta(seconds=webhook.TOKEN_CACHE_SECONDS), tick=False):
        assert post(token=token).status_code == 401


def test_while_a_token_is_rotated_both_are_valid(source: Source) -> None:
    old = new_token(source, label="old", expires_at=FIRED + timedelta(days=7))
    new = new_token(source, label="new")
    with time_machine.travel(FIRED, tick=False):
        assert [post(token=token).json()["status"] for token in (old, new)] == ["accepted", "duplicate"]
    with time_machine.travel(FIRED + timedelta(days=8), tick=False):
        assert [post(token=token).status_code for token in (old, new)] == [401, 200]


def test_a_revoked_token_is_refused_once_it_is_forgotten(source: Source, token: str) -> None:
    with time_machine.travel(FIRED, tick=False):
        assert post(token=token).status_code == 200
        source.tokens.all().delete()
    with time_machine.travel(FIRED + timedelta(seconds=webhook.TOKEN_CACHE_SECONDS), tick=False):
        assert post(token=token).status_code == 401


def test_guessing_tokens_is_slow_and_disturbs_nobody_who_has_one(settings: Any, token: str) -> None:
    settings.BAD_TOKEN_RATE = "3/min"
    with time_machine.travel(FIRED, tick=False):
        assert [post(token=f"guess-{n}").status_code for n in range(5)] == [401, 401, 401, 429, 429]
        assert post(token=token).status_code == 200
        assert post(token="guess", REMOTE_ADDR="192.0.2.7").status_code == 401
    with time_machine.travel(FIRED + timedelta(seconds=61), tick=False):
        assert post(token="guess").status_code == 401


# -- secrets


@pytest.mark.parametrize(
    "body",
    [
        FORM,
        '{"a":{"token" : "%s"},"event_type":"ENTRY","trade_id":"x","entry_price":1}',
        '{"event_type":"ENTRY","token":"%s',
        '{"event_type":"HEARTBEAT","timestamp":1,"note":"{\\"token\\":\\"%s\\"}"}',
        "{'token': '%s'}",
        '{"token":%s}',
        '{"token":"%s,"event_type":"ENTRY"}',
        FORM.replace('"token"', '"token'),
        FORM.replace('"token"', 'token"'),
        FORM.replace('"token"', " token"),
        FORM.replace('"token"', '"\\u0074oken"'),
        '{"token":["%s"],"event_type":"ENTRY"}',
    ],
    ids=[
        *("whole", "nested", "cut off", "quoted", "single quotes", "bare", "quote missing"),
        *("name unclosed", "name unopened", "name without quotes", "name escaped", "list"),
    ],
)
@pytest.mark.parametrize("place", ["stored", "spooled"])
def test_a_secret_is_found_nowhere(
    body: str, place: str, token: str, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    caplog.handler.addFilter(console := TokenFilter())
    if place == "spooled":

        def take_in(*args: Any, **options: Any) -> Any:
            raise OperationalError(f"could not store {args[1][0].body!r}")

        monkeypatch.setattr(webhook, "take_in", take_in)
    response = post((body % token).encode(), token=token)
    post((body % token).encode())
    post(b"{}", token=f"{token}/further")
    caplog.handler.removeFilter(console)
    assert response.status_code in {200, 202}
    record = first_spooled()
    assert (record is None) == (place == "stored")
    assert record is None or token.encode() not in record.body
    assert rows_with(token) == []
    assert len(rows_with(hash_token(token))) == 1  # the token's own row
    assert token not in caplog.text + response.content.decode()


def test_who_has_another_right_to_post_may_call_a_ticker_token(opened: Source) -> None:
    """As two public set-ups do: "token": "{{ticker}}"."""
    body = FORM % "BTCUSDT"
    assert post(body.encode()).json()["status"] == "accepted"
    assert post(body.encode(), token=new_token(opened)).json()["status"] == "duplicate"
    assert Delivery.objects.get(status="accepted").raw == body.encode()


def test_a_token_of_another_source_stays_a_secret_beside_an_address(token: str, opened: Source) -> None:
    short = "tok-1"
    SourceToken.objects.create(source=opened, token_hash=hash_token(short))
    post((FORM % short).encode(), token=token)
    assert b'"token":"***"' in Delivery.objects.get().raw


def test_a_field_is_a_credential_only_under_the_name_that_its_source_has(source: Source, token: str) -> None:
    source.token_field = "passKey"
    source.save()
    assert post((FORM % token).encode()).status_code == 401
    assert post((FORM % token).replace('"token"', '"PASSKEY"').encode()).json()["status"] == "accepted"
    assert Delivery.objects.get().raw == (FORM % "***").replace('"token"', '"PASSKEY"').encode()


def test_a_source_without_such_a_name_takes_its_token_in_the_address_alone(source: Source, token: str) -> None:
    source.token_field = ""
    source.save()
    assert post((FORM % token).encode()).status_code == 401
    assert post((FORM % token).encode(), token=token).json()["status"] == "accepted"
    assert rows_with(token) == []


def test_a_token_is_taken_wherever_its_field_stands_among_others_of_that_name(source: Source, token: str) -> None:
    Source.objects.create(name="other", token_field="key")
    body = (FORM % "PEPEUSDT")[:-1] + f',"key":"of somebody else","more":{{"token":"{token}"}}}}'
    assert post(body.encode()).json()["status"] == "accepted"
    assert Delivery.objects.get().raw.decode() == body.replace(token, "***")


def test_what_belongs_to_somebody_else_is_kept_with_the_bytes(token: str) -> None:
    body = FORM % "a-secret-of-another-service-0123456789"
    assert post(body.encode(), token=token).json()["status"] == "accepted"
    assert Delivery.objects.get().raw == body.encode()


@pytest.mark.parametrize("name", ["to ken", "a.b", "1st", '"'])
def test_the_name_of_a_field_is_one(name: str, source: Source) -> None:
    source.token_field = name
    with pytest.raises(ValidationError, match="Give a field's name"):
        source.full_clean()


def test_masking_is_the_only_change(token: str) -> None:
    post((FORM % token).encode())
    assert Delivery.objects.get().raw == (FORM % "***").encode()


def test_rotating_a_token_does_not_make_a_retry_another_alert(source: Source, token: str) -> None:
    with time_machine.travel(FIRED, tick=False):
        statuses = [post((FORM % each).encode()).json()["status"] for each in (token, new_token(source))]
    assert statuses == ["accepted", "duplicate"]


def test_a_token_whose_name_lost_a_quote_still_names_the_source(source: Source, token: str) -> None:
    assert post((FORM % token).replace('"token"', '"token').encode()).json()["events"] == 1
    delivery = Delivery.objects.get()
    assert delivery.source == source
    assert '"token":"***"' in delivery.repaired_text


@example(secret=":", more={})
@example(secret=":0", more={})
@given(secret=st.text(min_size=1).filter(lambda text: "***" not in text), more=st.dictionaries(st.text(), st.text()))
def test_a_masked_message_says_everything_but_the_token(secret: str, more: dict[str, str]) -> None:
    message = {"token": secret, "rest": json.dumps(more)}
    masked, _ = mask_body(json.dumps(message).encode())
    assert json.loads(masked)["token"] == "***"
    assert mask_body(masked)[0] == masked


@given(st.binary())
def test_masking_changes_nothing_the_second_time(body: bytes) -> None:
    once, _ = mask_body(b'{"token":"abc' + body)
    assert mask_body(once)[0] == once


# -- addresses


@pytest.fixture
def opened(source: Source) -> Source:
    source.open_on_loopback = True
    source.save()
    return source


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_may_post_to_an_open_source_without_a_token(address: str, opened: Source) -> None:
    assert post(REMOTE_ADDR=address).status_code == 200


@pytest.mark.parametrize("address", ["192.168.0.2", "::ffff:192.168.0.2", "52.89.214.238", ""])
def test_another_machine_may_not(address: str, opened: Source) -> None:
    assert post(REMOTE_ADDR=address).status_code == 401


@pytest.mark.parametrize(
    "sign",
    [
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_X_FORWARDED_PROTO": "https"},
        {"HTTP_X_REAL_IP": "127.0.0.1"},
        {"HTTP_FORWARDED": "for=127.0.0.1"},
        {"HTTP_VIA": "1.1 proxy"},
        {"HTTP_ORIGIN": "https://evil.example"},
        {"HTTP_ORIGIN": "null"},
    ],
    ids=lambda sign: next(iter(sign)),
)
def test_what_a_proxy_or_a_page_of_another_site_passes_on_is_a_strangers(sign: dict[str, str], opened: Source) -> None:
    assert post(**sign).status_code == 401


@pytest.mark.parametrize("host", ["demo.example.com", "demo.example.com:8000", "10.0.0.5", "localhost.evil.example"])
def test_who_was_asked_for_by_a_public_name_passes_on_a_stranger(host: str, opened: Source, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert post(HTTP_HOST=host).status_code == 401


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000", "LOCALHOST:1"])
def test_the_readmes_request_from_this_machine_needs_no_token(host: str, opened: Source, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert post(HTTP_HOST=host).status_code == 200


def test_our_own_pages_may_post(opened: Source) -> None:
    assert post(HTTP_HOST="localhost:8000", HTTP_ORIGIN="http://localhost:8000").status_code == 200


def test_behind_a_trusted_proxy_nobody_is_this_machine(settings: Any, opened: Source) -> None:
    settings.TRUSTED_PROXIES = 1
    assert post().status_code == 401


@pytest.mark.parametrize(
    ("proxies", "forwarded", "sender"),
    [
        (0, "52.89.214.238", "10.0.0.1"),
        (1, "52.89.214.238", "52.89.214.238"),
        (1, "127.0.0.1, 6.6.6.6, 52.89.214.238", "52.89.214.238"),
        (2, "127.0.0.1, 52.89.214.238, 10.0.0.9", "52.89.214.238"),
        (2, "52.89.214.238", "10.0.0.1"),
        (1, "unknown", None),
        (1, "", "10.0.0.1"),
    ],
)
def test_the_sender_is_counted_from_the_right(
    proxies: int, forwarded: str, sender: str | None, settings: Any, token: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    post(token=token, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)
    assert Delivery.objects.get().remote_addr == sender


@pytest.mark.parametrize("production", [True, False])
def test_the_default_source_is_made_once_and_takes_nothing_without_a_token(
    production: bool, settings: Any, source: Source
) -> None:
    assert default_source() == source
    Source.objects.update(is_default=False, open_on_loopback=False)
    settings.PRODUCTION = production
    made = default_source()
    assert (made.is_default, made.open_on_loopback) == (True, False)
    assert default_source() == made
    assert post().status_code == 401
