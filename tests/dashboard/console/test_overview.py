"""The overview: health with its reasons, gaps by type, cycles, sources, and what needs an operator now."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dashboard.console.pages.overview import judged_here
from dashboard.telling.formats import EMPTY
from dashboard.watching.attention import LISTED
from dashboard.watching.checks.result import Problem
from reconciliation import health_windows
from reconciliation.cycle.run import run_sync
from reconciliation.cycle.schedule import NAME, install
from reconciliation.gaps import CATALOGUE
from reconciliation.models import SetAside, SignalHealthMetric, SyncAuditLog, SyncLease, SyncRun
from signals.models import AutomatedSignal, Fill, Source
from signals.receiving.senders import default_source
from signals.receiving.spool import spool
from signals.receiving.spooled import Spooled
from tests.builders import TRADE_ID, at, created, entry, exit_stop, send, the_signal, update

from .conftest import As, quarantined

pytestmark = pytest.mark.django_db
OVERVIEW = reverse("console:overview")


def shown(signed_in: As, **query: str) -> Any:
    answer = signed_in("Viewer").get(OVERVIEW, query)
    assert answer.status_code == 200
    return answer.context


def needs(signed_in: As) -> list[Problem]:
    found: list[Problem] = shown(signed_in)["needs"]
    return found


def cycle_ended(minutes_ago: float, **options: Any) -> SyncRun:
    then = timezone.now() - timedelta(minutes=minutes_ago)
    given = {"trigger": "schedule", "state": "finished", "as_of": then, "started_at": then, "finished_at": then}
    return SyncRun.objects.create(**{**given, **options})


def test_with_nothing_stored_health_is_unknown_and_the_page_says_what_to_do(signed_in: As) -> None:
    told = signed_in("Viewer").get(OVERVIEW).content.decode()
    assert "Health is unknown." in told
    assert "There is no source yet." in told
    assert reverse("console:activation") in told


def test_health_is_a_gauge_and_each_reason_links_to_its_signals(signed_in: As) -> None:
    send([(created(), at(1)), (entry(), at(3)), (update(0.5), at(4))])
    send([(created("20251211_094100000_BEARISH", direction="Bearish"), at(2))])
    context = shown(signed_in)
    assert context["health"].score == 50.0
    told = signed_in("Viewer").get(OVERVIEW).content.decode()
    assert 'role="meter"' in told
    assert 'aria-valuenow="50.0"' in told
    assert [(reason.gap.name, reason.signals, reason.share) for reason in context["reasons"]] == [
        ("no_mfe_update", 1, 50.0)
    ]
    assert reverse("console:gap", args=["no_mfe_update"]) in told
    assert [(each.signal.trade_id, [gap.name for gap in each.gaps]) for each in context["sick"]] == [
        (TRADE_ID, ["no_mfe_update"])
    ]
    assert reverse("console:signal", args=[the_signal().pk]) in told


def test_health_of_a_week_and_of_everything_stands_beside_and_an_empty_window_is_no_figure(signed_in: As) -> None:
    send([(entry(), at(3)), (exit_stop(), at(8))])
    told = signed_in("Viewer").get(OVERVIEW)
    figures = [(each.title, each.score, each.health.signals) for each in told.context["windows"]]
    assert figures == [("24 hours", None, 0), ("7 days", None, 0), ("All", 0.0, 1)]
    table = told.content.decode().split('aria-label="Health by window"')[1].split("</table>")[0]
    cells = re.findall(r'class="num">([^<]*)</td>', table)
    assert cells == [EMPTY, "0", EMPTY, "0", "0.0 %", "1"]


def test_of_very_many_signals_the_overview_says_when_everything_was_counted(
    signed_in: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_windows, "FEW", 0)
    send([(entry(), at(3)), (exit_stop(), at(8))])
    assert "not counted yet" in signed_in("Viewer").get(OVERVIEW).content.decode()
    health_windows.keep(timezone.now() - timedelta(minutes=3))
    assert "counted <time" in signed_in("Viewer").get(OVERVIEW).content.decode()


def test_gaps_by_type_are_told_waiting_and_actionable_apart(signed_in: As) -> None:
    now = timezone.now()
    default_source()
    Source.objects.update(calendar="24/7")
    send([(created(), now - timedelta(minutes=9)), (entry(), now - timedelta(minutes=8))])
    send([(created("20251211_094100000_BEARISH"), at(2)), (entry("20251211_094100000_BEARISH"), at(3))])
    run_sync(now=now, trigger="schedule")
    context = shown(signed_in)
    counts = {gap.name: (actionable, waiting) for gap, actionable, waiting in context["gaps"]}
    assert set(counts) == set(CATALOGUE)
    assert counts["no_mae"] == (1, 1)
    assert counts["no_session"] == (0, 0)
    told = signed_in("Viewer").get(OVERVIEW).content.decode()
    assert f"{reverse('console:gap', args=['no_mae'])}?state=waiting" in told


def test_the_last_and_the_next_cycle_and_a_worker_that_is_alive(signed_in: As) -> None:
    install()
    run = cycle_ended(1, signals_examined=7, fills=3)
    worker = shown(signed_in)["worker"]
    assert (worker["fault"], worker["last"], worker["ever"]) == ("", run, True)
    assert worker["next"] is not None
    told = signed_in("Viewer").get(OVERVIEW).content.decode()
    assert "Alive" in told
    assert "7 looked at, 3 filled" in told
    assert reverse("console:run", args=[run.pk]) in told


def test_a_worker_that_ends_no_cycles_is_down_and_needs_somebody(signed_in: As) -> None:
    cycle_ended(settings.SYNC_INTERVAL / 60 * 3)
    worst, *_ = needs(signed_in)
    assert worst.severity == "bad"
    assert "The worker does no cycles: the last one finished 6 min ago" in worst.says


def test_a_cycle_that_is_running_is_shown_as_such(signed_in: As) -> None:
    install()
    run = cycle_ended(0, state="running", finished_at=None)
    SyncLease.objects.create(name="cycle", holder="here:1", expires_at=timezone.now() + timedelta(seconds=30))
    assert shown(signed_in)["worker"]["current"] == run
    assert NAME == "sync cycle"


def test_everything_that_waits_for_a_decision_is_listed_with_its_link(signed_in: As) -> None:
    cycle_ended(1)
    quarantined()
    send([(created(), at(1)), (entry(), at(3))])
    signal, now = the_signal(), timezone.now()
    SetAside.objects.create(signal=signal, error="boom", first_at=now, retry_at=now)
    propose(signal)
    listed = {need.link: need.says for need in needs(signed_in)}
    assert listed[reverse("console:quarantine")] == "1 delivery could not be read and was quarantined."
    assert "1 signal was set aside" in listed[reverse("console:set-aside")]
    assert "1 fill of low confidence waits" in listed[reverse("console:approvals")]


def propose(signal: AutomatedSignal) -> Fill:
    now, value = timezone.now(), "-0.3512"
    told = {"gap": "no_mae", "field": "mae", "tier": "2", "method": "price_bars", "confidence": Decimal("0.4")}
    SyncAuditLog.objects.create(at=now, signal=signal, action="proposed", new=value, **told)
    return Fill.objects.create(
        signal=signal, value=value, data_source="backend_calculated", evidence_key="x", state="proposed",
        created_at=now, **told,
    )  # fmt: skip


def test_what_is_spooled_is_shown_as_long_as_it_waits(signed_in: As) -> None:
    cycle_ended(1)
    assert not any("spooled" in need.says for need in needs(signed_in))
    spool().append(Spooled(timezone.now(), "", "127.0.0.1", b"{}", content_type="", loopback=True))
    assert any("bytes of alerts are spooled" in need.says for need in needs(signed_in))


@pytest.mark.parametrize(("days", "tone"), [(3, "warn"), (-1, "bad")])
def test_an_alert_that_expires_is_told_ahead(days: int, tone: str, signed_in: As) -> None:
    source = default_source()
    source.alert_expires_at = timezone.now() + timedelta(days=days)
    source.save()
    (need,) = [need for need in needs(signed_in) if need.link == reverse("console:source", args=[source.pk])]
    assert need.severity == tone


def test_a_cycle_that_failed_is_bad_until_one_succeeds(signed_in: As) -> None:
    failed = cycle_ended(1, state="failed", error="ValueError: no")
    assert [need.says for need in needs(signed_in) if need.link == reverse("console:run", args=[failed.pk])] == [
        "The last cycle did not finish: ValueError: no"
    ]
    cycle_ended(0.5)
    assert not any("did not finish" in need.says for need in needs(signed_in))


def test_the_worst_comes_first(signed_in: As) -> None:
    quarantined()
    cycle_ended(1, state="failed", error="no")
    tones = [need.severity for need in needs(signed_in)]
    assert tones == sorted(tones, key=["bad", "warn", "info"].index)


def test_the_trend_is_drawn_and_is_there_as_a_table_too(signed_in: As) -> None:
    for minutes in (1, 11):
        run = cycle_ended(minutes, options={"trade_ids": []})
        SignalHealthMetric.objects.create(run=run, at=run.as_of, health=90.0 + minutes, actionable_gaps=minutes)
    told = signed_in("Viewer").get(OVERVIEW, {"trend": "1h"}).content.decode()
    assert 'id="trend-data"' in told
    assert "101.0 %" in told
    part = signed_in("Viewer").get(reverse("console:trends"), {"trend": "1h"}, headers={"HX-Request": "true"})
    assert [point.actionable for point in part.context["points"]] == [11, 1]
    assert shown(signed_in, trend="nonsense")["period"] == "24h"


def test_its_queries_do_not_grow_with_the_signals(signed_in: As) -> None:
    client = signed_in("Operator")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(OVERVIEW)
        return len(captured)

    def grow(minutes: range) -> None:
        for minute in minutes:
            trade_id = f"20251211_10{minute:02}00000_BULLISH"
            send([(created(trade_id), at(minute + 21)), (entry(trade_id), at(minute + 23))])

    grow(range(2))
    cycle_ended(1)
    queries()
    few = queries()
    grow(range(2, 20))
    assert queries() == few
    assert few <= 48  # each check of what may be wrong asks once or twice, and none what the page has asked already


def test_what_the_page_has_judged_itself_are_checks_that_it_lists() -> None:
    judged = judged_here(None, [], [], 0, timezone.now())
    assert judged.keys() <= {check.name for check in LISTED}
