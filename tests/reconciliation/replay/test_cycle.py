"""Replay in the cycle: lost signals are found, go when the bars change, and become ordinary without a seam."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import pytest

from benchmarks.repairer import exported, world
from benchmarks.replayer import Echo, Sent, take
from reconciliation.cycle.report import Report
from reconciliation.cycle.run import run_sync
from reconciliation.models import ReplayedSignal, ReplayState, SyncAuditLog
from reconciliation.replay.deciding import approve_found, refuse_found
from signals.bars.storing import Bar, store_bars
from signals.clock import MINUTE
from signals.feeds.withdrawing import stop
from signals.models import AutomatedSignal, FeedUse, FeedWindow, Fill, PriceBar
from signals.receiving.senders import default_source
from signals.simulator import TradeTruth
from signals.simulator.truth import values_of
from signals.vocabulary import Approval, Origin
from tests.reconciliation.cycles import rebuilt_differently, snapshot
from tests.signals.twin.market import walk

pytestmark = pytest.mark.django_db

BARS = walk(5, 200)
NOW = BARS[-1].time + MINUTE


@cache
def truths() -> Mapping[str, TradeTruth]:
    """What the twin says became of its signals on the bars."""
    made = Echo(BARS, "batch")
    list(made.alerts())
    return made.truth()


@cache
def lost() -> str:
    """A confirmed signal that nobody hears of; a few come before it."""
    confirmed = [name for name, truth in truths().items() if truth.entry is not None]
    return confirmed[len(confirmed) // 2]


def alerts(*unheard: str) -> list[Sent]:
    return list(Echo(BARS, "batch", frozenset(unheard)).alerts())


def hear(sent: Iterable[Sent]) -> None:
    take(default_source(), list(sent), NOW)


def store(bars: Iterable[Any], origin: int = PriceBar.Origin.FILE) -> None:
    kind = PriceBar.Kind.BAR
    store_bars(Bar("MNQ1!", bar.time, kind, *bar[1:], evidence="x:0", origin=origin) for bar in bars)


def sync(now: datetime = NOW) -> Report:
    return run_sync(now=now, trigger="command")


def found() -> AutomatedSignal | None:
    return AutomatedSignal.objects.filter(trade_id=lost(), origin=Origin.REPLAY).first()


def told() -> list[tuple[Any, ...]]:
    names = ("triangle", "direction", "confirmed", "cancelled", "entry", "stop", "digest", "entry_digest")
    return list(ReplayedSignal.objects.order_by("triangle").values_list(*names))


def replayed() -> None:
    hear(alerts(lost()))
    store(BARS)
    sync()


def test_a_signal_that_nobody_heard_of_is_found_with_its_values() -> None:
    replayed()
    signal, truth = found(), values_of(truths()[lost()])
    assert signal is not None
    assert (signal.event_count, signal.approval, signal.status) == (0, "", truth["status"])
    single = truth.keys() - {"targets", "htf_alignment"}
    assert {name: getattr(signal, name) for name in single} == {name: truth[name] for name in single}
    assert {entry["tier"] for entry in signal.provenance.values()} == {2}


def test_it_owes_nothing_and_a_second_cycle_changes_nothing() -> None:
    replayed()
    before = snapshot()
    assert sync().fills == 0
    assert snapshot() == before


def test_an_entry_that_is_only_late_is_waited_for_and_then_filled() -> None:
    truth = truths()[lost()]
    entered = truth.confirmation_time
    assert entered is not None
    hear(each for each in alerts() if each.fired <= truth.signal_bar + MINUTE)
    store(bar for bar in BARS if bar.time <= entered)
    sync(entered + MINUTE)
    signal = AutomatedSignal.objects.get(trade_id=lost())
    assert (signal.status, signal.check_at) == ("PENDING", entered + 3 * MINUTE)
    sync(entered + 3 * MINUTE)
    signal.refresh_from_db()
    assert (signal.status, signal.entry_price) == ("CONFIRMED", truth.entry)


def test_it_becomes_ordinary_without_a_seam_when_its_alerts_arrive() -> None:
    with world():
        hear(alerts())
        store(BARS)
        sync()
        timely = exported()[lost()]
    replayed()
    assert found() is not None
    hear(alerts())
    sync()
    assert exported()[lost()] == timely
    assert rebuilt_differently() == []


def test_it_is_withdrawn_when_the_bars_no_longer_show_it() -> None:
    replayed()
    row = found()
    assert row is not None
    Fill.objects.filter(signal=row, field="session").update(state=Fill.State.PROPOSED)
    PriceBar.objects.filter(time__gte=row.signal_time - 5 * MINUTE, time__lte=row.signal_time + MINUTE).delete()
    quiet = [bar for bar in BARS if row.signal_time - 5 * MINUTE <= bar.time <= row.signal_time + MINUTE]
    store(bar._replace(open=quiet[0].open, high=quiet[0].open, low=quiet[0].open, close=quiet[0].open) for bar in quiet)
    sync()
    assert found() is None
    assert AutomatedSignal.hidden_too.get(pk=row.pk).origin == Origin.WITHDRAWN
    assert not Fill.objects.filter(signal=row.pk, state=Fill.State.ACTIVE).exists()
    withdrawn = SyncAuditLog.objects.filter(signal=row.pk, action="withdrawn")
    told_of = {entry.field: (entry.old, entry.new) for entry in withdrawn}
    assert told_of["direction"] == (row.direction, None)
    assert told_of["session"] == (None, row.session)  # it never stood


def test_bars_that_come_late_end_as_those_that_come_in_time() -> None:
    hear(alerts(lost()))
    store(BARS)
    sync()
    whole = told()
    for model in (ReplayedSignal, ReplayState):
        model.objects.all().delete()
    PriceBar.objects.all().delete()
    for part in (BARS[:80], BARS[120:160], BARS[80:120], BARS[160:]):
        store(part)
        sync()
    assert told() == whole


def test_where_the_twin_disagrees_it_fills_nothing_and_finds_nothing() -> None:
    hear(alerts(lost()))
    store(walk(6, 200))
    sync()
    assert AutomatedSignal.objects.filter(origin=Origin.REPLAY).count() == 0
    assert not Fill.objects.filter(method="replay").exists()


def test_bars_of_a_feed_are_replayed_until_it_disagrees() -> None:
    hear(alerts(lost()))
    store(BARS, PriceBar.Origin.FEED)
    use = FeedUse.objects.create(feed="vendor", symbol="MNQ1!", feed_symbol="MNQ")
    FeedWindow.objects.create(use=use, start=BARS[0].time, end=NOW, upto=NOW, asked_at=NOW)
    sync()
    row = found()
    assert row is not None
    stop(use, NOW)
    sync()
    assert found() is None
    assert (told(), ReplayState.objects.count()) == ([], 0)
    assert not Fill.objects.filter(method="replay", state=Fill.State.ACTIVE).exists()
    before = snapshot()
    sync()
    assert snapshot() == before


def test_what_a_file_tells_stays_when_the_feed_beside_it_is_taken_back() -> None:
    hear(alerts(lost()))
    store(BARS)
    sync()
    alone = told()
    PriceBar.objects.filter(time__gte=BARS[100].time).update(origin=PriceBar.Origin.FEED)
    use = FeedUse.objects.create(feed="vendor", symbol="MNQ1!", feed_symbol="MNQ")
    FeedWindow.objects.create(use=use, start=BARS[100].time, end=NOW, upto=NOW, asked_at=NOW)
    stop(use, NOW)
    sync()
    assert max(each[0] for each in told()) < BARS[100].time
    store(BARS[100:])
    sync()
    assert told() == alone


def waiting() -> AutomatedSignal:
    """The found signal, with a bar missing right before it."""
    triangle = truths()[lost()].signal_bar
    hear(alerts(lost()))
    store(BARS)
    sync()
    ReplayedSignal.objects.filter(triangle=triangle).update(near_hole=True)
    hear([])
    AutomatedSignal.objects.update(needs_sync=True)
    sync()
    signal = found()
    assert signal is not None
    return signal


def test_near_a_missing_bar_somebody_has_to_say_yes() -> None:
    signal = waiting()
    assert signal.approval == Approval.WAITING
    approve_found(signal.pk, actor="mia", reason="seen on the chart", now=NOW)
    AutomatedSignal.objects.update(needs_sync=True)
    sync()
    assert AutomatedSignal.objects.get(pk=signal.pk).approval == Approval.APPROVED


def test_one_that_was_refused_does_not_come_back() -> None:
    signal = waiting()
    refuse_found(signal.pk, actor="mia", reason="not on the chart", now=NOW)
    AutomatedSignal.objects.update(needs_sync=True)
    sync()
    assert found() is None
    with pytest.raises(ValueError, match="no longer waits"):
        approve_found(signal.pk, actor="mia", reason="", now=NOW)
