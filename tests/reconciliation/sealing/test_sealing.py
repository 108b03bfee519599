"""Seals: whatever a hand does to sealed entries below the ORM is found, named, and by a head kept elsewhere proved."""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import example, given
from hypothesis import strategies as st

from reconciliation.audit import Action, Journal
from reconciliation.guarding import door, triggers
from reconciliation.merging import merge
from reconciliation.models import AuditSeal, SyncAuditLog
from reconciliation.sealing import sealing
from reconciliation.sealing.canonical import as_bytes, as_text, digest_of, plain, seal_of
from reconciliation.sealing.checking import Checked, Stretches, check
from signals.models import AutomatedSignal, SignalEvent
from signals.storage.marks import PATIENCE
from tests.builders import at, entry, send, the_signal
from tests.reconciliation.cycles import cycle

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unguarded")]
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def write(number: int = 1, first: int | None = None, **more: Any) -> list[int]:
    """Entries, with keys from `first` on where it is given."""
    rows = [
        SyncAuditLog(
            pk=None if first is None else first + place, at=NOW, action=Action.NOTED, new={"n": place, "x": 0.5}, **more
        )
        for place in range(number)
    ]
    for row in rows:
        row.save(force_insert=True)
    return [row.pk for row in rows]


def sealed(links: int = 3, entries: int = 4) -> list[int]:
    """A chain of some links with some entries each; the keys of all."""
    keys = []
    for _ in range(links):
        keys += write(entries)
        assert sealing.seal_some(NOW) == entries
    return keys


def run(sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        assert cursor.rowcount > 0


def faults() -> list[str]:
    return check().faults


# -- the chain


def test_what_nobody_touched_holds() -> None:
    sealed()
    assert check() == Checked(links=3, entries=12)


def test_what_is_new_is_counted_and_sealed_by_the_next_link() -> None:
    sealed()
    write(2)
    assert (check().unsealed, check().faults) == (2, [])
    assert sealing.seal_some(NOW) == 2
    assert (check().unsealed, AuditSeal.objects.count()) == (0, 4)
    assert sealing.seal_some(NOW) == 0


def test_a_link_takes_so_many_and_old_entries_are_sealed_turn_by_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "AT_ONCE", 5)
    write(12)
    assert sealing.seal(seconds=0) == 5
    assert sealing.seal() == 7
    assert [link.total for link in AuditSeal.objects.order_by("number")] == [5, 10, 12]


def test_an_entry_that_is_committed_late_is_sealed_late() -> None:
    (first,) = write(1)
    write(2, first=first + 3)
    sealing.seal_some(NOW)
    assert check().faults == []
    write(1, first=first + 1)
    assert (check().faults, check().unsealed) == ([], 1)
    assert sealing.seal_some(NOW) == 1
    assert check() == Checked(links=2, entries=4)


def test_what_appears_where_nothing_is_awaited_any_more_was_inserted() -> None:
    (first,) = write(1)
    write(1, first=first + 3)
    sealing.seal_some(NOW)
    write(1, first=first + 9)
    sealing.seal_some(NOW + timedelta(seconds=PATIENCE + 1))
    write(1, first=first + 1)
    assert faults() == [f"Entry {first + 1} was inserted: what came after it is sealed, and it is not."]
    assert sealing.seal_some(NOW) == 0


ATTACKS: dict[str, Callable[[list[int]], None]] = {
    "at": lambda keys: run("UPDATE sync_audit_log SET at = '2026-01-02 03:04:05.678902+00:00' WHERE id = %s", keys[5]),
    "actor": lambda keys: run("UPDATE sync_audit_log SET actor = 'eve' WHERE id = %s", keys[5]),
    "new": lambda keys: run("UPDATE sync_audit_log SET new = '{\"n\": 1}' WHERE id = %s", keys[5]),
    "confidence": lambda keys: run("UPDATE sync_audit_log SET confidence = 0.001 WHERE id = %s", keys[5]),
    "removed": lambda keys: run("DELETE FROM sync_audit_log WHERE id = %s", keys[5]),
    "other key": lambda keys: run("UPDATE sync_audit_log SET id = id + 1000 WHERE id = %s", keys[5]),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hand_on_an_entry_is_found_and_the_entry_named(attack: str) -> None:
    keys = sealed()
    ATTACKS[attack](keys)
    assert [says.split(" ")[:2] for says in faults()] == [["Entry", str(keys[5])]]


# What a hand can do to entries: each changes what is stored.
HANDS = st.sampled_from(["change", "remove", "insert", "swap"])


@given(data=st.data(), hands=st.lists(HANDS, min_size=1, max_size=3))
def test_any_hand_is_found_whatever_it_does_where(data: st.DataObject, hands: list[str]) -> None:
    SyncAuditLog.objects.all()._raw_delete(connection.alias)
    AuditSeal.objects.all().delete()
    # Two keys, of which nothing has become until nobody waits for it any more.
    keys = write(3, first=10) + write(4, first=15)
    sealing.seal_some(NOW)
    keys += write(5, first=19)
    sealing.seal_some(NOW + timedelta(seconds=PATIENCE + 1))
    assert check() == Checked(links=2, entries=12)
    before = list(SyncAuditLog.objects.order_by("pk").values())
    for hand in hands:
        there = list(SyncAuditLog.objects.order_by("pk").values_list("pk", flat=True))
        one = data.draw(st.sampled_from(there))
        if hand == "change":
            run("UPDATE sync_audit_log SET note = note || 'x' WHERE id = %s", one)
        elif hand == "remove":
            run("DELETE FROM sync_audit_log WHERE id = %s", one)
        elif hand == "insert":
            if free := sorted({1, 13, 14} - set(there)):
                write(1, first=data.draw(st.sampled_from(free)), note="inserted")
        else:
            other = data.draw(st.sampled_from(there))
            for now, then in ((one, -1), (other, one), (-1, other)) if one != other else ():
                run("UPDATE sync_audit_log SET id = %s WHERE id = %s", then, now)
    after = list(SyncAuditLog.objects.order_by("pk").values())
    differing = {row["id"] for row in [*before, *after] if row not in before or row not in after}
    assert {int(says.split()[1]) for says in faults()} == differing


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("DELETE FROM audit_seals WHERE number = 2", "Link 2 of the seals is gone"),
        ("DELETE FROM audit_seals WHERE number = 1", "Link 1 of the seals is gone"),
        ("UPDATE audit_seals SET total = 99 WHERE number = 2", "Link 2 of the seals was changed"),
        ("UPDATE audit_seals SET at = '2027-01-01 00:00:00+00:00' WHERE number = 2", "Link 2 of the seals was changed"),
        ("UPDATE audit_seals SET missing = '[[1, 9, 0]]' WHERE number = 2", "Link 2 of the seals was changed"),
        ("UPDATE audit_seals SET seal = (SELECT seal FROM audit_seals WHERE number = 1) WHERE number = 2", "Link 2"),
    ],
)
def test_a_hand_on_the_chain_itself_is_found(sql: str, says: str) -> None:
    sealed()
    run(sql)
    assert faults()[0].startswith(says)


def test_a_link_that_is_cut_off_is_told() -> None:
    sealed()
    link = AuditSeal.objects.get(number=2)
    AuditSeal.objects.filter(number=2).update(entries=bytes(link.entries)[:-1])
    assert any("is cut off" in says for says in faults())


def test_the_newest_links_can_be_looked_at_alone() -> None:
    keys = sealed(links=4)
    run("UPDATE sync_audit_log SET note = 'x' WHERE id = %s", keys[0])
    assert check(newest=2) == Checked(links=2, entries=8)
    assert len(faults()) == 1


# -- what the product itself does


def test_what_went_through_the_door_is_missed_by_nobody_and_nothing_else_is_excused() -> None:
    keys = sealed()
    triggers.put_up(connection)
    with door.opened(SyncAuditLog, keys[2:4], why="too old", now=NOW):
        SyncAuditLog.objects.filter(pk__in=keys[2:4])._raw_delete(connection.alias)
    sealing.seal_some(NOW)
    connection.check_constraints()
    triggers.take_down(connection)
    run("DELETE FROM sync_audit_log WHERE id = %s", keys[4])
    assert [says.split()[1] for says in faults()] == [str(keys[4])]


def test_entries_may_follow_their_signal_where_an_entry_tells_it() -> None:
    send([(entry(targets=None), at(3))])
    cycle(30)
    signal = the_signal()
    twin, third = (AutomatedSignal.objects.get(pk=signal.pk) for _ in range(2))
    for life, row in enumerate((twin, third), start=2):
        row.pk, row.life = None, life
        row.save(force_insert=True)
    assert SyncAuditLog.objects.filter(signal=signal).exists()
    for emptied, into in ((signal, twin), (twin, third)):
        SignalEvent.objects.filter(signal=emptied).update(signal=into)
        merge(emptied, into)
        sealing.seal_some(NOW)
    assert not SyncAuditLog.objects.filter(signal__in=(signal, twin)).exists()
    assert faults() == []
    send([(entry("20251211_095000000_BULLISH"), at(13))])
    SyncAuditLog.objects.filter(signal=third, action="filled").update(signal=the_signal("20251211_095000000_BULLISH"))
    assert faults() != []


# -- when it happens


def test_a_cycle_seals_and_tells_the_head(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_HEAD_FILE = str(tmp_path / "heads")
    send([(entry(targets=None), at(3))])
    cycle(30)
    told = json.loads((tmp_path / "heads").read_text())
    assert told == sealing.head()
    assert told["entries"] == SyncAuditLog.objects.count() > 0
    cycle(31)
    assert len((tmp_path / "heads").read_text().splitlines()) == 1  # nothing is new


def test_a_cycle_that_cannot_seal_is_a_good_one(settings: Any, tmp_path: Path, caplog: Any) -> None:
    settings.AUDIT_HEAD_FILE = str(tmp_path / "nowhere" / "heads")
    send([(entry(targets=None), at(3))])
    with caplog.at_level(logging.ERROR):
        assert cycle(30).fills > 0
    assert "could not be sealed" in caplog.text


def test_what_a_person_does_is_sealed_at_once(django_capture_on_commit_callbacks: Any) -> None:
    send([(entry(), at(3))])
    with django_capture_on_commit_callbacks(execute=True):
        journal = Journal(NOW, actor="mia")
        journal.note(the_signal(), Action.NOTED, new="late")
        journal.write()
    assert check() == Checked(links=1, entries=1)


# -- what is sealed, exactly


WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text("abc", max_size=3), each, max_size=3),
    max_leaves=5,
)


@given(value=JSON)
@example(value=2.0**1023)
@example(value=sys.float_info.max)
def test_what_the_database_gives_back_is_what_was_written(value: Any) -> None:
    """PostgreSQL keeps numbers its own way: a move between databases must not break the seals."""
    row = SyncAuditLog.objects.create(at=NOW, action=Action.NOTED, old=value, evidence={"e": value})
    row.refresh_from_db()
    assert plain(row.old) == plain(value)
    assert json.dumps(plain(row.evidence), sort_keys=True) == json.dumps(plain({"e": value}), sort_keys=True)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=3), each, max_size=3),
    max_leaves=5,
)


@given(value=ANY_JSON)
@example(value={"\uffff": 1e16, "\U0001f600": 1e-5, "\x7f": -0.0, '\x1f"\\': 2**53})
@example(value=[10**400, float("nan"), float("-inf"), 1.5])
@example(value={"half": "\ud800", "b": 1e300, "a": 2**70})
def test_what_is_digested_is_spelled_by_the_standard_library(value: Any) -> None:
    """Whatever writes it: the digests of older entries are of that spelling."""
    values = [7, NOW, None, Decimal("0.8"), value, {"e": value}]
    assert as_bytes(values) == as_text([*map(plain, values)]).encode("utf-8", "surrogatepass")


def test_digests_stay_what_they_are() -> None:
    """They are stored: if this fails, older chains can no longer be proved."""
    value = (Decimal("0.8"), {"b": 1.0, "a": []}, "", "")
    values = (7, NOW, 3, None, 5, "filled", "no_mae", "mae", "2", "m", None, "-0.4", *value)
    assert digest_of(values).hex() == DIGEST
    link = AuditSeal(number=1, at=NOW, upto=7, total=1, entries=b"\0" * 24, missing=[[1, 6, 12.5]])
    assert seal_of(link, "0" * 64) == LINK


DIGEST = "99f095bb0e2fa66db9eef1e24d0bcf48"
LINK = "774054a6f2177bbe85a2cb662fdd811bca8258e31b166cdd1b842bbd6892d67a"


def test_stretches_hold_what_is_in_them() -> None:
    held = Stretches([[8, 9], [1, 3]])
    assert [key for key in range(12) if held.holds(key)] == [1, 2, 3, 8, 9]


# -- the command


def verified(**options: Any) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("verify_audit", stdout=out, **options)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def test_the_head_that_was_kept_proves_that_all_is_still_there(tmp_path: Path) -> None:
    sealed()
    _, head = verified(head=True)
    (tmp_path / "heads").write_text(head)
    write(2)
    sealing.seal_some(NOW)
    for kept in (head, str(tmp_path / "heads"), json.loads(head)["seal"]):
        assert verified(against=kept)[0] == 0


def test_a_chain_that_was_made_anew_is_told_by_the_head_alone() -> None:
    keys = sealed()
    _, head = verified(head=True)
    run("DELETE FROM sync_audit_log WHERE id = %s", keys[-1])
    AuditSeal.objects.all().delete()
    sealing.seal()
    assert verified()[0] == 0
    status, says = verified(against=head)
    assert status == 1
    assert "is not in the chain: entries are gone, or all seals made anew." in says


def test_a_broken_chain_ends_with_1_and_names_the_entry() -> None:
    keys = sealed()
    run("UPDATE sync_audit_log SET note = 'x' WHERE id = %s", keys[3])
    status, says = verified()
    assert status == 1
    assert f"Entry {keys[3]} was changed since it was sealed." in says


def test_it_seals_when_asked_to_and_has_no_head_before() -> None:
    write(3)
    with pytest.raises(CommandError, match="Nothing is sealed yet"):
        verified(head=True)
    assert verified(seal=True)[1].startswith("3 entries in 1 links: the seals hold.")


def test_what_holds_no_head_proves_nothing() -> None:
    with pytest.raises(CommandError, match="There is no seal in"):
        verified(against="nothing")
