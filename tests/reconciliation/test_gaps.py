"""The catalogue: each gap says the same as a query and as a predicate, and waits as long as its market's clock runs."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.gaps import CATALOGUE, GapView, score
from reconciliation.lateness import Due, open_minutes_ago
from reconciliation.models import GapRecord
from signals.clock import MINUTE
from signals.market import ALWAYS_OPEN, CME_EQUITY, market
from signals.models import AutomatedSignal, Source
from signals.receiving.senders import default_source
from signals.vocabulary import Status
from tests.builders import TRADE_ID, at, created, entry, exit_stop, send, the_signal, update

NOW = datetime(2025, 12, 11, 15, 30, tzinfo=UTC)
HALT = datetime(2025, 12, 11, 22, 0, tzinfo=UTC)  # 17:00 New York, for an hour

ages = st.none() | st.integers(-5, 90)
moments = ages.map(lambda age: None if age is None else NOW - age * MINUTE)
targets = st.sampled_from([None, {}, {"tp1": "0"}, {"tp1": None}, {"tp2": "25760"}, {"tp1": "25750"}])


@st.composite
def signals(draw: st.DrawFn) -> AutomatedSignal:
    """Any row at all, possible or not: agreement must not rest on what the projection happens to write."""
    maybe = lambda value: st.sampled_from([None, value])  # noqa: E731
    return AutomatedSignal(
        status=draw(st.sampled_from(Status.values)),
        session=draw(maybe("NY AM")),
        signal_date=draw(maybe(NOW.date())),
        htf_alignment=draw(maybe({"daily": "Bullish"})),
        entry_price=draw(maybe(Decimal(25740))),
        stop_loss=draw(maybe(Decimal(25730))),
        targets=draw(targets),
        confirmation_time=draw(maybe(NOW)),
        be_mfe=draw(maybe(Decimal(0))),
        no_be_mfe=draw(maybe(Decimal(1))),
        mae=draw(maybe(Decimal(0))),
        mfe_as_of=draw(moments),
        entry_fired_at=draw(moments),
        stop_exit_at=draw(moments),
        be_exit_at=draw(moments),
        seen_completed_at=draw(moments),
        first_event_at=NOW - draw(st.integers(0, 90)) * MINUTE,
        last_event_at=NOW,
        created_at=NOW,
        updated_at=NOW,
    )


def two_sources() -> list[Source]:
    """One that trades with the market, and one that always trades and gives no HTF."""
    usual = default_source()
    other, _ = Source.objects.get_or_create(
        name="other", defaults={"calendar": ALWAYS_OPEN, "gaps_off": ["no_htf_alignment"]}
    )
    return [usual, other]


@pytest.mark.django_db
@given(
    st.lists(st.tuples(signals(), st.integers(0, 1)), min_size=1, max_size=12),
    st.sampled_from([NOW, HALT, HALT + 30 * MINUTE]),
    st.sets(st.tuples(st.integers(0, 11), st.sampled_from(list(CATALOGUE))), max_size=4),
)
def test_query_and_predicate_of_every_gap_agree(
    made: list[tuple[AutomatedSignal, int]], now: datetime, dismissals: set[tuple[int, str]]
) -> None:
    GapRecord.objects.all().delete()
    AutomatedSignal.objects.all().delete()
    sources = two_sources()
    for number, (signal, owner) in enumerate(made):
        signal.source, signal.trade_id = sources[owner], f"signal-{number}"
    AutomatedSignal.objects.bulk_create([signal for signal, _ in made])
    dismissed = set()
    for number, gap in dismissals:
        if number < len(made):
            signal = made[number][0]
            GapRecord.objects.create(signal=signal, gap=gap, state="dismissed", opened_at=now)
            dismissed.add((signal.pk, gap))
    view = GapView.at(now)
    rows = list(AutomatedSignal.objects.all())
    held = {row.pk: view.open_gaps(row, frozenset(dismissed)) for row in rows}
    for gap in CATALOGUE:
        for q, wanted in (
            (view.q(gap), {pk for pk, gaps in held.items() if gap in gaps}),
            (view.q_actionable(gap), {pk for pk, gaps in held.items() if gaps.get(gap)}),
            (view.q_waiting(gap), {pk for pk, gaps in held.items() if gaps.get(gap) is False}),
        ):
            assert set(AutomatedSignal.objects.filter(q).values_list("pk", flat=True)) == wanted
    any_due = {pk for pk, gaps in held.items() if any(gaps.values())}
    assert set(AutomatedSignal.objects.filter(view.q_any_actionable()).values_list("pk", flat=True)) == any_due


@given(
    st.datetimes(datetime(2025, 11, 20), datetime(2026, 1, 10), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(1, 20),
    st.sampled_from([CME_EQUITY, ALWAYS_OPEN]),
)
def test_open_minutes_ago_is_the_latest_minute_that_is_so_old(now: datetime, minutes: int, calendar: str) -> None:
    hours = market(calendar)
    found = open_minutes_ago(hours, now, minutes)
    assert hours.open_minutes(found, now) >= minutes
    assert hours.open_minutes(found + MINUTE, now) < minutes


def test_there_are_nine_gaps_with_the_agreed_weights() -> None:
    assert [(gap.name, gap.weight) for gap in CATALOGUE.values()] == [
        ("no_mfe_update", 20),
        ("no_entry_price", 15),
        ("no_stop_loss", 15),
        ("no_mae", 10),
        ("no_session", 8),
        ("no_signal_date", 8),
        ("no_htf_alignment", 5),
        ("no_targets", 5),
        ("no_confirmation_time", 3),
    ]


def gaps_at(minutes: float) -> dict[str, bool]:
    return GapView.at(at(minutes)).open_gaps(the_signal(), frozenset())


@pytest.mark.django_db
def test_a_pending_signal_owes_only_htf_session_and_date() -> None:
    send([(created(htf_alignment=None, session=None), at(1))])
    assert gaps_at(60) == {"no_session": True, "no_htf_alignment": True}


@pytest.mark.django_db
def test_an_active_trade_waits_at_two_open_minutes_and_is_actionable_at_fifteen() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(8))])  # covers the bar that opened at 7
    assert gaps_at(8.9) == {}
    assert gaps_at(9) == {"no_mfe_update": False}
    assert gaps_at(21.9) == {"no_mfe_update": False}
    assert gaps_at(22) == {"no_mfe_update": True}


@pytest.mark.django_db
def test_outside_market_hours_the_clock_stands_still() -> None:
    halt = 7 * 60 + 20  # minutes from the signal's bar to the daily halt
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(halt - 4))])
    assert gaps_at(halt) == {"no_mfe_update": False}
    assert gaps_at(halt + 60) == {"no_mfe_update": False}
    assert gaps_at(halt + 69) == {"no_mfe_update": False}
    assert gaps_at(halt + 70) == {"no_mfe_update": True}


@pytest.mark.django_db
def test_what_was_actionable_at_the_close_stays_so() -> None:
    halt = 7 * 60 + 20
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(halt - 20))])
    assert gaps_at(halt) == gaps_at(halt + 30) == {"no_mfe_update": True}


@pytest.mark.django_db
def test_a_finished_trade_without_final_mfe_is_actionable_at_once() -> None:
    silent = {"event_type": "EXIT_STOP_LOSS", "trade_id": TRADE_ID, "exit_price": 25730}
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(8)), (silent, at(10))])
    assert gaps_at(10) == {"no_mfe_update": True}


@pytest.mark.django_db
def test_an_mfe_up_to_the_bar_before_the_end_is_final() -> None:
    silent = {"event_type": "EXIT_STOP_LOSS", "trade_id": TRADE_ID, "exit_price": 25730}
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(9)), (silent, at(10))])
    assert gaps_at(500) == {}


@pytest.mark.django_db
def test_an_mae_of_zero_is_a_value() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4, mae=0), at(6))])
    assert gaps_at(6) == {}


@pytest.mark.django_db
def test_the_next_check_is_when_a_gap_turns_actionable() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(8))])
    due = GapView.at(at(8)).next_check(the_signal(), frozenset())
    assert due == at(22)
    assert gaps_at(21.99) == {"no_mfe_update": False}


@pytest.mark.django_db
def test_a_finished_trade_needs_no_next_check() -> None:
    send([(created(), at(1)), (entry(), at(5)), (exit_stop(), at(8))])
    assert GapView.at(at(8)).next_check(the_signal(), frozenset()) is None


def test_a_score_is_a_hundred_less_the_weights_of_what_is_actionable() -> None:
    assert score({}) == 100
    assert score({"no_mfe_update": False, "no_targets": True}) == 95
    assert score(dict.fromkeys(CATALOGUE, True)) == 100 - 89


def test_due_moments_are_two_and_fifteen_open_minutes_old() -> None:
    reopened = HALT + timedelta(hours=1)
    assert Due.at(reopened, market()) == Due(HALT - 2 * MINUTE, HALT - 15 * MINUTE)


def test_the_documentation_lists_every_gap_with_its_weight_and_tiers() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reconciliation.md").read_text()
    listed = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `no_")]
    assert [(cells[0].strip("`"), int(cells[1]), cells[-1]) for cells in listed] == [
        (gap.name, gap.weight, ", ".join(gap.tiers)) for gap in CATALOGUE.values()
    ]
