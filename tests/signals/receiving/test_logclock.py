"""A log whose times go against all that its source is known by: it is quarantined whole, and no time is guessed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from signals.clock import NEW_YORK, local
from signals.intake import take_in
from signals.models import AutomatedSignal, Delivery, Source
from signals.parcels import Incoming
from signals.receiving.alertlog import import_log
from signals.receiving.logclock import agreed, is_of_zones
from signals.receiving.senders import default_source
from tests.builders import created, entry

from .logs import as_csv, lines

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 12, 11, 17, tzinfo=UTC)
NOW = NOON + timedelta(days=1)
HOURS = timedelta(hours=1)


def id_of(bar: datetime) -> str:
    return f"{local(bar, NEW_YORK):%Y%m%d_%H%M}00000_BULLISH"


def alerts(start: datetime, number: int = 4) -> list[tuple[dict[str, Any], datetime]]:
    """Signals and their ENTRYs, ten minutes apart."""
    bars = [start + timedelta(minutes=10 * n) for n in range(number)]
    return [
        (made, bar + timedelta(minutes=late))
        for bar in bars
        for made, late in ((created(id_of(bar)), 1), (entry(id_of(bar), note=f"{bar}"), 3))
    ]


def log_of(told: list[tuple[dict[str, Any], datetime]], off: timedelta = timedelta()) -> list[str]:
    rows = [("7", "CME_MINI:MNQ1!, 1m", "", json.dumps(body), f"{at + off:%Y-%m-%dT%H:%M:%SZ}") for body, at in told]
    return lines(as_csv(*reversed(rows)))


def by_webhook(told: list[tuple[dict[str, Any], datetime]], off: timedelta = timedelta()) -> Source:
    source = default_source()
    for body, at in told:
        received = at + off + timedelta(seconds=2)
        take_in(source, [Incoming(body=json.dumps(body).encode(), received_at=received)], now=received)
    return source


def rows() -> list[Any]:
    return list(AutomatedSignal.objects.values_list("trade_id", "signal_time", "last_event_at", "event_count"))


@pytest.mark.parametrize("off", [-5 * HOURS, HOURS, 5.5 * HOURS])
def test_a_log_whose_alerts_came_by_webhook_at_other_hours_is_quarantined_whole(off: timedelta) -> None:
    by_webhook(alerts(NOON))
    before = rows()
    dry = import_log(log_of(alerts(NOON), off), now=NOW, dry_run=True)
    done = import_log(log_of(alerts(NOON), off), now=NOW)
    assert (dry.quarantined, done.quarantined, done.events) == (8, 8, 0)
    assert dry.as_json() == done.as_json()
    assert next(iter(done.reasons)).startswith("The times of this log are about")
    assert rows() == before


@pytest.mark.parametrize("off", [-5 * HOURS, 5.5 * HOURS])
def test_a_log_of_other_alerts_is_judged_by_the_clock_of_the_sources_ids(off: timedelta) -> None:
    by_webhook(alerts(NOON))
    assert import_log(log_of(alerts(NOON - 24 * HOURS), off), now=NOW).quarantined == 8
    assert import_log(log_of(alerts(NOON - 24 * HOURS)), now=NOW).accepted == 8


def test_a_log_of_a_source_that_nothing_is_known_of_is_taken() -> None:
    assert import_log(log_of(alerts(NOON), -5 * HOURS), now=NOW).accepted == 8


def test_what_is_right_is_taken_again_and_again() -> None:
    by_webhook(alerts(NOON))
    assert import_log(log_of(alerts(NOON)), now=NOW).duplicates == 8
    assert import_log(log_of(alerts(NOON + HOURS)), now=NOW).accepted == 8
    assert import_log(log_of(alerts(NOON + HOURS)), now=NOW).duplicates == 8


def test_ids_of_a_new_zone_are_no_wrong_log_where_webhooks_agree_with_it() -> None:
    by_webhook(alerts(NOON))
    tokyo = [({**body, "trade_id": id_of(at + 14 * HOURS)}, at) for body, at in alerts(NOON + 3 * HOURS)]
    by_webhook(tokyo)
    assert import_log(log_of(tokyo), now=NOW).quarantined == 0


def test_a_corrected_log_is_taken_after_a_wrong_one() -> None:
    by_webhook(alerts(NOON))
    more = alerts(NOON + HOURS)
    import_log(log_of(more, -5 * HOURS), now=NOW)
    assert import_log(log_of(more), now=NOW).accepted == 8
    assert Delivery.objects.filter(status="quarantined", fired_at=None).count() == 8


def test_a_few_alerts_prove_nothing() -> None:
    by_webhook(alerts(NOON))
    assert import_log(log_of(alerts(NOON - 24 * HOURS, 2), -5 * HOURS), now=NOW).quarantined == 0


def test_zones_differ_by_quarters_of_an_hour() -> None:
    assert [is_of_zones(timedelta(minutes=m)) for m in (0, 1, 7, 15, 30, 61, 345, 337)] == [
        *(False, False, False, False, True, True, True, False)
    ]
    minutes = [timedelta(minutes=m) for m in (60, 60, 60, 60, 3)]
    assert agreed(minutes, timedelta(minutes=2)) == timedelta(minutes=60)
    assert agreed([*minutes, timedelta()], timedelta(minutes=2)) is None


def test_the_preview_of_an_upload_says_so(admin_client: Any, settings: Any, tmp_path: Any) -> None:
    from io import BytesIO

    settings.VAR_DIR = tmp_path
    by_webhook(alerts(NOON))
    file = BytesIO("".join(log_of(alerts(NOON), -5 * HOURS)).encode())
    file.name = "log.csv"
    page = admin_client.post(reverse("console:alert-log"), {"file": file}, follow=True).content.decode()
    assert "The times of this log are about 5 h before" in page
    assert "would go to quarantine" in page
