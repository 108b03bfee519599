"""Two deliveries are one when source, bytes and fire minute are equal, however many arrive at once and by which way."""

import csv
import io
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection

from signals.models import AutomatedSignal, Delivery, SignalEvent, Source
from signals.receiving.alertlog import import_log
from signals.receiving.draining import drain_spool
from signals.receiving.senders import default_source, new_token
from signals.simulator import Scenario, simulate, write_log
from signals.vocabulary import Channel, DeliveryStatus
from tests.builders import at, created, entry, payload, send, the_signal, update
from tests.posting import CREATED, FIRED, at_once, open_source, post
from tests.processes import PATIENCE

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]


def log_of(*rows: tuple[bytes, str]) -> list[str]:
    """An alert log with these messages and times."""
    file = io.StringIO()
    csv.writer(file).writerows(
        [("Alert ID", "Ticker", "Name", "Description", "Time")]
        + [("3486109403", "CME_MINI:MNQ1!, 1m", "", body.decode(), time) for body, time in rows]
    )
    return file.getvalue().splitlines(keepends=True)


def url_of_test_database() -> str:
    """Where another process finds the test database."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{settings['NAME']}"
    user, password, host, port, name = (
        quote(str(settings[key] or ""), safe="") for key in ("USER", "PASSWORD", "HOST", "PORT", "NAME")
    )
    return f"postgres://{user}:{password}@{host}:{port}/{name}"


def by_status() -> Counter[str]:
    return Counter(Delivery.objects.values_list("status", flat=True))


@pytest.mark.django_db(transaction=True)
def test_of_fifty_at_once_one_is_accepted() -> None:
    open_source()
    with time_machine.travel(FIRED + timedelta(seconds=3), tick=False):
        answers = at_once([post] * 50)
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["events"] or 0 for answer in answers) <= 1
    # What had to queue for too long was spooled; draining settles what it was.
    drain_spool(FIRED + timedelta(minutes=1))
    assert by_status() == {DeliveryStatus.ACCEPTED: 1, DeliveryStatus.DUPLICATE: 49}
    assert SignalEvent.objects.count() == 1
    assert AutomatedSignal.objects.get().event_count == 1
    original = Delivery.objects.get(status=DeliveryStatus.ACCEPTED)
    assert original.duplicates.count() == 49


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(3))
def test_whatever_comes_at_once_about_a_new_signal_adds_up_to_one(round_: int) -> None:
    """Births that share the source's clock, a birth of its own kind twice, updates and a batch, all in one moment.

    Each finds no signal stored, or finds one that was not there when it looked.
    """
    send([(created("20251211_093000000_BEARISH", direction="Bearish"), at(-9))])  # so that one zone has been voted for
    alerts = [
        created(), created(n=round_), entry(), entry(n=round_), update(0.4), update(0.6),
        {"event_type": "MFE_UPDATE_BATCH", "signals": [update(0.5)]}, payload("BE_TRIGGERED", be_mfe=1),
    ]  # fmt: skip
    assert default_source().zones_seen == ["America/New_York"]
    results = at_once([partial(send, [(alert, at(5))]) for alert in alerts])
    assert [result for result in results if isinstance(result, Exception)] == []
    assert by_status() == {DeliveryStatus.ACCEPTED: len(alerts) + 1}
    signal = the_signal()
    assert (signal.event_count, signal.events.count(), signal.rebuild_error) == (len(alerts), len(alerts), "")
    assert (signal.status, signal.bars_to_confirmation) == ("CONFIRMED", 4)
    call_command("rebuild_signals", check=True, stdout=io.StringIO())


def test_the_same_words_of_another_source_are_another_alert() -> None:
    open_source()
    other = new_token(Source.objects.create(name="other"))
    with time_machine.travel(FIRED, tick=False):
        assert [post(token=token).json()["status"] for token in ("", other)] == ["accepted", "accepted"]
    assert AutomatedSignal.objects.count() == 2


@pytest.mark.parametrize("first", ["webhook", "log"])
def test_a_log_row_and_the_webhook_of_its_minute_are_one(first: str) -> None:
    """Whichever comes first; the log knows to the second when the alert fired."""
    source = open_source()

    def receive() -> None:
        with time_machine.travel(FIRED + timedelta(seconds=3), tick=False):
            post()

    def read() -> None:
        import_log(log_of((CREATED, "2025-12-12T19:41:01.250Z")), now=FIRED + timedelta(days=1), source=source)

    for step in (receive, read) if first == "webhook" else (read, receive):
        step()
    original = Delivery.objects.get(status=DeliveryStatus.ACCEPTED)
    assert original.channel == Channel(first)
    assert original.fired_at == FIRED + timedelta(seconds=1.25)
    assert by_status() == {DeliveryStatus.ACCEPTED: 1, DeliveryStatus.DUPLICATE: 1}
    assert SignalEvent.objects.count() == 1


def test_a_log_row_of_the_minute_before_the_receipt_is_another_event_of_the_same_signal() -> None:
    """A receipt that crossed the minute: two events, which invariant 2 makes harmless."""
    source = open_source()
    with time_machine.travel(FIRED + timedelta(seconds=60), tick=False):
        post()
    import_log(log_of((CREATED, "2025-12-12T19:41:59Z")), now=FIRED + timedelta(days=1), source=source)
    assert by_status() == {DeliveryStatus.ACCEPTED: 2}
    assert AutomatedSignal.objects.get().created_fired_at == FIRED


def test_a_repetition_within_one_log_is_a_duplicate() -> None:
    log = log_of((CREATED, "2025-12-12T19:41:01Z"), (CREATED, "2025-12-12T19:41:05Z"))
    done = import_log(log, now=FIRED + timedelta(days=1))
    assert (done.rows, done.accepted, done.duplicates, done.events) == (2, 1, 1, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_of_two_processes_that_import_one_log_each_row_is_accepted_once(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    alerts = simulate(Scenario(7, FIRED, FIRED + timedelta(hours=2), "mixed", repeats=0.1)).alerts
    repeated = len(alerts) - len({(alert.body, alert.fire_time.replace(second=0)) for alert in alerts})
    with log.open("w", newline="") as file:
        rows = write_log(alerts, file)
    importers = [
        subprocess.Popen(
            [sys.executable, "manage.py", "import_alerts", str(log), "--json"],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": url_of_test_database(), "VAR_DIR": str(tmp_path)},
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    results = [json.loads(importer.communicate(timeout=PATIENCE)[0]) for importer in importers]
    assert [result["rows"] for result in results] == [rows, rows]
    assert [result["failed"] for result in results] == [[], []]
    accepted = sum(result["accepted"] for result in results)
    assert accepted == by_status()[DeliveryStatus.ACCEPTED]
    assert accepted == rows - repeated
    assert by_status() == {DeliveryStatus.ACCEPTED: accepted, DeliveryStatus.DUPLICATE: 2 * rows - accepted}
    call_command("rebuild_signals", check=True, stdout=io.StringIO())
