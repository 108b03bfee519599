"""A server clock that is off: who notices, and how a log gives what was received meanwhile its right times."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command

from dashboard.watching.checks import clocks
from reconciliation.cycle.worker import watch_clock
from signals.intake import take_in
from signals.models import Delivery, PriceBar, SignalEvent, Source
from signals.parcels import Incoming
from signals.receiving import barclock
from signals.receiving.alertlog import import_log
from signals.receiving.clocknotes import Noted, Witness, note, noted
from signals.receiving.retiming import Retimed, retime
from signals.receiving.senders import default_source
from signals.vocabulary import Channel
from tests.builders import everything
from tests.signals.receiving.test_logclock import NOON, NOW, alerts, by_webhook, log_of

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _own_notes(settings: Any, tmp_path: Any) -> None:
    settings.VAR_DIR = tmp_path


def batch(minute: int) -> tuple[dict[str, Any], datetime]:
    """An update that tells the price of its minute, and repeats itself every other minute."""
    body = {
        "event_type": "MFE_UPDATE_BATCH",
        "signals": [
            {"trade_id": alerts(NOON)[0][0]["trade_id"], "direction": "Bullish", "be_mfe": 0.5, "no_be_mfe": 0.5,
             "mae_global_r": -0.1, "current_price": 25740 + minute % 2, "be_triggered": False}
        ],
    }  # fmt: skip
    return body, NOON + minute * MINUTE


ALERTS = [*alerts(NOON), *(batch(minute) for minute in range(4, 10))]


def facts() -> Any:
    """All that is derived: signals as they are told, events' minutes and votes, prices."""
    events = SignalEvent.objects.order_by("fire_minute", "payload_checksum", "position")
    return (
        everything(),
        list(events.values_list("fire_minute", "payload_checksum", "position", "clock_vote")),
        list(PriceBar.objects.order_by("time").values_list("time", "close", "evidence")),
        Source.objects.get().zones_seen,
    )


def log() -> Any:
    return import_log(log_of(ALERTS), now=NOW)


@pytest.mark.parametrize("off", [7 * MINUTE, -3 * MINUTE, 95 * MINUTE], ids=str)
def test_what_was_received_under_a_wrong_clock_gets_the_logs_times_whichever_came_first(off: timedelta) -> None:
    log()
    right = facts()
    by_webhook(ALERTS, off)
    assert facts() != right
    call_command("retime")
    assert facts() == right
    assert Delivery.objects.filter(channel="webhook", status="duplicate").count() == len(ALERTS)
    call_command("rebuild_signals", check=True)
    call_command("verify_deliveries")


def test_the_import_of_the_log_does_so_by_itself_and_says_so() -> None:
    by_webhook(ALERTS, 7 * MINUTE)
    done = log()
    assert done.retimed == len(ALERTS)
    assert set(SignalEvent.objects.values_list("delivery__channel", flat=True)) == {"log"}
    told = clocks.clock_offset(NOON + timedelta(hours=1))
    assert "clock was 7 min ahead" in told.says
    assert log().retimed == 0


def test_what_is_received_after_the_log_is_given_its_times_by_the_workers_turn() -> None:
    log()
    right = facts()
    note(Witness.LOG, 7 * MINUTE, NOON)
    by_webhook(ALERTS, 7 * MINUTE)
    watch_clock(NOON + timedelta(hours=1))
    assert facts() == right


@pytest.mark.parametrize("span", [None, (NOON, NOW)])
def test_the_same_bytes_of_another_week_prove_nothing(span: Any) -> None:
    """Each alert is there once where the clock can have moved it, whatever was told and received long before."""
    by_webhook(ALERTS, timedelta(days=-9))
    source = by_webhook(ALERTS, 7 * MINUTE)
    for off in (timedelta(), timedelta(days=-18)):
        bodies = [(json.dumps(body).encode(), at + off) for body, at in ALERTS]
        told = [Incoming(body=body, received_at=NOW, fired_at=at, channel=Channel.LOG) for body, at in bodies]
        take_in(source, told, now=NOW)
    assert retime(source, now=NOW, span=span) == Retimed(7 * MINUTE + timedelta(seconds=2), len(ALERTS))
    assert retime(source, now=NOW, span=span) == Retimed()


def test_a_dry_run_changes_nothing() -> None:
    log()
    by_webhook(ALERTS, 7 * MINUTE)
    before = facts()
    call_command("retime", dry_run=True, json=True)
    assert facts() == before


def test_a_clock_that_is_right_changes_nothing_and_ends_the_warning() -> None:
    note(Witness.LOG, 7 * MINUTE, NOON - timedelta(days=1))
    by_webhook(ALERTS)
    assert log().retimed == 0
    assert clocks.clock_offset(NOON + timedelta(hours=1)).ok


def test_equal_bodies_a_minute_apart_are_fresh_news_whatever_was_lost() -> None:
    """Of the log's minutes only every other came by webhook: nothing is to be paired with a neighbour."""
    updates = [batch(minute) for minute in range(10, 30)]
    by_webhook([*alerts(NOON), *updates[::3]])
    assert import_log(log_of([*alerts(NOON), *updates]), now=NOW).retimed == 0
    assert SignalEvent.objects.filter(type="MFE_UPDATE").count() == 20


def test_alerts_before_their_bars_closed_show_a_clock_that_is_behind() -> None:
    source, received = default_source(), []
    for body, at in alerts(NOON)[::2]:
        received.append(at - timedelta(seconds=90))
        take_in(source, [Incoming(body=json.dumps(body).encode(), received_at=received[-1])], now=received[-1])
    barclock.look(received[-1])
    assert list(noted(received[-1])) == [Noted(Witness.PAYLOAD, received[-1], timedelta(seconds=-90))]
    assert "2 min behind" in clocks.clock_offset(received[-1]).says


@pytest.mark.parametrize("late", [1, 300, 840])
def test_alerts_that_are_late_show_nothing(late: int) -> None:
    lags = [timedelta(seconds=late)] * 5
    assert barclock.ahead_by(lags) == timedelta(0)
    assert barclock.ahead_by(lags[:2]) is None
