"""Contradictions: they are marked whatever the order of the events, and nothing is filled from what they contradict."""

from collections.abc import Iterable
from importlib import import_module
from itertools import permutations

import pytest
from django.apps import apps

from reconciliation.findings import FINDINGS
from reconciliation.tiers.proposals import Neighbour
from signals.formats import iso
from signals.models import AutomatedSignal, SignalEvent
from tests.builders import at as minute
from tests.builders import created as sent_created
from tests.builders import entry as sent_entry
from tests.builders import payload, send
from tests.reconciliation.cycles import OPPOSITE_ID, cycle, rebuilt_differently

from .build import SHORT_ID, at, bar, case, created, entry, event, signal, update, values

OPPOSITE = [Neighbour("opposite", direction, at(12), "PENDING") for direction in ("Bearish", "Bullish")]


def marks(events: Iterable[SignalEvent]) -> bool:
    return signal(*events).entries_differ


class TestEntriesDiffer:
    def test_the_mark_is_the_same_in_every_order(self) -> None:
        events = [
            entry(4, entry_price="100"),
            entry(5, entry_price="100"),
            entry(70, entry_price="120"),
            update(71, "1", entry_price="130"),
        ]
        assert {marks(order) for order in permutations(events)} == {True}

    @pytest.mark.parametrize("again", ["100", "100.0", "100.00000000000000001"])
    def test_the_same_price_twice_is_no_contradiction(self, again: str) -> None:
        events = [entry(4, entry_price="100"), entry(9, entry_price=again), update(10, "1", entry_price="130")]
        assert {marks(order) for order in permutations(events)} == {False}

    def test_an_entry_without_a_price_contradicts_none(self) -> None:
        assert not marks([event("ENTRY", 4), entry(5), event("ENTRY", 6)])

    def test_once_marked_it_stays_marked(self) -> None:
        first, second = entry(4), entry(70, entry_price="120")
        assert marks([first, second, first, first])

    def test_nothing_is_calculated_from_its_prices(self) -> None:
        bars = [bar(n, "125", "96") for n in range(4, 12)]
        assert values("2", case(created(), entry(), bars=bars))["targets_extended"]
        assert values("2", case(created(), entry(), entry(70, entry_price="120"), bars=bars)) == {}


class TestEventsBeforeItsBar:
    @pytest.mark.parametrize(("minutes", "marked"), [(-300, True), (-1, True), (0, False), (1, False), (300, False)])
    def test_the_bar_that_the_id_names_tells(self, minutes: int, marked: bool) -> None:
        assert signal(entry(minutes)).before_its_bar is marked

    def test_so_does_the_bar_that_an_event_states(self) -> None:
        stated = entry(-5, triangle_time=iso(at(0)))
        assert signal(stated, trade_id="Long").before_its_bar

    def test_an_id_without_a_time_names_no_bar(self) -> None:
        assert not signal(entry(-300), trade_id="Long").before_its_bar

    def test_no_time_is_read_from_the_id(self) -> None:
        assert {"signal_time", "session", "confirmation_time"} <= values("3", case(entry(4))).keys()
        assert values("3", case(entry(-300))) == {}

    def test_no_session_is_read_from_a_stated_bar(self) -> None:
        sound, early = (case(entry(minutes, triangle_time=iso(at(0)))) for minutes in (4, -5))
        assert values("0", sound)["session"] == "NY AM"
        assert "session" not in values("0", early)

    def test_it_is_not_cancelled_from_a_bar_that_cannot_be_its_own(self) -> None:
        assert values("inference", case(created(), after=OPPOSITE))["cancelled_by"]
        assert values("inference", case(created(-5), after=OPPOSITE)) == {}


class TestDirectionAgainstItsId:
    def test_it_is_not_cancelled_by_what_seems_its_opposite(self) -> None:
        assert values("inference", case(created(), after=OPPOSITE))
        assert values("inference", case(created(), after=OPPOSITE, trade_id=SHORT_ID)) == {}


@pytest.mark.django_db
def test_a_case_is_told_counted_and_derived_anew_alike() -> None:
    send([(sent_created(), minute(1)), (sent_entry(), minute(5)), (sent_entry(entry_price=25000), minute(90))])
    cycle(100)
    [stored] = AutomatedSignal.objects.all()
    assert stored.entries_differ
    assert "entries_differ" in {each.name for each in FINDINGS if each.holds(stored)}
    assert stored.targets_extended is None
    assert rebuilt_differently() == []


@pytest.mark.django_db
def test_the_migration_marks_what_was_stored_before_as_it_would_be_marked_now() -> None:
    named, plain = OPPOSITE_ID, "20251211_094100000"
    send([(sent_entry(), minute(5)), (sent_entry(entry_price=25000), minute(90))])
    send([(sent_entry(named, direction="Bearish", stop_loss=25750), minute(15)), (sent_entry("Long"), minute(15))])
    send([(payload("MFE_UPDATE", plain, be_mfe=0.1, no_be_mfe=0.1, mae=0), minute(-2000))])
    columns = ("trade_id", "entries_differ", "before_its_bar")
    marked = set(AutomatedSignal.objects.values_list(*columns))
    assert {row[1:] for row in marked} == {(True, False), (False, False), (False, True)}
    AutomatedSignal.objects.update(entries_differ=False, before_its_bar=False)
    import_module("signals.migrations.0013_contradictions_are_marked").mark(apps, None)
    assert set(AutomatedSignal.objects.values_list(*columns)) == marked
