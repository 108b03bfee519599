"""A fill that keeps changing though nothing new is known is frozen as it stands, and becomes a finding."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from reconciliation import decisions
from reconciliation.audit import plain
from reconciliation.cycle.flipping import CHANGES
from reconciliation.findings import FINDINGS
from reconciliation.models import SyncAuditLog
from reconciliation.tiers import table
from reconciliation.tiers.proposals import Case, Proposal
from reconciliation.verifying import verify
from signals.models import AutomatedSignal, Fill
from signals.vocabulary import DataSource
from tests.builders import at, created, entry, send, the_signal, update
from tests.reconciliation.cycles import audited, bars, cycle, rebuilt_differently, snapshot

pytestmark = pytest.mark.django_db
A, B = "25738", "25739"
FROZEN = next(finding for finding in FINDINGS if finding.name == "frozen")


class Oracle:
    """A tier that says of the stop what it is told to, on the evidence that it is given."""

    def __init__(self) -> None:
        self.says: str | None = None
        self.evidence: dict[str, Any] = {"rule": "x"}

    def __call__(self, case: Case, gaps: frozenset[str]) -> Iterator[Proposal]:
        if self.says is not None:
            yield Proposal(
                "stop_loss", self.says, "2", "ladder", DataSource.CALCULATED, Decimal("0.8"), "no_stop_loss",
                self.evidence,
            )  # fmt: skip


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> Oracle:
    tier = Oracle()
    monkeypatch.setitem(table.PROPOSE, "2", tier)
    send([(created(), at(1)), (entry(stop_loss=None, targets=None), at(5))])
    return tier


def in_turn(oracle: Oracle, *said: str | None) -> list[str | None]:
    """What stands after each cycle in which the tier says this."""
    stood = []
    for oracle.says in said:
        cycle(6)
        stood.append(plain(the_signal().stop_loss))
    return stood


def test_five_changes_are_made_and_the_sixth_is_not(oracle: Oracle) -> None:
    assert in_turn(oracle, A, B, A, B, A, B, A, B, A) == [A, B, A, B, A, B, B, B, B]
    assert Fill.objects.filter(field="stop_loss").count() == CHANGES + 1


def test_what_is_frozen_is_a_finding_and_audited_once(oracle: Oracle) -> None:
    in_turn(oracle, A, B, A, B, A, B)
    assert not FROZEN.holds(the_signal())
    in_turn(oracle, A, B, A)
    assert FROZEN.holds(the_signal())
    assert AutomatedSignal.objects.filter(FROZEN.q).exists()
    said = SyncAuditLog.objects.get(action="frozen")
    assert (said.field, said.old, said.new, said.tier) == ("stop_loss", B, A, "2")
    assert [fault for *_, faults in verify() for fault in faults] == []
    assert rebuilt_differently() == []


def test_evidence_that_comes_and_goes_leaves_a_gap(oracle: Oracle) -> None:
    """A wrong value is worse than a gap: what nothing vouches for every other time does not stand in the end."""
    assert in_turn(oracle, A, None, A, None, A, None, A, A) == [A, None, A, None, A, None, None, None]
    assert FROZEN.holds(the_signal())


def test_another_value_on_the_very_same_evidence_is_a_flip_too(oracle: Oracle) -> None:
    values = [str(25700 + n) for n in range(9)]
    assert in_turn(oracle, *values)[-3:] == [values[CHANGES]] * 3


def test_values_that_rest_on_other_evidence_each_time_are_never_refused(oracle: Oracle) -> None:
    """A log imported in parts, the newest first, brings nearer neighbours and longer stretches of bars each time."""
    for number in range(3 * CHANGES):
        oracle.evidence = {"opposite": f"signal {number}"}
        assert in_turn(oracle, str(25700 + number)) == [str(25700 + number)]
    assert not FROZEN.holds(the_signal())


def test_bars_that_say_more_each_time_are_never_refused(oracle: Oracle) -> None:
    oracle.evidence = {"bars": "MNQ1! one stretch"}
    values = [str(25700 + n) for n in range(3 * CHANGES)]
    assert in_turn(oracle, *values) == values


def test_bars_that_say_by_turns_what_they_said_before_are(oracle: Oracle) -> None:
    oracle.evidence = {"bars": "MNQ1! one stretch"}
    assert in_turn(oracle, *[A, B] * CHANGES)[-4:] == [B] * 4


def test_measurements_grow_with_every_bar_as_ever() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.1), at(6))])
    for minute in range(6, 30):
        bars({minute: 25741 + minute})
        cycle(minute + 1)
    assert the_signal().mfe_as_of == at(29)
    assert the_signal().flips is None


def test_an_event_of_the_signal_lifts_it(oracle: Oracle) -> None:
    in_turn(oracle, *[A, B] * CHANGES)
    send([(update(0.4), at(6))])
    assert in_turn(oracle, A, B, A) == [A, B, A]
    assert not FROZEN.holds(the_signal())


def test_a_person_who_undoes_it_lifts_it(oracle: Oracle) -> None:
    in_turn(oracle, *[A, B] * CHANGES)
    standing = Fill.objects.get(field="stop_loss", state="active")
    decisions.undo_fill(standing, actor="ann", reason="wrong")
    assert not FROZEN.holds(the_signal())
    oracle.evidence = {"rule": "y"}
    assert in_turn(oracle, A, B) == [A, B]


def test_a_switch_of_its_source_lifts_it(oracle: Oracle) -> None:
    in_turn(oracle, *[A, B] * CHANGES)
    source = the_signal().source
    source.gaps_off = ["no_session"]
    source.save()
    assert in_turn(oracle, A) == [A]


def test_an_event_that_says_better_replaces_it(oracle: Oracle) -> None:
    in_turn(oracle, *[A, B] * CHANGES)
    send([(entry(stop_loss=25730, targets=None), at(5))])
    assert in_turn(oracle, A) == ["25730"]


def test_the_page_of_the_signal_says_which_value_it_is(oracle: Oracle, admin_client: Client) -> None:
    in_turn(oracle, *[A, B] * CHANGES)
    page = admin_client.get(f"/console/signals/{the_signal().pk}/").content.decode()
    assert "A filled value kept changing" in page
    assert "<strong>Left as they are:</strong> Stop" in page


def test_a_second_cycle_changes_nothing_and_a_dry_one_never(oracle: Oracle) -> None:
    in_turn(oracle, *[A, B] * CHANGES)
    before = snapshot()
    cycle(6)
    cycle(6, dry_run=True)
    assert snapshot() == before
    assert len(audited("frozen")) == 1


def test_cycles_in_which_nothing_flips_ask_for_no_history() -> None:
    send([(entry(), at(5)), (update(0.4), at(6))])
    with CaptureQueriesContext(connection) as asked:
        cycle(6)
    assert Fill.objects.exists()
    assert not [
        each for each in asked.captured_queries if "superseded" in each["sql"] and "signal_fills" in each["sql"]
    ]
