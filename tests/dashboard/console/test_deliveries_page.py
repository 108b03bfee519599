"""The feed: what arrived, filtered and bounded; one delivery; and the gauge of alerts in 3 minutes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from dashboard.watching.pulses import LIMIT_WINDOW, busiest
from reconciliation.models import SyncAuditLog
from signals.intake import take_in
from signals.models import Delivery, Source, first_id, new_delivery_id
from signals.parcels import Incoming
from signals.receiving.senders import default_source
from signals.vocabulary import Channel
from tests.builders import created, incoming, send, update

from .conftest import As, quarantined

NOON = datetime(2025, 12, 11, 12, tzinfo=UTC)
SECONDS = st.lists(st.integers(0, 3600), max_size=60)


def after(seconds: Sequence[int]) -> list[datetime]:
    return [NOON + timedelta(seconds=second) for second in seconds]


def test_the_most_alerts_in_any_three_minutes() -> None:
    assert busiest([]) == 0
    assert busiest(after([0, 60, 120, 179, 180, 600])) == 4
    assert busiest(after([600, 0, 601, 60])) == 2


@given(SECONDS)
def test_no_stretch_of_three_minutes_holds_more(seconds: list[int]) -> None:
    moments = after(seconds)
    most = busiest(moments)
    assert most == max((sum(start <= m < start + LIMIT_WINDOW for m in moments) for start in moments), default=0)


def test_ids_of_a_period_are_a_range_of_the_key() -> None:
    before, made, later = timezone.now() - timedelta(seconds=1), new_delivery_id(), timezone.now()
    assert first_id(before) < made < first_id(later + timedelta(seconds=1))


pages = pytest.mark.django_db
FEED = reverse("console:deliveries")


def shown(client: Client, **filters: str) -> list[Delivery]:
    return list(client.get(FEED, filters).context["rows"])


@pages
def test_the_feed_shows_the_latest_first_and_narrows_it(signed_in: As) -> None:
    client, other = signed_in("Viewer"), Source.objects.create(name="other")
    now = timezone.now()
    send([(created(), now)])
    quarantined()
    take_in(other, [Incoming(body=b'{"event_type":"HEARTBEAT"}', received_at=now)], now=now)
    assert [row.status for row in shown(client)] == ["accepted", "quarantined", "accepted"]
    assert [row.source for row in shown(client, source="other")] == [other]
    assert [row.status for row in shown(client, status="quarantined")] == ["quarantined"]
    assert [row.dialect for row in shown(client, dialect="plain")] == ["plain"]
    assert [row.channel for row in shown(client, channel="log")] == ["log"]
    assert len(shown(client, status="nonsense")) == 3


@pages
def test_a_period_leaves_out_what_was_stored_before(signed_in: As) -> None:
    client = signed_in("Viewer")
    long_ago = first_id(timezone.now() - timedelta(days=3))
    send([(created(), NOON)])
    old = Delivery.objects.get()
    Delivery.objects.create(
        id=long_ago, source=old.source, channel="log", received_at=NOON, fire_minute=NOON, checksum="x", size=0,
        status="accepted",
    )  # fmt: skip
    assert [row.pk for row in shown(client)] == [old.pk]
    assert [row.pk for row in shown(client, period="week")] == [old.pk, long_ago]
    that_day = timezone.now().astimezone(ZoneInfo("America/New_York")).date() - timedelta(days=3)
    assert [row.pk for row in shown(client, until=f"{that_day}")] == [long_ago]


@pages
@pytest.mark.parametrize("until", ["9999-12-31", "0001-01-01", "2025-02-30", "x"])
def test_a_date_that_cannot_be_is_left_out_and_said(until: str, signed_in: As) -> None:
    send([(created(), NOON)])
    answer = signed_in("Viewer").get(FEED, {"until": until})
    assert len(answer.context["rows"]) == 1
    assert b"A filter was not understood" in answer.content


@pages
def test_an_empty_feed_says_what_to_do(signed_in: As) -> None:
    told = signed_in("Viewer").get(FEED).content.decode()
    assert "Nothing arrived in the last 24 hours." in told
    assert "Choose a longer period" in signed_in("Viewer").get(FEED, {"status": "duplicate"}).content.decode()


@pages
def test_the_gauge_counts_alerts_once_and_warns_at_tradingviews_limit(signed_in: As) -> None:
    now, source = timezone.now(), default_source()
    for n in range(15):
        take_in(source, [Incoming(body=f'{{"event_type":"HEARTBEAT","n":{n}}}'.encode(), received_at=now)], now=now)
    take_in(source, [Incoming(body=b'{"event_type":"HEARTBEAT","n":1}', received_at=now)], now=now)
    answer = signed_in("Viewer").get(FEED)
    (pulse,) = answer.context["pulses"]
    assert (pulse.now, pulse.most, pulse.tone) == (15, 15, "bad")
    assert b"TradingView stops an alert that fires more than 15 times" in answer.content


@pages
def test_the_gauge_knows_nothing_of_alert_logs(signed_in: As) -> None:
    now = timezone.now()
    row = Incoming(body=b'{"event_type":"HEARTBEAT"}', received_at=now, fired_at=now, channel=Channel.LOG)
    take_in(default_source(), [row], now=now)
    answer = signed_in("Viewer").get(FEED)
    assert [(pulse.now, pulse.last) for pulse in answer.context["pulses"]] == [(0, None)]
    assert b"none in 7 days" in answer.content


@pages
def test_latency_is_exact_where_a_log_told_the_fire_time_and_a_bound_elsewhere(signed_in: As) -> None:
    minute = timezone.now().replace(second=0, microsecond=0)
    received = minute + timedelta(seconds=4)
    body = b'{"event_type":"HEARTBEAT"}'
    take_in(default_source(), [Incoming(body=body, received_at=received)], now=received)
    assert "≤ 4.0 s" in signed_in("Viewer").get(FEED).content.decode()
    take_in(default_source(), [incoming(body, minute + timedelta(seconds=3))], now=received)
    assert "1.0 s" in signed_in("Viewer").get(FEED, {"status": "accepted"}).content.decode()


@pages
@pytest.mark.usefixtures("trade")
def test_one_delivery_shows_its_bytes_its_events_and_its_copies(signed_in: As) -> None:
    send([(created(), datetime(2025, 12, 11, 14, 41, tzinfo=UTC))])
    original = Delivery.objects.filter(duplicates__isnull=False).get()
    told = signed_in("Viewer").get(reverse("console:delivery", args=[original.pk])).content.decode()
    assert "&quot;event_type&quot;: &quot;SIGNAL_CREATED&quot;" in told
    assert "Signal created" in told
    copy = Delivery.objects.get(duplicate_of=original)
    assert str(copy.pk) in told
    assert (
        "A duplicate keeps no bytes"
        in signed_in("Viewer").get(reverse("console:delivery", args=[copy.pk])).content.decode()
    )


@pages
def test_what_a_sender_wrote_is_escaped_and_tokens_are_masked(signed_in: As) -> None:
    row = quarantined(b"<script>alert(1)</script>")
    for link in (reverse("console:delivery", args=[row.delivery_id]), reverse("console:mend", args=[row.pk]), FEED):
        assert b"<script>alert(1)" not in signed_in("Operator").get(link).content


@pages
@pytest.mark.parametrize("name", ["deliveries", "quarantine"])
def test_a_list_costs_the_same_queries_however_many_rows_it_shows(name: str, signed_in: As) -> None:
    client = signed_in("Operator")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(reverse(f"console:{name}"))
        return len(captured)

    def grow(count: int) -> None:
        for _ in range(count):
            minute = Delivery.objects.count()
            quarantined(f"<{minute}>".encode(), minute)
            send([(update(0.1 * minute), NOON + timedelta(minutes=minute))])

    grow(3)
    queries()
    few = queries()
    grow(10)
    assert queries() == few
    assert few <= 20


@pages
def test_what_was_refused_at_the_door_is_shown_with_its_cause(signed_in: As) -> None:
    Client().post("/api/automated-signals/webhook/a-guess", b"<script>", content_type="text/plain")
    page = signed_in("Viewer").get(FEED).content.decode()
    assert "1 unknown sender" in page
    assert "POST /api/automated-signals/webhook/***" in page
    assert "&lt;script&gt;" in page
    assert "a-guess" not in page


SECRET = b'{"event_type":"HEARTBEAT","passphrase":"open sesame"}'


@pages
def test_an_administrator_sees_the_secrets_once_and_it_is_on_the_audit_log(signed_in: As) -> None:
    now = timezone.now()
    take_in(default_source(), [Incoming(body=SECRET, received_at=now)], now=now)
    link = reverse("console:delivery", args=[Delivery.objects.get().pk])
    client = signed_in("Administrator")
    hidden = client.get(link).content
    assert b"open sesame" not in hidden
    assert b"Show secrets" in hidden
    assert not SyncAuditLog.objects.exists()
    shown = client.post(link)
    assert b"open sesame" in shown.content
    assert "no-store" in shown["Cache-Control"]
    entry = SyncAuditLog.objects.get()
    assert (entry.action, entry.actor) == (SyncAuditLog.Action.ADMINISTERED, "administrator-person")
    assert "Looked at the secrets" in entry.note
    assert b"open sesame" not in client.get(link).content


@pages
def test_what_is_said_of_a_body_tells_no_secret_either(signed_in: As) -> None:
    case = quarantined(b'[[{"passphrase":"open sesame","event_type":"ENTRY"}]]')
    page = signed_in("Operator").get(reverse("console:delivery", args=[case.delivery_id])).content
    assert b"is not a JSON object but" in page
    assert b"open sesame" not in page


@pages
def test_nobody_else_sees_the_secrets(signed_in: As) -> None:
    case = quarantined(SECRET[:-1])
    link = reverse("console:delivery", args=[case.delivery_id])
    for address in (link, reverse("console:mend", args=[case.pk])):
        page = signed_in("Operator").get(address).content
        assert b"open sesame" not in page
        assert b"Show secrets" not in page
    answer = signed_in("Operator").post(link)
    assert answer.status_code == 403
    assert b"open sesame" not in answer.content
    assert not SyncAuditLog.objects.exists()
    assert b"Show secrets" in signed_in("Administrator").get(reverse("console:mend", args=[case.pk])).content
