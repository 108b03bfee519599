"""A cycle among others: repeated, dry, hindered, refused, and what it costs."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reconciliation.cycle import run
from reconciliation.cycle.lease import BusyError, LeaseLostError, held, running, take
from reconciliation.models import SetAside, SignalHealthMetric, SyncLease, SyncRun
from reconciliation.tiers.proposals import Case, Proposal
from signals.models import AutomatedSignal, Fill
from tests.builders import TRADE_ID, at, created, entry, exit_stop, send, the_signal, update
from tests.reconciliation.cycles import OPPOSITE_ID, audited, bars, cycle, scheduled, snapshot

pytestmark = pytest.mark.django_db


# A second cycle, a dry run, a failing signal


def a_bit_of_everything() -> None:
    send(
        [
            (entry(targets=None), at(5)),
            (update(0.4), at(8)),
            (created(OPPOSITE_ID, direction="Bearish", signal_time="09:50:00"), at(11)),
            (created("20251211_095500000_BULLISH", signal_time="09:55:00"), at(16)),
            (entry("20251211_100500000_BEARISH", direction="Bearish", stop_loss=25750), at(30)),
            (exit_stop("20251211_100500000_BEARISH"), at(40)),
        ]
    )
    bars(dict.fromkeys(range(5, 30), 25741))


@pytest.mark.parametrize("trigger", ["schedule", "command"])
def test_a_second_cycle_right_after_a_first_writes_only_its_run_and_snapshot(trigger: str) -> None:
    a_bit_of_everything()
    cycle(60)
    before = snapshot()
    report = cycle(60, trigger=trigger)
    assert report.fills == 0
    assert snapshot() == before
    assert (SyncRun.objects.count(), SignalHealthMetric.objects.count()) == (2, 2)


def test_a_dry_run_shows_every_fill_and_writes_nothing() -> None:
    a_bit_of_everything()
    before = snapshot()
    dry = cycle(60, dry_run=True)
    assert snapshot() == before
    assert SyncRun.objects.count() == 0
    real = cycle(60)
    assert (dry.fills_by_tier, dry.cancelled) == (real.fills_by_tier, real.cancelled)
    assert (dry.gaps_before, dry.gaps_after) == (real.gaps_before, real.gaps_after)
    shown = {(each["trade_id"], each["field"], each["tier"]) for each in dry.proposals}
    made = {(fill.signal.trade_id, fill.field, fill.tier) for fill in Fill.objects.select_related("signal")}
    assert shown == made


def test_a_dry_run_tells_what_would_wait_and_what_would_be_taken_back(settings: Any) -> None:
    a_bit_of_everything()
    cycle(60)
    send([(entry(OPPOSITE_ID, direction="Bearish"), at(61))])
    settings.APPROVAL_BELOW = "2=0.85"
    send([(entry("20251211_100000000_BULLISH", targets=None), at(62))])
    dry, real = cycle(63, dry_run=True), cycle(63)
    assert (dry.fills, dry.proposed, dry.withdrawn) == (real.fills, real.proposed, real.withdrawn)
    assert real.proposed > 0
    outcomes = Counter(each["outcome"] for each in dry.proposals)
    assert outcomes["fill"] == real.fills
    assert outcomes["would wait for approval"] >= real.proposed


@pytest.fixture
def tier_that_breaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def breaks(case: Case, gaps: frozenset[str]) -> Iterator[Proposal]:
        if case.signal.trade_id == TRADE_ID:
            raise ZeroDivisionError("of all things")
        yield from ()

    means = run.means_of
    monkeypatch.setattr(run, "means_of", lambda tiers: run.Means({**means(tiers).tiers, "2": breaks}))
    yield
    monkeypatch.undo()


@pytest.mark.usefixtures("tier_that_breaks")
def test_a_bad_signal_is_set_aside_with_its_error_and_the_rest_goes_on() -> None:
    others = [f"20251211_1{minute:02}000000_BULLISH" for minute in range(10, 50)]
    send([(entry(trade_id), at(5)) for trade_id in [TRADE_ID, *others]])
    report = scheduled(6)
    assert report.errors == 1
    assert report.signals_examined == len(others)
    bad = SetAside.objects.get()
    assert (bad.signal.trade_id, bad.error, bad.attempts) == (TRADE_ID, "ZeroDivisionError: of all things", 1)
    assert audited("set_aside") == [("", "")]
    assert scheduled(7).errors == 0, "left alone until its back-off ends"
    assert cycle(7).errors == 1, "a run by hand ignores the back-off"
    assert SetAside.objects.get().attempts == 2


def test_a_signal_set_aside_comes_back_when_it_changes_and_is_forgiven_when_it_works() -> None:
    send([(entry(), at(5))])
    signal = the_signal()
    AutomatedSignal.objects.update(needs_sync=False)
    SetAside.objects.create(signal=signal, error="x", first_at=at(6), retry_at=at(10**7))
    assert scheduled(6).signals_examined == 0
    send([(update(0.4), at(7))])
    assert scheduled(7).signals_examined == 1
    assert not SetAside.objects.exists()


def test_when_nothing_works_the_run_fails_instead_of_setting_everything_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any) -> None:
        raise ZeroDivisionError("everywhere")

    many(60)
    monkeypatch.setattr(run, "plan", breaks)
    monkeypatch.setattr(run, "HOPELESS", 3)
    with pytest.raises(ZeroDivisionError):
        cycle(6)
    assert SyncRun.objects.get().state == "failed"
    assert SetAside.objects.count() == 3


def test_a_run_that_fails_says_so_and_frees_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(run, "find_work", fails)
    with pytest.raises(RuntimeError):
        cycle(6)
    row = SyncRun.objects.get()
    assert (row.state, row.error) == ("failed", "RuntimeError: no")
    monkeypatch.undo()
    assert cycle(6).run_id == row.pk + 1


def test_a_second_cycle_is_refused_while_one_runs_and_a_dead_one_is_marked() -> None:
    SyncRun.objects.create(trigger="schedule", as_of=at(0), started_at=timezone.now())
    with held(), pytest.raises(BusyError):
        cycle(6)
    cycle(6)
    assert list(SyncRun.objects.order_by("pk").values_list("state", flat=True)) == ["abandoned", "finished"]


def test_a_cycle_that_was_thought_dead_writes_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long run: its lease expires while it plans, another takes over, and then it wants to write."""
    send([(entry(), at(5)), (update(0.4), at(6))])
    load = run.load

    def load_slowly(*args: Any) -> Any:
        found = load(*args)
        SyncLease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        take()
        return found

    monkeypatch.setattr(run, "load", load_slowly)
    with pytest.raises(LeaseLostError, match="passed to"):
        cycle(6)
    assert SyncRun.objects.get().state == "failed"
    assert not Fill.objects.exists()
    assert the_signal().needs_sync
    assert running(timezone.now()), "the heir keeps its lease"


def test_a_signal_that_changes_while_it_is_planned_is_left_for_the_next_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    send([(entry(), at(5)), (update(0.4), at(6))])
    load = run.load

    def load_then_event(*args: Any) -> Any:
        found = load(*args)
        monkeypatch.setattr(run, "load", load)
        send([(created(), at(1))])
        return found

    monkeypatch.setattr(run, "load", load_then_event)
    assert cycle(6).fills == 0
    assert the_signal().needs_sync
    cycle(6)
    assert the_signal().provenance["confirmation_time"]["tier"] == 0


# Cost


def many(count: int) -> None:
    ids = [
        f"202512{day:02}_{hour:02}{minute:02}00000_BULLISH"
        for day in (8, 9)
        for hour in range(9, 16)
        for minute in range(60)
    ]
    alerts: list[Any] = []
    for number, trade_id in enumerate(ids[:count]):
        alerts += [(entry(trade_id, targets=None), at(number)), (update(0.1, trade_id=trade_id), at(number + 1))]
    send(alerts)


def queries_of_a_cycle() -> int:
    """Statements of one cycle. SQLite takes few values a statement, so there a batch's inserts count once."""
    with CaptureQueriesContext(connection) as captured:
        report = cycle(700, tiers=["0", "2", "3", "inference"])
    assert report.fills > 0
    statements = [query["sql"][:60] for query in captured.captured_queries]
    return len(statements if connection.vendor == "postgresql" else [one for one, _ in groupby(statements)])


def test_queries_follow_chunks_not_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciliation.sealing.sealing.after_cycle", lambda: None)  # its follow the entries, by 500
    many(20)
    few = queries_of_a_cycle()
    many(200)
    assert AutomatedSignal.objects.filter(needs_sync=True).count() == 180
    assert queries_of_a_cycle() <= few


def test_an_idle_cycle_asks_the_same_few_queries_however_much_is_stored() -> None:
    counts = []
    for size in (20, 200):
        many(size)
        scheduled(700)
        with CaptureQueriesContext(connection) as captured:
            assert scheduled(700).signals_examined == 0
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 43
