"""No token of ours is in anything that is stored, wherever in a body it stands and however broken that is."""

import json
import time
from itertools import count
from typing import Any

import pytest
from django.core.cache import cache
from hypothesis import given
from hypothesis import strategies as st

from signals.models import Delivery, SourceToken
from signals.receiving.alertlog import import_log
from signals.receiving.masking import mask_hidden
from signals.receiving.senders import hash_token, new_token
from tests.builders import TRADE_ID, created
from tests.posting import FIRED, open_source, post, rows_with

TOKEN = "aB3-_xYz0123456789kLmNoPqRsTuVwX"
numbers = count()


def hidden(body: bytes, token: str = TOKEN) -> bytes:
    return mask_hidden(body, lambda word: word == token, {len(token)})


def as_json_escapes(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


def as_percents(text: str) -> str:
    return "".join(f"%{ord(letter):02X}" for letter in text)


SPELLINGS = (
    str, as_json_escapes, as_percents,
    lambda text: as_json_escapes(text).replace("\\", "\\\\"),
    lambda text: text[:5] + as_json_escapes(text[5:9]) + as_percents(text[9:12]) + text[12:],
    lambda text: "\\".join([text[:7], text[7:]]),
)  # fmt: skip


@pytest.mark.parametrize("spelled", SPELLINGS)
@pytest.mark.parametrize(
    "around", ["{}", '{{"{}":1}}', '{{"a":"x{}y"}}', '{{"a":["{}', "https://host/webhook/{}/", "a={}&b"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_token_is_covered_in_every_spelling(spelled: Any, around: str, encoding: str) -> None:
    body = around.format(spelled(TOKEN)).encode(encoding)
    covered = hidden(body).decode(encoding)
    assert covered == around.format("*" * len(spelled(TOKEN)))


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_all_else_stays_as_it_is(before: bytes, after: bytes) -> None:
    body = before + b" " + TOKEN.encode() + b" " + after
    assert hidden(body) == before + b" " + b"*" * len(TOKEN) + b" " + after


@given(st.binary(max_size=400))
def test_a_body_without_a_token_stays_as_it_is(body: bytes) -> None:
    assert hidden(body) == body


@pytest.mark.parametrize(
    "body", [b"a" * 200_000, b"a\x00" * 90_000, b"\x00" * 200_000, (b"\x00a\x00" * 23 + b" ") * 2000]
)
def test_hostile_bodies_cost_linear_time(body: bytes) -> None:
    started = time.process_time()
    hidden(body)
    assert time.process_time() - started < 5


pieces = st.sampled_from(
    [b"{", b"}", b'"', b":", b",", b"\\", b"[", b" ", b"\n", b"\x00", b"\xff", b"token", b"'", b"null"]
)
noise = st.lists(pieces | st.binary(max_size=6), max_size=8).map(b"".join)


@st.composite
def bodies(draw: st.DrawFn) -> Any:
    """A real alert with a token somewhere in it, then broken somewhere; the token's place stays whole."""
    spelled = draw(st.sampled_from(SPELLINGS))
    place = draw(st.sampled_from(["key", "value", "text", "reason", "front", "end", "id", "symbol"]))
    breaks = draw(st.booleans())
    front, end = (draw(noise), draw(noise)) if breaks else (b"", b"")
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16"]))

    def made(token: str) -> bytes:
        word, fields = "0TOKEN0", created(TRADE_ID[:9] + f"{next(numbers) % 86400:06d}000_BULLISH", exit_reason="x")
        if place == "key":
            fields[word] = 1
        elif place in ("value", "reason", "id", "symbol"):
            fields[{"value": "note", "reason": "cancel_reason", "id": "trade_id", "symbol": "symbol"}[place]] = word
        text = json.dumps({**fields, "event_type": "CANCELLED"} if place == "reason" else fields)
        text = {"front": word + text, "end": text + word, "text": f"alert {word} fired"}.get(place, text)
        return front + text.replace(word, spelled(token)).encode(encoding) + end

    return made


@pytest.mark.django_db
@given(bodies(), st.sampled_from(["webhook", "log"]))
def test_no_token_is_stored_anywhere(made: Any, way: str) -> None:
    source = open_source()
    token = new_token(source, label="t")
    cache.clear()
    body = made(token)
    if way == "webhook":
        assert post(body).status_code in (200, 202)
    else:
        cell = body.decode("utf-8", "surrogateescape").replace('"', '""').replace("\x00", "")
        import_log(["Alert ID,Ticker,Description,Time\n", f'1,MNQ1!,"{cell}",2025-12-11T15:00:00Z\n'], now=FIRED)
    assert Delivery.objects.exists()
    assert rows_with(token) == []
    assert rows_with(hash_token(token)) != []  # one looks in the right place
    SourceToken.objects.all().delete()
