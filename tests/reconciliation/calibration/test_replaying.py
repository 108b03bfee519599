"""Calibration of replay: believed for what a trial leaves to be heard, judged on what it hides."""

from collections.abc import Iterator

import pytest

from benchmarks.replayer import Echo, take
from reconciliation.calibration.hiding import Stored
from reconciliation.calibration.measuring import bases_of, fills_of, measure, stored_of
from reconciliation.calibration.replaying import Twin
from reconciliation.calibration.storing import standards
from reconciliation.cycle.run import means_of, run_sync
from reconciliation.models import Agreement, ReplayedSignal
from signals.clock import MINUTE
from signals.models import PriceBar, Source
from signals.receiving.senders import default_source
from signals.signal.deriving import Venue
from signals.tiers import REPLAY
from tests.reconciliation.replay.test_cycle import store
from tests.signals.twin.market import walk

pytestmark = pytest.mark.django_db
BARS = walk(5, 320)
NOW = BARS[-1].time + MINUTE


@pytest.fixture
def heard() -> Stored:
    """All that the twin's alerts told of the bars, with the bars as a file."""
    take(default_source(), list(Echo(BARS, "batch").alerts()), NOW)
    store(BARS)
    run_sync(now=NOW, trigger="command")
    found = stored_of(default_source())
    assert found is not None
    return found


def twin_of(stored: Stored, source: Source) -> Twin:
    return Twin.of(stored, source, bases_of(stored.events, source, Venue.of(source)))


def believed_on(trial: Stored, stored: Stored) -> Iterator[float]:
    """The confidence of what the twin says of a trial's signals."""
    source = default_source()
    bases = bases_of(trial.events, source, Venue.of(source))
    for each in twin_of(stored, source).says(trial, bases.values()).values():
        yield float(each.confidence)


def test_what_replay_fills_is_measured_and_right_where_the_bars_are_the_indicators(heard: Stored) -> None:
    rows = {kind: tally for kind, tally in measure(heard, default_source(), seeds=1).items() if kind.method == REPLAY}
    assert {"confirmation_time", "entry_price", "stop_loss", "targets", "cancelled_at"} <= {kind.field for kind in rows}
    assert all(tally.share > 0.9 for tally in rows.values())
    assert all(0.8 <= kind.declared < 1 for kind in rows)


def test_the_twin_is_believed_for_what_is_left_to_be_heard_only(heard: Stored) -> None:
    assert set(believed_on(heard, heard)) == {0.95}
    some = Stored(dict(list(heard.events.items())[:6]), heard.bars, heard.now)
    assert set(believed_on(some, heard)) <= {0.8, 0.85}
    few = Stored(dict(list(heard.events.items())[:2]), heard.bars, heard.now)
    assert list(believed_on(few, heard)) == []


def test_of_one_trade_that_fell_silent_the_others_are_heard_up_to_then(heard: Stored) -> None:
    names = list(heard.events)
    own = {names[-3]: heard.events[names[-3]][:1]}
    moment = heard.events[names[-3]][0].fire_minute
    assert list(believed_on(Stored(own, heard.bars, moment, alone=True), heard)) == [0.95]
    early = heard.events[names[1]][0].fire_minute
    first = {names[1]: heard.events[names[1]][:1]}
    assert list(believed_on(Stored(first, heard.bars, early, alone=True), heard)) == []


def test_bars_that_came_with_hidden_alerts_take_the_twin_with_them(heard: Stored) -> None:
    PriceBar.objects.update(origin=PriceBar.Origin.INDICATOR)
    stored = stored_of(default_source())
    assert stored is not None
    hidden = Stored(stored.events, stored.bars[:50] + stored.bars[51:], stored.now)
    assert list(believed_on(stored, stored))
    assert list(believed_on(hidden, stored)) == []


def test_it_writes_nothing_and_what_is_applied_leaves_replay_out(heard: Stored) -> None:
    before = list(Agreement.objects.values()), list(ReplayedSignal.objects.values())
    tallies = measure(heard, default_source(), seeds=1)
    assert (list(Agreement.objects.values()), list(ReplayedSignal.objects.values())) == before
    only_replay = {kind: tally for kind, tally in tallies.items() if kind.method == REPLAY}
    assert list(standards(only_replay)) == []


def test_without_bars_nothing_is_replayed(heard: Stored) -> None:
    ReplayedSignal.objects.all().delete()
    fills = fills_of(heard, default_source(), means_of(None), twin_of(heard, default_source()))
    assert [each for _, each in fills if each.method == REPLAY] == []
