"""Sources: made with an address that is shown once, rotated with an overlap, switched, and warned about in time."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from dashboard.console.pages.sources import observed_interval
from dashboard.watching.checks.sources import charts
from dashboard.watching.expiry import WARN_BEFORE, expiry_warning
from signals.intake import take_in
from signals.models import Source, SourceToken
from signals.parcels import Incoming
from signals.receiving.senders import default_source, hash_token, new_token
from signals.receiving.tokens import revoke, rotate, valid_tokens
from tests.builders import created, send
from tests.posting import CREATED, post

from .conftest import As
from .test_actions import previewed

NOW = datetime(2025, 12, 11, 15, tzinfo=UTC)


def test_the_observed_interval_is_the_middle_one_and_unknown_from_too_few() -> None:
    moments = [NOW - timedelta(seconds=second) for second in (0, 60, 121, 180, 4000)]
    assert observed_interval(moments) == 60.5
    assert observed_interval(moments[:3]) is None


@pytest.mark.parametrize(
    ("left", "tone", "says"),
    [
        (timedelta(days=-1), "bad", "has expired"),
        (timedelta(0), "bad", "has expired"),
        (timedelta(hours=30), "warn", "in 30 hours"),
        (timedelta(days=6), "warn", "in 6 days"),
    ],
)
def test_an_alert_that_ends_is_warned_about(left: timedelta, tone: str, says: str) -> None:
    warned = expiry_warning(NOW + left, NOW)
    assert warned is not None
    assert warned[0] == tone
    assert says in warned[1]


@given(st.timedeltas(WARN_BEFORE + timedelta(seconds=1), timedelta(days=1000)))
def test_no_warning_is_given_long_before(left: timedelta) -> None:
    assert expiry_warning(NOW + left, NOW) is None
    assert expiry_warning(None, NOW) is None


pages = pytest.mark.django_db


class TestTokens:
    pytestmark = pages

    def test_old_tokens_stay_valid_for_the_overlap_and_no_longer(self) -> None:
        source = default_source()
        old, soon = new_token(source), new_token(source, expires_at=NOW + timedelta(hours=1))
        fresh = rotate(source, overlap=timedelta(hours=24), label="x", now=NOW)

        def valid_at(moment: datetime) -> set[str]:
            return set(valid_tokens(source, moment).values_list("token_hash", flat=True))

        assert valid_at(NOW) == {hash_token(token) for token in (old, soon, fresh)}
        assert valid_at(NOW + timedelta(hours=23)) == {hash_token(old), hash_token(fresh)}
        assert valid_at(NOW + timedelta(hours=24)) == {hash_token(fresh)}

    def test_a_revoked_token_ends_at_once(self) -> None:
        source = default_source()
        new_token(source)
        revoke(source.tokens.get(), now=NOW)
        assert not valid_tokens(source, NOW).exists()

    def test_tokens_of_other_sources_are_left_alone(self) -> None:
        other = Source.objects.create(name="other")
        new_token(other)
        rotate(default_source(), overlap=timedelta(0), label="", now=NOW)
        assert valid_tokens(other, NOW + timedelta(days=999)).count() == 1


def make(client: Client, link: str, **given: str | int) -> str:
    """Preview, confirm, and the token out of the address shown."""
    shown = client.post(link, given).content
    made = client.post(link, {**given, "confirm": "yes", "previewed": previewed(shown)})
    return made.content.decode().split("/webhook/")[1].split('"')[0]


@pages
def test_a_new_source_comes_with_an_address_that_opens_the_webhook(signed_in: As) -> None:
    given = {"name": "nq-5m", "symbol": "MNQ1!", "tick_size": "0.25", "calendar": "24/7", "alert_expires_at": ""}
    token = make(signed_in("Administrator"), reverse("console:create-source"), **given)
    assert post(CREATED, token=token).json()["status"] == "accepted"
    source = Source.objects.get(name="nq-5m")
    assert source.signals.count() == 1
    assert {entry.get_edited_object() for entry in LogEntry.objects.all()} == {source}


@pages
@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("name", "default", "There is a source of this name"),
        ("tick_size", "0", "A tick is more than 0"),
        ("name", "a b", "valid"),
    ],
)
def test_a_source_that_cannot_be_is_refused(field: str, value: str, error: str, signed_in: As) -> None:
    default_source()
    given = {"name": "x", "symbol": "MNQ1!", "tick_size": "0.25", "calendar": "24/7", field: value, "confirm": "yes"}
    shown = signed_in("Administrator").post(reverse("console:create-source"), given)
    assert error in shown.content.decode()
    assert Source.objects.count() == 1


@pages
def test_rotating_says_what_happens_to_the_old_addresses(signed_in: As) -> None:
    client, source = signed_in("Administrator"), default_source()
    new_token(source)
    link = reverse("console:rotate-token", args=[source.pk])
    assert "1 address of now ends in 24 hours" in client.get(link).content.decode()
    assert "alerts that still use it are refused and lost" in client.post(link, {"hours": 0}).content.decode()
    token = make(client, link, hours=2)
    assert valid_tokens(source, timezone.now()).count() == 2
    assert valid_tokens(source, timezone.now() + timedelta(hours=3)).get().token_hash == hash_token(token)


@pages
def test_revoking_the_last_address_warns_and_does_it(signed_in: As) -> None:
    client, source = signed_in("Administrator"), default_source()
    new_token(source)
    link = reverse("console:revoke-token", args=[SourceToken.objects.get().pk])
    assert "It is the last one" in client.get(link).content.decode()
    client.post(link, {"confirm": "yes"})
    assert not valid_tokens(source, timezone.now()).exists()


@pages
def test_switches_show_what_changes_and_keep_it_in_the_log(signed_in: As) -> None:
    client, source = signed_in("Administrator"), default_source()
    link = reverse("console:change-source", args=[source.pk])
    given = {
        "alert_expires_at": "2026-02-01T12:00",
        "update_minutes": 5,
        "gaps_off": ["no_htf_alignment"],
        "tiers_off": ["2", "inference"],
    }
    shown = client.post(link, given).content
    assert b"no_htf_alignment" in shown
    assert b"<td>2026-02-01 12:00</td>" in shown
    source.refresh_from_db()
    assert source.update_minutes == 1
    client.post(link, {**given, "confirm": "yes", "previewed": previewed(shown)})
    source.refresh_from_db()
    assert (source.update_minutes, source.gaps_off, source.tiers_off) == (5, ["no_htf_alignment"], ["2", "inference"])
    assert source.alert_expires_at == datetime(2026, 2, 1, 17, tzinfo=UTC)  # 12:00 in New York
    assert 'value="2026-02-01T12:00"' in client.get(link).content.decode()
    assert "update_minutes: 1 → 5" in LogEntry.objects.get().get_change_message()


@pages
def test_the_page_tells_clock_and_rhythm_as_learned(signed_in: As) -> None:
    source, start = default_source(), timezone.now().replace(second=1, microsecond=0) - timedelta(minutes=10)
    for n in range(5):
        body = f'{{"event_type":"HEARTBEAT","signal_count":{n}}}'.encode()
        take_in(source, [Incoming(body=body, received_at=start + timedelta(minutes=n))], now=start)
    told = signed_in("Viewer").get(reverse("console:source", args=[source.pk])).content.decode()
    assert "an alert every 1 min (median of 5)" in told
    assert "not learned yet; America/New_York until it is" in told
    assert "4 signals followed" in told


@pages
@pytest.mark.usefixtures("trade")
def test_votes_on_the_clock_are_told(signed_in: As) -> None:
    told = signed_in("Viewer").get(reverse("console:source", args=[default_source().pk])).content.decode()
    assert told.count("America/New_York (") == 2
    assert created()["trade_id"] not in told


@pages
def test_an_expiry_ahead_is_warned_about_on_the_list(signed_in: As) -> None:
    default_source()
    Source.objects.update(alert_expires_at=timezone.now() + timedelta(days=3))
    assert "expires in 3 days" in signed_in("Viewer").get(reverse("console:sources")).content.decode()


@pages
def test_what_is_not_known_of_a_chart_is_told_with_the_reason_and_can_be_set(signed_in: As) -> None:
    client = signed_in("Administrator")
    given = {
        "name": "new",
        "symbol": "",
        "bar_minutes": "",
        "tick_size": "0.25",
        "calendar": "",
        "alert_expires_at": "",
    }
    make(client, reverse("console:create-source"), **given)
    source = Source.objects.get(name="new")
    shown = client.get(reverse("console:source", args=[source.pk])).content.decode()
    assert "Its bar length is not known: no alert states it, and too few show it" in shown
    assert "Its market is not known: its symbol is not known yet" in shown
    assert charts(NOW).ok
    send([(created(), NOW - timedelta(minutes=3))], source)
    assert "new: its bar length is not known" in charts(NOW).says
    source.refresh_from_db()
    source.symbol, source.bar_minutes = "BINANCE:BTCUSDT.P", 240
    source.save()
    shown = client.get(reverse("console:source", args=[source.pk])).content.decode()
    assert "BTCUSDT.P as BINANCE:BTCUSDT.P (set by a person)" in shown
    assert "4 hours (set by a person)" in shown
    assert "24/7 (BINANCE: trades cryptocurrencies)" in shown
    assert charts(NOW).ok
