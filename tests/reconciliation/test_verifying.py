"""A hand in the audit log, or in what it tells of, is noticed: changed, deleted and invented rows."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from reconciliation.decisions import dismiss_gap, reopen_gap, take_back, undo_fill, undone
from reconciliation.models import GapRecord, SyncAuditLog
from reconciliation.verifying import verify
from signals.models import Fill
from tests.builders import at, entry, send, the_signal, update

from .cycles import cycle, fill_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def life(unguarded: None) -> None:
    """A signal with fills of which one is undone, an undo that was taken back, and gaps that people dismissed."""
    send([(entry(targets=None), at(5)), (update(0.4), at(6))])
    cycle(6)
    undo_fill(fill_of("targets"), actor="ann", reason="looks wrong")
    take_back(undone(Fill.objects.filter(field="targets")), actor="ann", reason="it was right")
    undo_fill(fill_of("confirmation_time"), actor="ann", reason="looks wrong")
    dismiss_gap(the_signal(), "no_confirmation_time", actor="ann", reason="known")
    cycle(7)
    reopen_gap(the_signal(), "no_confirmation_time", actor="bob")
    cycle(8)


def faults() -> list[str]:
    return [fault.says for _, _, found in verify() for fault in found]


def tamper(sql: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        assert cursor.rowcount > 0


def test_what_nobody_touched_agrees() -> None:
    out = StringIO()
    call_command("verify_audit", stdout=out)
    told = out.getvalue().splitlines()
    assert told[:2] == ["14 entries in 3 links: the seals hold.", "1 signals, 3 runs: the audit log agrees."]
    assert told[2].startswith("Guards are missing")


@pytest.mark.parametrize("action", ["filled", "undone", "taken_back", "gap_opened", "gap_dismissed", "gap_reopened"])
def test_a_deleted_entry_is_missed(action: str) -> None:
    tamper("DELETE FROM sync_audit_log WHERE id = (SELECT MAX(id) FROM sync_audit_log WHERE action = %s)", action)
    assert any("no entry says so" in says for says in faults())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("new", '"1"'),
        ("tier", "inference"),
        ("method", "guess"),
        ("field", "mae"),
        ("confidence", "0.5"),
        ("evidence", "{}"),
    ],
)
def test_a_changed_entry_of_a_fill_is_noticed_from_both_sides(column: str, value: str) -> None:
    tamper(f"UPDATE sync_audit_log SET {column} = %s WHERE action = 'filled' AND field = 'targets'", value)
    told = faults()
    assert any(says.startswith("Fill ") and "no entry says so" in says for says in told)
    assert any("was filled, and no fill is so" in says for says in told)


def test_a_changed_reason_and_a_changed_actor_are_noticed() -> None:
    tamper("UPDATE sync_audit_log SET actor = 'eve' WHERE action = 'gap_dismissed'")
    assert any("Gap dismissed" in says for says in faults())


def test_a_changed_fill_is_noticed() -> None:
    tamper("UPDATE signal_fills SET value = %s WHERE state = 'active'", '"1"')
    assert any(says.startswith("Fill ") for says in faults())


def test_a_deleted_fill_and_a_deleted_gap_record_leave_entries_that_tell_of_nothing() -> None:
    tamper("DELETE FROM signal_fills WHERE state = 'undone'")
    tamper("DELETE FROM signal_gaps WHERE state = 'reopened'")
    told = faults()
    assert "An entry says that a fill of confirmation_time was undone, and no fill is so." in told
    assert "An entry says of no_confirmation_time: Gap dismissal taken back, and no record is so." in told


def test_an_invented_end_of_a_gap_is_noticed() -> None:
    record = GapRecord.objects.filter(state="open").first()
    assert record is not None
    tamper("UPDATE signal_gaps SET state = 'closed', closed_at = opened_at WHERE id = %s", record.pk)
    assert any(says.startswith(f"Gap record {record.pk} ") for says in faults())


@pytest.mark.parametrize("column", ["fills", "withdrawn", "healed", "cancelled", "conflicts", "errors"])
def test_a_changed_count_of_a_run_is_noticed(column: str) -> None:
    tamper(f"UPDATE sync_runs SET {column} = 99")
    assert any(f"It counts 99 {column};" in says for says in faults())


def test_the_command_says_what_is_wrong_and_ends_with_1() -> None:
    SyncAuditLog.objects.filter(action="undone")._raw_delete("default")
    out = StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("verify_audit", json=True, stdout=out)
    told = json.loads(out.getvalue())
    assert (told["signals"], told["runs"]) == (1, 3)
    assert told["faults"] == len(told["first"]) > 0
    assert {fault["about"] for fault in told["first"]} == {"seals", the_signal().trade_id}
    assert len(told["guards_lacking"]) >= 9


def test_it_reads_a_chunk_at_a_time(django_assert_max_num_queries, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciliation.verifying.AT_ONCE", 2)
    with django_assert_max_num_queries(12):
        assert [(kind, count) for kind, count, _ in verify()] == [("signals", 1), ("runs", 2), ("runs", 1)]
