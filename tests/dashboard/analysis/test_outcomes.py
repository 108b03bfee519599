"""What each end of a signal is worth on each leg."""

from decimal import Decimal
from itertools import product
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.db.models import F

from dashboard.analysis.outcomes import ENDS, Leg, ends_of
from signals.models import AutomatedSignal
from signals.receiving.senders import default_source
from tests.builders import (
    TRADE_ID,
    at,
    break_even,
    created,
    entry,
    exit_break_even,
    exit_stop,
    payload,
    send,
    the_signal,
    update,
)

ORDER = payload("EXIT", TRADE_ID, exit_price=25755, exit_reason="target")
REPORT = {
    "event_type": "INDICATOR_EXPORT_V2", "batch_number": 1, "batch_size": 1, "total_signals": 1,
    "signals": [{"trade_id": TRADE_ID, "status": "COMPLETED", "be_mfe": 1.4, "no_be_mfe": 2.5, "completed": True}],
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("alerts", "be", "stop"),
    [
        pytest.param([], "", "", id="open"),
        pytest.param([break_even(), exit_break_even()], "", "", id="the second leg runs on"),
        pytest.param([exit_break_even(be_mfe=0.4)], "stopped", "stopped", id="never protected: one stop for both"),
        pytest.param([exit_stop(be_mfe=0.4, no_be_mfe=0.4)], "stopped", "stopped", id="the same, told as a stop loss"),
        pytest.param([break_even(), exit_break_even(), exit_stop()], "break_even", "stopped", id="both exits heard"),
        pytest.param([break_even(), exit_stop()], "break_even", "stopped", id="the exit at break-even was lost"),
        pytest.param([update(1.2), exit_stop()], "break_even", "stopped", id="protected by its MFE"),
        pytest.param([ORDER], "order", "order", id="by an order, at its price"),
        pytest.param([break_even(), exit_break_even(), ORDER], "break_even", "order", id="break-even before the order"),
        pytest.param([payload("EXIT", TRADE_ID)], "unknown", "unknown", id="by an order of which nothing is said"),
        pytest.param([payload("EXIT_STOP_LOSS", TRADE_ID)], "stopped", "stopped", id="by a stop of which nothing is"),
        pytest.param([REPORT], "unknown", "unknown", id="a report says that it is over, not how"),
    ],
)
def test_how_a_leg_ended(alerts: list[dict[str, Any]], be: str, stop: str) -> None:
    send([(created(), at(1)), (entry(), at(3)), *((body, at(10 + n)) for n, body in enumerate(alerts))])
    rows = AutomatedSignal.objects.alias(**ENDS).annotate(be=F("be_end"), stop=F("stop_end"))
    assert list(rows.values_list("be", "stop")) == [(be, stop)]
    assert ends_of(the_signal()) == (be, stop)


@pytest.mark.django_db
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one way to look for an event")
def test_events_are_asked_for_orders_through_their_own_index() -> None:
    """A hundred million events are not read through for the few that say so."""
    rows = AutomatedSignal.objects.alias(**ENDS).annotate(be=F("be_end")).values_list("be")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "event_of_orders" in rows.explain()


@pytest.mark.django_db
def test_a_sender_of_one_leg_follows_the_original_stop_no_further() -> None:
    send(
        [(created(), at(1)), (entry(), at(3)), (break_even(), at(5)), (exit_break_even(), at(9)), (exit_stop(), at(9))]
    )
    AutomatedSignal.objects.update(single_leg=True, stop_exit_at=None, stop_exit_price=None, stop_exit_reason=None)
    rows = AutomatedSignal.objects.alias(**ENDS).annotate(be=F("be_end"), stop=F("stop_end"))
    assert list(rows.values_list("be", "stop")) == [("break_even", "unknown")]


@pytest.mark.django_db
def test_an_mfe_filled_over_1_r_without_a_trigger_contradicts_itself() -> None:
    send([(created(), at(1)), (entry(), at(3)), (exit_break_even(be_mfe=0.4), at(9))])
    AutomatedSignal.objects.update(be_mfe="1.3")
    rows = AutomatedSignal.objects.alias(**ENDS).annotate(be=F("be_end"))
    assert list(rows.values_list("be", flat=True)) == ["unknown"]


def leg(end: str, mfe: float | None = None, order: float | None = None) -> Leg:
    nan = float("nan")
    number = lambda value: np.array([nan if value is None else value])  # noqa: E731
    return Leg(np.array([end]), number(order), number(mfe), np.array([nan]))


@pytest.mark.parametrize(
    ("one", "target", "worth"),
    [
        (leg("stopped", 1.9), 2, -1),
        (leg("stopped", 2.0), 2, 2),
        (leg("break_even", 1.4), 2, 0),
        (leg("break_even", 1.4), 1, 1),
        (leg("order", 1.4, 1.5), 2, 1.5),
        (leg("order", 1.4, 1.5), 1.5, 1.5),  # the order's price came as far as the target
        (leg("order", 3.0, -0.4), 2, 2),
        (leg("order", 3.0, -0.4), None, -0.4),
        (leg("stopped", None), None, -1),
        (leg("stopped", None), 2, None),  # whether it came so far is not known
        (leg("unknown", 5.0), 2, None),
        (leg("", 5.0), 2, None),
    ],
)
def test_what_an_end_is_worth_with_a_target(one: Leg, target: float | None, worth: float | None) -> None:
    [found] = one.worth(target).tolist()
    assert found == worth or (worth is None and np.isnan(found))


@pytest.mark.django_db
def test_the_query_and_the_loaded_signal_say_the_same() -> None:
    """Whatever a row holds, possible or not: agreement must not rest on what the projection happens to write."""
    moment, price = at(5), Decimal(25750)
    maybe = {
        "status": ("CONFIRMED", "COMPLETED"), "be_triggered_at": (None, moment),
        "be_mfe_peak": (None, Decimal("0.9"), Decimal(1)),
        "be_mfe": (None, Decimal("0.4"), Decimal(1)), "be_exit_at": (None, moment), "stop_exit_at": (None, moment),
        "stop_exit_price": (None, price), "exit_price": (None, price), "exit_reason": (None, "target"),
        "stop_loss": (None, Decimal(25730), Decimal(25740)),
    }  # fmt: skip
    source = default_source()
    times = {"first_event_at": moment, "last_event_at": moment, "created_at": moment, "updated_at": moment}
    made = [
        AutomatedSignal(
            source=source, trade_id=str(n), entry_price=Decimal(25740), **times, **dict(zip(maybe, values, strict=True))
        )
        for n, values in enumerate(product(*maybe.values()))
    ]
    AutomatedSignal.objects.bulk_create(made)
    rows = AutomatedSignal.objects.alias(**ENDS).annotate(be=F("be_end"), stop=F("stop_end"))
    assert [row.trade_id for row in rows if ends_of(row) != (row.be, row.stop)] == []
