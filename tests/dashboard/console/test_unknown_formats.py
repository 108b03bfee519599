"""Unknown formats: what nobody could read by shape, and the ways out: use a built-in format, teach one, dismiss."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard import jobs
from dashboard.models import Job
from signals.dialects.builtin import BUILTIN
from signals.models import AutomatedSignal, Format, Quarantine
from signals.receiving.senders import default_source
from signals.teaching.known import forget
from signals.teaching.saving import save

from .conftest import UNREADABLE, As, quarantined
from .test_actions import previewed

pytestmark = pytest.mark.django_db
PAGE, FORMATS = reverse("console:unknown-formats"), reverse("console:formats")
BUY = b'{"action":"buy","ticker":"BTCUSDT","price":65000,"time":"2026-11-26T08:00:00Z"}'
EXIT = b'{"action":"exit","ticker":"BTCUSDT","price":65100,"time":"2026-11-26T09:00:00Z"}'
OWN = b"sym: ES1!; way: up; px: 5012.25"


@pytest.fixture(autouse=True)
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The keys of the jobs that were queued, in order."""
    queued: list[int] = []
    monkeypatch.setattr(jobs, "async_task", lambda _, key, **__: queued.append(key))
    return queued


def shape(row: Quarantine) -> str:
    return reverse("console:teach", args=[row.shape])


def use(name: str, row: Quarantine | None = None) -> str:
    return reverse("console:use-format", args=[name]) + (f"?shape={row.shape}" if row else "")


def filled(client: Client, link: str, **changed: Any) -> dict[str, Any]:
    """What the mapper's fields hold on this page, with some of them changed, as a browser would send them."""
    form = client.get(link).context["form"]
    data: dict[str, Any] = {}
    for name, field in form.fields.items():
        value = changed.get(name, form[name].value())
        value = getattr(value, "pk", value)
        if value not in (None, False):
            data[name] = field.prepare_value(value) if hasattr(field, "prepare_value") else value
    return data


def done(client: Client, link: str, data: dict[str, Any]) -> str:
    """Preview what was typed, and confirm that."""
    shown = client.post(link, data).content
    return client.post(link, data | {"confirm": "yes", "previewed": previewed(shown)}, follow=True).content.decode()


def test_other_alerts_stand_apart_from_damaged_messages_each_shape_once(signed_in: As) -> None:
    quarantined(BUY, 6)
    newest = quarantined(EXIT, 7)
    quarantined(b"BTCUSDT Crossing 65,000", 8)
    quarantined(UNREADABLE, 9)
    seen = signed_in("Viewer").get(PAGE).context
    assert [group.shape.count for group in seen["foreign"]] == [2, 1]
    assert seen["foreign"][0].shape.sample == newest.delivery_id
    assert [fit.spec["name"] for fit in seen["foreign"][0].fits] == ["traderspost"]
    assert [group.shape.count for group in seen["damaged"]] == [1]


def test_nothing_unknown_says_that_this_is_good_and_what_would_stand_here(signed_in: As) -> None:
    assert b"Nothing waits that could not be read" in signed_in("Viewer").get(PAGE).content


@pytest.mark.parametrize(
    ("role", "dismiss", "teach"), [("Viewer", False, False), ("Operator", True, False), ("Administrator", True, True)]
)
def test_each_role_is_offered_what_it_may_do(role: str, dismiss: bool, teach: bool, signed_in: As) -> None:
    row = quarantined(BUY)
    shown = signed_in(role).get(PAGE).content.decode()
    assert (reverse("console:dismiss-shape", args=[row.shape]) in shown) == dismiss
    assert (shape(row) in shown) == (use("traderspost", row) in shown) == teach


def test_the_list_costs_the_same_whatever_waits(signed_in: As, django_assert_max_num_queries: Any) -> None:
    client = signed_in("Administrator")
    for number in range(12):
        quarantined(b'{"key%d": 1}' % number, number)
    with django_assert_max_num_queries(12):
        client.get(PAGE, headers={"HX-Request": "true"})


def test_all_of_a_shape_are_dismissed_with_one_reason(signed_in: As) -> None:
    row, other = quarantined(BUY, 6), quarantined(b"<html>", 8)
    quarantined(EXIT, 7)
    link = reverse("console:dismiss-shape", args=[row.shape])
    client = signed_in("Operator")
    assert b"2 alerts" in client.get(link).content
    client.post(link, {"note": "another bot's", "confirm": "yes"})
    assert list(Quarantine.objects.filter(state="open")) == [other]
    assert set(Quarantine.objects.filter(state="dismissed").values_list("note", flat=True)) == {"another bot's"}


def test_a_built_in_format_is_tried_before_it_is_used_and_reads_what_waits(signed_in: As, tasks: list[int]) -> None:
    row = quarantined(BUY, 6)
    quarantined(EXIT, 7)
    client, link = signed_in("Administrator"), use("traderspost", row)
    source = default_source().pk
    shown = client.get(link).content.decode()
    assert "2 of 2 alerts can be read" in shown
    assert not Format.objects.exists()
    told = done(client, link, {"source": source, "replay": "on"})
    assert "reads again what waits" in told
    assert [jobs.work(key) for key in tasks]
    signal = AutomatedSignal.objects.get()
    assert (signal.entry_price, signal.status) == (65000, "COMPLETED")
    assert not Quarantine.objects.filter(state="open").exists()
    assert Job.objects.get().done == 2
    assert LogEntry.objects.filter(change_message__contains="traderspost").exists()


def test_the_mapper_begins_with_a_suggestion_and_the_sample_beside_it(signed_in: As) -> None:
    row = quarantined(BUY)
    seen = signed_in("Administrator").get(shape(row))
    assert "ticker" in seen.context["form"]["value_symbol"].value()
    assert b"BTCUSDT" in seen.content
    assert not Format.objects.exists()


def test_the_mapper_costs_the_same_however_much_waits(signed_in: As, django_assert_max_num_queries: Any) -> None:
    client, row = signed_in("Administrator"), quarantined(BUY, 5)
    for minute in range(6, 16):
        quarantined(EXIT, minute)
    with django_assert_max_num_queries(24):
        client.get(shape(row))


def test_typing_is_answered_with_the_preview_alone_and_changes_nothing(signed_in: As) -> None:
    row, client = quarantined(BUY), signed_in("Administrator")
    data = filled(client, shape(row), name="mine")
    part = client.post(shape(row), data, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert 'name="previewed"' in part
    assert "BTCUSDT" in part
    wrong = client.post(shape(row), data | {"value_symbol": "a.."}, headers={"HX-Request": "true"}).content.decode()
    assert "values.symbol" in wrong
    assert 'name="confirm"' not in wrong
    assert not Format.objects.exists()


def test_a_text_is_taught_and_read(signed_in: As, tasks: list[int]) -> None:
    row, client = quarantined(OWN), signed_in("Administrator")
    data = filled(
        client, shape(row), name="mine", between=["line", ";"], equals=":", has="sym, way", value_symbol="sym",
        value_action="way", value_price="px", if_0="action = up", then_0="open long", trade_id="symbol", templates="",
    )  # fmt: skip
    done(client, shape(row), data)
    assert [jobs.work(key) for key in tasks]
    assert AutomatedSignal.objects.get().direction == "Bullish"


def test_what_another_shape_of_a_known_format_left_is_read_again(signed_in: As, tasks: list[int]) -> None:
    row, client = quarantined(b'{"ticker":"AMD","action":"buy","sentiment":"long"}'), signed_in("Administrator")
    taught(client)
    forget()
    link = reverse("console:read-shape", args=[row.shape])
    assert link in client.get(PAGE).content.decode()
    client.post(link, {"confirm": "yes"})
    assert [jobs.work(key) for key in tasks]
    assert AutomatedSignal.objects.count() == 1


def test_a_secret_of_the_sample_is_not_shown_beside_its_path(signed_in: As) -> None:
    row = quarantined(b'{"symbol":"SBIN","action":"BUY","apikey":"0123abcd"}')
    assert b"0123abcd" not in signed_in("Administrator").get(shape(row)).content


def taught(client: Client) -> Format:
    done(client, use("traderspost"), {"source": default_source().pk})
    return Format.objects.get(state="active")


def test_a_draft_does_not_take_the_name_of_a_format_in_use(signed_in: As) -> None:
    client, spec = signed_in("Administrator"), dict(BUILTIN["traderspost"].spec) | {"name": "my-format"}
    save(spec, source=None, by=None, now=timezone.now())
    assert client.get(shape(quarantined(OWN))).context["form"]["name"].value() == "my-format-2"


def test_that_a_source_of_signals_would_owe_less_is_said_before(signed_in: As, trade: None) -> None:
    client, source = signed_in("Administrator"), default_source().pk
    assert b"has signals already" in client.post(use("traderspost"), {"source": source}).content
    assert b"stays a gap" in client.post(use("traderspost"), {"source": ""}).content


def test_a_format_is_retired_and_brought_back_as_a_new_version(signed_in: As) -> None:
    client = signed_in("Administrator")
    first = taught(client)
    client.post(reverse("console:retire-format", args=[first.pk]), {"confirm": "yes"})
    assert not Format.objects.filter(state="active").exists()
    client.post(reverse("console:restore-format", args=[first.pk]), {"confirm": "yes"})
    assert Format.objects.get(state="active").version == 2


def test_a_change_is_a_new_version_and_the_old_one_is_kept(signed_in: As) -> None:
    client = signed_in("Administrator")
    first = taught(client)
    link = reverse("console:change-format", args=[first.pk])
    done(client, link, filled(client, link, title="Mine"))
    newest = Format.objects.get(state="active")
    assert (newest.version, newest.spec["title"]) == (2, "Mine")
    shown = client.get(reverse("console:format", args=[newest.pk])).content.decode()
    assert reverse("console:format", args=[first.pk]) in shown


def test_what_is_exported_can_be_imported_again(signed_in: As) -> None:
    client = signed_in("Administrator")
    taught(client)
    exported = client.get(reverse("console:export-formats")).content.decode()
    link = reverse("console:import-formats")
    assert b"This cannot be done" in client.post(link, {"text": "{oops"}).content
    done(client, link, {"text": exported})
    assert Format.objects.filter(state="active", source=None).count() == 1


def test_the_list_of_formats_costs_the_same_however_many_there_are(
    signed_in: As, django_assert_max_num_queries: Any
) -> None:
    client = signed_in("Administrator")
    taught(client)
    with django_assert_max_num_queries(14):
        client.get(FORMATS)


OFFERED = [name for name, each in BUILTIN.items() if each.offered]


@pytest.mark.parametrize("name", OFFERED)
def test_every_format_that_is_offered_comes_in_by_clicks_alone(name: str, signed_in: As, tasks: list[int]) -> None:
    row, client = quarantined(BUILTIN[name].samples[0].encode()), signed_in("Administrator")
    assert use(name, row) in client.get(PAGE).content.decode()
    done(client, use(name, row), {"source": default_source().pk, "replay": "on"})
    assert [jobs.work(key) for key in tasks]
    assert not Quarantine.objects.filter(state="open").exists()


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b'"buy"', b"123", b"null", b"{}", b'{"a b": {"c.d": [1, {"e\\"f": null}]}}', "würde 🚀; ; = :".encode(),
        b"\xff\xfe\x00", b"{{strategy.order.action}} now", b'{"' + b"k" * 300 + b'": "' + b"v" * 9000 + b'"}',
        b"[" * 500, b"a=b" * 3000, b"<html><body>Hi</body></html>", b"  \n ",
    ],
)  # fmt: skip
def test_the_pages_bear_whatever_was_sent(body: bytes, signed_in: As) -> None:
    row, client = quarantined(body), signed_in("Administrator")
    assert client.get(PAGE).status_code == 200
    shown = client.get(shape(row))
    assert shown.status_code == 200
    answer = client.post(shape(row), filled(client, shape(row)), headers={"HX-Request": "true"})
    assert answer.status_code == 200


@pytest.mark.parametrize("asked", ["%00", "x" * 500, "0" * 32, "é"])
def test_a_shape_that_does_not_wait_is_not_found(asked: str, signed_in: As) -> None:
    assert signed_in("Administrator").get(f"{use('traderspost')}?shape={asked}").status_code == 404
