"""What goes wrong on the way goes wrong as often as was asked for, and the same way each time."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from signals.clock import MINUTE, floor_minute
from signals.dialects import read
from signals.facts import UnreadableError
from signals.simulator import Alert
from signals.simulator.faults import SILENT_AT_RESTART, Arrival, Faults, arrivals, middle_of
from signals.simulator.truth import answer

from .scenarios import MONDAY, scenario, simulated

GIVEN = scenario(end=MONDAY + timedelta(hours=30))


def arrived(**faults: Any) -> list[Arrival]:
    return list(arrivals(simulated(GIVEN).alerts, GIVEN, Faults(**faults)))


def minute_and_body(alert: Alert) -> tuple[Any, bytes]:
    return floor_minute(alert.fire_time), alert.body


def test_without_faults_everything_arrives_when_it_fires() -> None:
    assert [(each.at, each.alert) for each in arrived()] == [
        (alert.fire_time, alert) for alert in simulated(GIVEN).alerts
    ]


def test_with_all_of_them_it_arrives_in_order_and_the_same_way_each_time() -> None:
    every = {
        "duplicate": 0.2,
        "reorder": 0.3,
        "corrupt": 0.1,
        "delay": 5 * MINUTE,
        "outage": 20 * MINUTE,
        "restart": True,
    }
    first = arrived(**every)
    assert first == arrived(**every)
    assert all(a.at <= b.at for a, b in pairwise(first))


def test_what_comes_twice_comes_within_the_minute() -> None:
    sent = Counter((minute_and_body(each.alert), floor_minute(each.at)) for each in arrived(duplicate=0.25))
    assert 0.2 < sum(count == 2 for count in sent.values()) / len(sent) < 0.3
    assert max(sent.values()) == 2


def test_what_others_overtake_still_comes_in_its_minute() -> None:
    found = arrived(reorder=0.5)
    assert all(floor_minute(each.at) == floor_minute(each.alert.fire_time) for each in found)
    assert [each.alert for each in found] != list(simulated(GIVEN).alerts)


def test_a_tenth_is_late() -> None:
    lags = [each.at - each.alert.fire_time for each in arrived(delay=10 * MINUTE)]
    assert max(lags) <= 10 * MINUTE
    assert 0.05 < sum(lag > timedelta(0) for lag in lags) / len(lags) < 0.15


def test_in_an_outage_nothing_arrives() -> None:
    calm = {floor_minute(alert.fire_time) for alert in simulated(GIVEN).alerts}
    dark = sorted(calm - {floor_minute(each.at) for each in arrived(outage=timedelta(hours=2))})
    assert len(dark) > 60
    assert dark[-1] - dark[0] < timedelta(hours=30)


def test_after_a_restart_the_alert_has_another_number() -> None:
    numbers = [(each.alert.fire_time, each.alert.alert_id) for each in arrived(restart=True)]
    middle = middle_of(GIVEN)
    assert all((alert_id == GIVEN.alert_id) == (fired < middle) for fired, alert_id in numbers)
    assert not [fired for fired, _ in numbers if middle <= fired < middle + SILENT_AT_RESTART]


def test_what_is_mangled_is_mended_or_refused_and_never_read_as_something_else() -> None:
    known = {repr(read(alert.body).events) for alert in simulated(GIVEN).alerts}
    mended = refused = 0
    for each in arrived(corrupt=1.0):
        try:
            assert repr(read(each.alert.body).events) in known
            mended += 1
        except UnreadableError:
            refused += 1
    assert mended
    assert refused


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"corrupt": 2}, "corrupt is a fraction"), ({"outage": timedelta(days=2)}, "less than a day")],
)
def test_senseless_faults_are_refused_in_words(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Faults(**wrong)


def test_what_the_indicator_answers_is_read_as_its_state_then() -> None:
    truths = [truth for truth in simulated(GIVEN).truth.values() if truth.exits]
    last = truths[0].exits[-1][1]
    [told, *_] = read(answer(truths[:1], last, "MNQ1!")).events
    assert told.values["state"] == truths[0].status
    assert told.values["be_mfe"] == f"{truths[0].be_mfe.normalize():f}"  # type: ignore[union-attr]
    [before] = read(answer(truths[:1], truths[0].signal_bar, "MNQ1!")).events
    assert before.values["state"] == "PENDING"
    assert "entry_price" not in before.values
