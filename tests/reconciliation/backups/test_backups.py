"""Backups: what one database held the other holds, row by row; and a file that is not whole changes nothing."""

import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any
from zipfile import ZipFile

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.backups import making, restoring, tables
from reconciliation.backups.file import MANIFEST, BackupError
from reconciliation.guarding import triggers
from reconciliation.models import AuditDoor, SyncAuditLog
from signals.models import Delivery, DeliveryBody, Source
from signals.receiving.draining import drain_spool
from signals.receiving.spool import spool
from signals.receiving.spooled import Spooled
from tests.builders import at, created, entry, send
from tests.reconciliation.cycles import cycle

from .rows import KEY, fill, stored

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
YEARS = tuple(datetime(year, 1, 1) for year in (2000, 2100))  # noqa: DTZ001 as Hypothesis takes them


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "signalsync.backup"


def made(file: Path) -> dict[str, Any]:
    making.make(file, NOW)
    with ZipFile(file) as archive:
        manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
    return manifest


def rewritten(file: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """The file with other members; None leaves one out."""
    with ZipFile(file) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            if (new := change(name, content)) is not None:
                archive.writestr(name, new)


def with_manifest(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    def changed(name: str, content: bytes) -> bytes:
        if name != MANIFEST:
            return content
        manifest = json.loads(content)
        change(manifest)
        return json.dumps(manifest).encode()

    rewritten(file, changed)


def kept() -> None:
    body = json.dumps(created()).encode()
    spool().append(Spooled(at(1), "", "127.0.0.1", body, "application/json", loopback=True))


@pytest.mark.django_db
class TestRoundTrip:
    def test_every_table_of_the_database_is_in_it(self, file: Path) -> None:
        with connection.cursor() as cursor:
            there = set(connection.introspection.table_names(cursor)) - {"django_migrations"}  # which the manifest has
        assert {model._meta.db_table for model in tables.models()} == there
        named = [each["name"] for each in made(file)["tables"]]
        assert sorted(named) == sorted(model._meta.label_lower for model in tables.models())

    def test_every_row_of_every_model_comes_back_as_it_was(self, file: Path) -> None:
        fill()
        before = stored()
        assert [name for name, rows in before.items() if not rows] == [AuditDoor._meta.label]
        keys = {model: tables.last_key(model) for model in tables.models()}
        manifest = made(file)
        Source.objects.filter(pk=KEY).update(name="other")
        restoring.restore(file, replace=True)
        assert stored() == before
        assert {model: tables.last_key(model) for model in tables.models()} == keys
        assert triggers.lacking(connection) == set()
        file.unlink()
        assert made(file)["tables"] == manifest["tables"]

    def test_a_key_whose_row_is_gone_is_not_given_again(self, file: Path) -> None:
        gone = Source.objects.create(name="gone").pk
        Source.objects.filter(pk=gone).delete()
        made(file)
        restoring.restore(file, replace=True)
        assert Source.objects.create(name="new").pk > gone

    @given(
        value=st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))),
            lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text("ab1", max_size=2), each, max_size=3),
            max_leaves=4,
        ),
        text=st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))),
        moment=st.datetimes(*YEARS, timezones=st.just(UTC)),
    )  # fmt: skip
    def test_whatever_a_row_holds_the_database_gives_it_back(self, value: Any, text: str, moment: datetime) -> None:
        connection.check_constraints()
        triggers.take_down(connection)
        SyncAuditLog.objects.all()._raw_delete(connection.alias)
        SyncAuditLog.objects.create(at=moment, action="noted", new=value, evidence={"e": value}, note=text)
        found = list(tables.lines(SyncAuditLog))
        before = SyncAuditLog.objects.values().get()
        SyncAuditLog.objects.all()._raw_delete(connection.alias)
        tables.store(SyncAuditLog, found)
        assert tables.digest_of(tables.lines(SyncAuditLog)).value == tables.digest_of(found).value
        assert SyncAuditLog.objects.values().get() == before

    def test_null_as_json_is_not_the_same_as_nothing(self) -> None:
        assert [tables.KINDS["JSONField"].told("null"), tables.KINDS["JSONField"].taken([None])] == [[None], "null"]


@pytest.mark.django_db
class TestSpool:
    def test_what_was_acknowledged_and_not_stored_yet_is_in_it_and_is_taken_in_once(self, file: Path) -> None:
        send([(entry(), at(3))])
        source = Source.objects.get()
        source.open_on_loopback = True
        source.save()
        kept()
        assert made(file)["spool"] == ["spool/active.journal"]
        drain_spool(NOW)
        assert spool().pending_bytes() == 0
        restoring.restore(file, replace=True)
        assert Delivery.objects.count() == 1
        drain_spool(NOW)
        assert Delivery.objects.filter(status="accepted").count() == 2
        restoring_again = Delivery.objects.count()
        drain_spool(NOW)
        assert Delivery.objects.count() == restoring_again

    def test_alerts_that_wait_here_are_not_written_over(self, file: Path) -> None:
        kept()
        made(file)
        with pytest.raises(BackupError, match="Let it drain"):
            restoring.restore(file, replace=True)


@pytest.mark.django_db
class TestRefusals:
    @pytest.fixture(autouse=True)
    def something(self, file: Path) -> None:
        send([(created(), at(1)), (entry(), at(3))])
        made(file)

    def refused(self, file: Path, says: str, *, replace: bool = True) -> None:
        before = stored()
        with pytest.raises(BackupError, match=says):
            restoring.restore(file, replace=replace)
        assert stored() == before
        assert triggers.lacking(connection) == set()

    def test_a_database_that_is_not_empty(self, file: Path) -> None:
        self.refused(file, "is not empty.*--replace", replace=False)

    @pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
    def test_a_file_that_was_cut_off(self, file: Path, part: float) -> None:
        content = file.read_bytes()
        file.write_bytes(content[: int(len(content) * part)])
        self.refused(file, "is broken or was cut off")

    def test_a_file_with_other_bytes(self, file: Path) -> None:
        with ZipFile(file) as archive:
            place = archive.getinfo("tables/signals.delivery.jsonl").header_offset + 200
        content = bytearray(file.read_bytes())
        content[place] ^= 1
        file.write_bytes(content)
        self.refused(file, "broken|is not what was backed up")

    def test_a_table_that_was_changed_by_a_hand(self, file: Path) -> None:
        other = b'"status":"accepted"'
        rewritten(file, lambda name, content: content.replace(b'"accepted"', other[9:]).replace(b"25740", b"25741"))
        self.refused(file, "is not what was backed up")

    def test_a_table_that_is_gone(self, file: Path) -> None:
        rewritten(file, lambda name, content: None if "signals.delivery" in name else content)
        self.refused(file, "lacks the table signals.delivery")

    def test_what_is_no_backup(self, file: Path) -> None:
        with ZipFile(file, "w") as archive:
            archive.writestr("other", "file")
        self.refused(file, "no backup of SignalSync's")
        file.write_text("text")
        self.refused(file, "is broken or was cut off")
        self.refused(file.with_name("nowhere"), "cannot be read")

    def test_an_older_and_a_newer_version(self, file: Path) -> None:
        with_manifest(file, lambda manifest: manifest["migrations"]["reconciliation"].pop())
        self.refused(file, r"made by an older version, which lacks reconciliation\.00\d\d_\w+\. Install that version")
        with_manifest(file, lambda manifest: manifest["migrations"].update(made(file.with_name("b"))["migrations"]))
        with_manifest(file, lambda manifest: manifest["migrations"]["signals"].append("9999_new"))
        self.refused(file, r"made by a newer version: this database lacks signals\.9999_new\. Upgrade")

    def test_another_format(self, file: Path) -> None:
        with_manifest(file, lambda manifest: manifest.update(format=99))
        self.refused(file, "is of format 99")

    def test_rows_that_refer_to_nothing(self, file: Path) -> None:
        """A file that proves itself, and is not whole all the same."""
        label = "signals.sourcetoken"

        def changed(manifest: dict[str, Any]) -> None:
            told = next(each for each in manifest["tables"] if each["name"] == label)
            told.update(rows=1, sha256=tables.digest_of([line]).value)

        model = next(each for each in tables.models() if each._meta.label_lower == label)
        from .rows import target_of, value_of

        line = tables.as_line([value_of(target_of(field)) for field in model._meta.concrete_fields])
        rewritten(file, lambda name, content: line if name == f"tables/{label}.jsonl" else content)
        with_manifest(file, changed)
        self.refused(file, "refers to rows that it does not have|contradict each other")


@pytest.mark.django_db
def test_an_empty_database_takes_it_as_it_is(file: Path) -> None:
    made(file)
    assert restoring.restore(file) > 0


@pytest.mark.django_db(transaction=True)
def test_it_is_of_one_moment_though_alerts_come_meanwhile(file: Path) -> None:
    send([(created(), at(1))])

    def meanwhile(label: str, rows: int) -> None:
        if label != "signals.source":
            return
        writer = Thread(target=lambda: (send([(entry(), at(3))]), connections.close_all()))
        writer.start()
        writer.join()

    making.make(file, NOW, meanwhile)
    assert Delivery.objects.count() == 2
    restoring.restore(file, replace=True)
    assert Delivery.objects.count() == 1


@pytest.mark.django_db
class TestCommands:
    def test_what_is_restored_is_proved(self, file: Path) -> None:
        send([(created(), at(1)), (entry(targets=None), at(3))])
        cycle(30)
        out = StringIO()
        call_command("backup", file, stdout=out)
        assert "Not in it: SECRET_KEY" in out.getvalue()
        assert file.stat().st_mode & 0o777 == 0o600
        out = StringIO()
        call_command("restore", file, replace=True, stdout=out)
        told = out.getvalue()
        for proof in ("1 signals; 0 differ", "2 deliveries hold.", "the seals hold.", "the audit log agrees."):
            assert proof in told

    @pytest.mark.usefixtures("unguarded")
    def test_what_was_damaged_before_is_restored_and_told(self, file: Path) -> None:
        send([(entry(), at(3))])
        DeliveryBody.objects.update(raw=b"other")
        call_command("backup", file, json=True, stdout=StringIO())
        with pytest.raises(CommandError, match="It is restored as it was backed up, and verify_deliveries found fault"):
            call_command("restore", file, replace=True, stdout=StringIO())
        assert Delivery.objects.get().raw == b"other"

    def test_one_line_says_why_not(self, file: Path) -> None:
        with pytest.raises(CommandError, match=r"Nothing was restored\. .*cannot be read"):
            call_command("restore", file)
        with pytest.raises(CommandError, match=r"Nothing was backed up: no file can be made in .*Name another folder"):
            call_command("backup", file / "nowhere")
        assert list(file.parent.glob("*.part")) == []
