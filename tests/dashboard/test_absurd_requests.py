"""Values that no column, parser or clock can hold: each is the sender's mistake, answered 4xx, on any database."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from dashboard.telling.addresses import address
from signals.dialects.jsontext import parsed
from signals.models import Source
from signals.receiving.senders import default_source
from tests.builders import at, created, entry, send

pytestmark = pytest.mark.django_db
DEEP = "[" * 10_000
MODELS = sorted(admin.site._registry, key=lambda model: model.__name__)
LOOKUPS = [
    {"q": "a\0b"},
    {"q": "9" * 400},
    {"q": "\N{FULLWIDTH DIGIT NINE}" * 30},
    {"id__exact": "9" * 30},
    {"id__exact": "\0"},
    {"pk__in": "9" * 400},
    {"p": "9" * 5000},
    {"source__id__exact": "9" * 30},
    {"signal__id__exact": "-" + "9" * 30},
    {"run__id__exact": "9" * 30},
    {"run_id__exact": "9" * 30},
    {"events__signal__id__exact": "9" * 30},
    {"received_at__year": "9" * 9},
    {"first_event_at__year": "0"},
    {"started_at__year": "99999", "started_at__month": "13"},
    {"at_from_0": "9999-12-31", "at_from_1": "23:59:59"},
    {"received_at_from_0": "0001-01-01", "received_at_to_0": "9" * 40},
]


@pytest.fixture
def boss(client: Client) -> Client:
    send([(created(), at(1)), (entry(), at(3))])
    client.force_login(User.objects.create_superuser("boss", password="irrelevant-here"))
    client.raise_request_exception = False
    return client


@pytest.mark.filterwarnings("default::RuntimeWarning")  # unfold hands over what was typed without a zone
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_lookup_of_the_admin_fails(boss: Client, model: type[Model]) -> None:
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    failed = [(lookup, code) for lookup in LOOKUPS if (code := boss.get(page, lookup).status_code) >= 500]
    assert failed == []


@pytest.mark.parametrize("key", ["9" * 30, "-1", "%00", "a%00b", "x" * 2000, "\N{FULLWIDTH DIGIT NINE}" * 30])
def test_no_key_in_an_address_fails(boss: Client, key: str) -> None:
    pages = [reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") for model in MODELS]
    paths = [f"{page}{key}/change/" for page in pages] + [f"/api/automated-signals/signals/{key}", f"/{key}"]
    assert [(path, code) for path in paths if (code := boss.get(path).status_code) >= 500] == []


@pytest.mark.parametrize(
    "body", [DEEP, '{"a":' * 10_000, "9" * 5000, '{"trade_ids": ["\\u0000"]}', "\0", '"' + "x" * 9]
)
@pytest.mark.parametrize("path", ["/api/sync/run", "/api/sync/signals/x/reconcile"])
def test_a_body_that_cannot_be_read_is_refused(boss: Client, path: str, body: str) -> None:
    answer = boss.post(path, body, content_type="application/json")
    assert 400 <= answer.status_code < 500
    assert "json" in answer["Content-Type"]


@pytest.mark.parametrize("expiry", ["9999-12-31T23:59", "0001-01-01T00:00", "2201-01-01T00:00"])
def test_an_expiry_that_no_clock_shows_is_refused(boss: Client, expiry: str) -> None:
    source = default_source()
    given = {"alert_expires_at": expiry, "update_minutes": "1", "confirm": "yes"}
    assert boss.post(address("change-source", source.pk), given).status_code == 200
    assert boss.post(
        address("create-source"), {"name": "x", "symbol": "S", "calendar": "24/7", "tick_size": "1", **given}
    )
    assert list(Source.objects.values_list("alert_expires_at", flat=True)) == [None]


WRONG: list[tuple[str, Any]] = [
    ("tick_size", Decimal(0)),
    ("tick_size", Decimal(-1)),
    ("update_minutes", 0),
    ("alert_expires_at", datetime(9999, 12, 31, 23, tzinfo=UTC)),
    ("alert_expires_at", datetime(1, 1, 1, tzinfo=UTC)),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_the_database_itself_refuses_what_breaks_a_sources_pages(field: str, value: Any) -> None:
    default_source()
    with pytest.raises(IntegrityError), transaction.atomic():
        Source.objects.update(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, str(value)) for field, value in WRONG[:3]),
        ("zones", DEEP),
        ("gaps_off", "5"),
        ("tiers_off", '{"a":1}'),
    ],
)
def test_the_admin_refuses_it_in_its_form_and_all_signals_stays(boss: Client, field: str, value: str) -> None:
    source = default_source()
    page = reverse("admin:signals_source_change", args=[source.pk])
    form = boss.get(page).context["adminform"].form
    given = {name: form[name].value() for name in form.fields}
    given = {name: value for name, value in given.items() if value not in (None, False)}
    inlines = {f"{kind}-{part}_FORMS": "0" for kind in ("tokens", "alert_ids") for part in ("TOTAL", "INITIAL")}
    answer = boss.post(page, {**given, **inlines, field: value})
    assert answer.status_code in (200, 400)
    source.refresh_from_db()
    assert (source.tick_size, source.update_minutes, source.gaps_off) == (Decimal("0.25"), 1, [])
    assert boss.get("/console/signals/").status_code == 200


@pytest.mark.parametrize(
    ("told", "stored"),
    [
        ("203.0.113.7:51234", "203.0.113.7"),
        ("[::1]:80", "::1"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("garbage", None),
        ("999.1.1.1", None),
        ("a" * 500, None),
        ("[::1", "::1"),
    ],
)
@pytest.mark.parametrize("name", ["operator", "x" * 300, "a\0b", "\N{FULLWIDTH DIGIT NINE}" * 200])
def test_no_name_and_no_address_makes_signing_in_fail(
    client: Client, settings: Any, told: str, stored: str | None, name: str
) -> None:
    settings.TRUSTED_PROXIES = 1
    client.raise_request_exception = False
    secret = b64encode(f"{name}:wrong".encode()).decode()
    basic = client.get("/api/sync/health", HTTP_AUTHORIZATION=f"Basic {secret}", HTTP_X_FORWARDED_FOR=told)
    form = client.post("/admin/login/", {"username": name, "password": "wrong"}, HTTP_X_FORWARDED_FOR=told)
    assert (basic.status_code, form.status_code) == (401, 200)
    if name == "operator":
        assert {attempt.ip_address for attempt in AccessAttempt.objects.all()} == {stored}


def test_a_lock_counts_the_address_whatever_its_port(client: Client, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    for port in range(20):
        answer = client.post(
            "/admin/login/",
            {"username": "operator", "password": "wrong"},
            HTTP_X_FORWARDED_FOR=f"203.0.113.7:{5000 + port}",
        )
    assert answer.status_code == 429


def test_a_name_twice_in_a_long_object_is_found_at_once() -> None:
    names = [f"n{number}" for number in range(60_000)]
    text = json.dumps(dict.fromkeys(names, 1))[:-1] + ', "n59999": 1}'
    (spoilt,) = parsed(text)
    assert "n59999" in spoilt.problem
