"""Each rule says what the one definition of the thing says, as soon as that is so and no sooner."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.models import Outgoing
from dashboard.notifying.incidents import Symptom
from dashboard.notifying.rules import OTHERS, RULES, TOLD
from dashboard.watching.checks import CHECKS
from dashboard.watching.pulses import LIMIT
from reconciliation.models import GapRecord, GapTotal, SignalHealthMetric, SyncRun
from signals.intake import take_in
from signals.models import AutomatedSignal, Source
from signals.parcels import Incoming
from signals.receiving.senders import default_source
from signals.vocabulary import Channel, Origin
from tests.builders import created, entry, send, the_signal

pytestmark = pytest.mark.django_db
NOW = datetime(2025, 12, 11, 15, 0, tzinfo=UTC)  # a Thursday, 10:00 in New York
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def sees(rule: str, limit: float | None = None) -> list[Symptom]:
    return list(RULES[rule].find(NOW, RULES[rule].limit if limit is None else limit))


def says(rule: str, limit: float | None = None) -> str:
    return " ".join(symptom.says for symptom in sees(rule, limit))


def run(state: str = "finished", ended: datetime = NOW, **more: Any) -> SyncRun:
    return SyncRun.objects.create(
        state=state, trigger="schedule", as_of=ended, started_at=ended, finished_at=ended, **more
    )


def arrives(number: int, ago: timedelta = MINUTE, body: bytes = b'{"heartbeat":%d}') -> None:
    items = [
        Incoming(body=body % n if b"%d" in body else body, received_at=NOW - ago, channel=Channel.WEBHOOK)
        for n in range(number)
    ]
    take_in(default_source(), items, now=NOW)


def test_the_worker_stopped() -> None:
    run(ended=NOW - 4 * MINUTE)
    assert sees("worker-stopped") == []
    SyncRun.objects.update(finished_at=NOW - 6 * MINUTE)
    assert says("worker-stopped") == "The worker does no cycles: the last one finished 6 min ago."


def test_a_cycle_failed() -> None:
    run("failed", error="ValueError: no such tier")
    assert "no such tier" in says("cycle-failing")
    run()
    assert sees("cycle-failing") == []


class TestSilence:
    def test_one_source_of_several(self) -> None:
        run()
        arrives(1, ago=2 * HOUR)
        other = Source.objects.create(name="es")
        take_in(other, [Incoming(body=b'{"a":1}', received_at=NOW - MINUTE, channel=Channel.WEBHOOK)], now=NOW)
        (symptom,) = sees("source-silent")
        name = default_source().name
        assert (symptom.key, symptom.source, symptom.cause) == (f"source-silent:{name}", name, "")

    def test_all_of_them_are_one_cause(self) -> None:
        run()
        arrives(1, ago=2 * HOUR)
        assert [symptom.cause for symptom in sees("source-silent")] == ["everything-silent"]

    def test_the_worker_that_stopped_explains_it(self) -> None:
        arrives(1, ago=2 * HOUR)
        assert [symptom.suspects for symptom in sees("source-silent")] == [("worker-stopped",)]


def test_an_alert_is_about_to_expire() -> None:
    source = default_source()
    Source.objects.update(alert_expires_at=NOW + 8 * DAY)
    assert sees("alert-expiring") == []
    Source.objects.update(alert_expires_at=NOW + 3 * DAY)
    (symptom,) = sees("alert-expiring")
    assert symptom.says == f"{source.name}: Its alert in TradingView expires in 3 days."
    assert symptom.todo == "Renew it there before, and note the new date here."
    Source.objects.update(alert_expires_at=NOW - DAY)
    assert [each.severity for each in sees("alert-expiring")] == ["bad"]


def test_a_source_nears_what_tradingview_allows() -> None:
    arrives(11)
    arrives(5, ago=4 * MINUTE, body=b'{"older":%d}')
    assert sees("near-limit") == []
    arrives(1, body=b'{"another":1}')
    assert [each.severity for each in sees("near-limit")] == ["warn"]
    arrives(3, body=b'{"yet another":%d}')
    assert LIMIT == 15
    assert [each.severity for each in sees("near-limit")] == ["bad"]


def test_health_is_under_the_limit() -> None:
    assert sees("health-low") == []
    SignalHealthMetric.objects.create(run=run(), at=NOW, health=79.9)
    assert says("health-low") == "Health is 79.9 %, under 80 %."
    assert sees("health-low", limit=79) == []


def test_more_gaps_than_the_limit() -> None:
    GapTotal.objects.create(gap="no_mae", open=50)
    assert sees("gaps-many") == []
    GapTotal.objects.create(gap="no_targets", open=1)
    assert says("gaps-many") == "51 actionable gaps, more than 50."


def test_a_gap_that_is_open_for_longer_than_an_hour() -> None:
    send([(created(), NOW - 3 * HOUR), (entry(), NOW - 3 * HOUR + 2 * MINUTE)])
    gap = GapRecord.objects.create(signal=the_signal(), gap="no_mae", opened_at=NOW - 59 * MINUTE)
    assert sees("gaps-old") == []
    GapRecord.objects.update(opened_at=NOW - 61 * MINUTE)
    assert says("gaps-old") == "1 gap open for longer than 60 minutes, the oldest for 61 min."
    GapRecord.objects.update(opened_at=NOW - 25 * HOUR)
    assert sees("gaps-old") == []
    GapRecord.objects.filter(pk=gap.pk).update(opened_at=NOW - 2 * HOUR, state="filled")
    assert sees("gaps-old") == []


def test_quarantine_and_unknown_formats_are_two_things() -> None:
    arrives(1, body=b'{"event_type":"ENTRY","trade_id":"20251211_094500000_BULLISH","stop_loss":2573')
    assert "1 delivery could not be read" in says("quarantine")
    assert sees("unknown-format") == []
    arrives(1, body=b"BTCUSDT Crossing 65,000")
    assert "1 alert could not be read" in says("unknown-format")


def test_signals_that_replay_found() -> None:
    send([(created(), NOW - 3 * HOUR)])
    signals = AutomatedSignal.objects.all()
    signals.update(created_at=NOW - HOUR, first_event_at=NOW - 3 * HOUR)
    assert sees("lost-found") == []
    signals.update(origin=Origin.REPLAY)
    assert "1 signal that nobody heard of" in says("lost-found")
    AutomatedSignal.hidden_too.update(created_at=NOW - 25 * HOUR)
    assert sees("lost-found") == []


def test_a_feed_that_cannot_be_asked() -> None:
    source = default_source()
    Source.objects.filter(pk=source.pk).update(feed="databento", feed_symbol="MNQ.v.0", symbol="MNQ1!")
    assert "The feed databento is not asked." in says("feed")


def test_whatever_else_the_overview_warns_of() -> None:
    assert sees("other") == []
    Outgoing.objects.create(
        kind="x", destination="a", payload={}, created_at=NOW, due_at=NOW, state="dead", ended_at=NOW, last_error="no"
    )
    assert [symptom.key for symptom in sees("other")] == ["check:outgoing"]


def test_every_check_of_the_overview_has_one_rule() -> None:
    listed = {check.name for check in CHECKS if check.cheap and not check.decision}
    assert {check.name for check in OTHERS} | TOLD == listed
    assert not {check.name for check in OTHERS} & TOLD


class TestInventedMarkets:
    """What would not be so without them is marked; what is so of real ones is not."""

    @pytest.fixture(autouse=True)
    def _only_simulated(self, db: None) -> None:
        Source.objects.filter(pk=default_source().pk).update(simulated=True)

    def simulated(self, rule: str) -> list[bool]:
        return [symptom.simulated for symptom in sees(rule)]

    def real(self) -> Source:
        return Source.objects.create(name="mine")

    def test_messages_that_could_not_be_read(self) -> None:
        arrives(1, body=b"no format")
        assert self.simulated("unknown-format") == [True]
        item = Incoming(body=b"nor this", received_at=NOW, channel=Channel.WEBHOOK)
        take_in(self.real(), [item], now=NOW)
        assert self.simulated("unknown-format") == [False]

    def test_gaps_that_are_old_or_many(self) -> None:
        GapTotal.objects.create(gap="no_mae", open=60)
        send([(created(), NOW - 2 * HOUR)])
        GapRecord.objects.create(signal=the_signal(), gap="no_mae", state="open", opened_at=NOW - 2 * HOUR)
        assert (self.simulated("gaps-old"), self.simulated("gaps-many")) == ([True], [True])
        Source.objects.update(simulated=False)
        assert (self.simulated("gaps-old"), self.simulated("gaps-many")) == ([False], [False])

    def test_health(self) -> None:
        SignalHealthMetric.objects.create(run=run(), at=NOW, health=40)
        send([(created(), NOW - 2 * HOUR)])
        assert self.simulated("health-low") == [True]
        mine = self.real()
        send([(entry("20251211_094500000_BULLISH", htf_alignment=None), NOW - HOUR)], source=mine)
        assert self.simulated("health-low") == [False]
