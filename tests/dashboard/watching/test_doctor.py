"""The doctor: each check holds on a sound system, fails on its own fault, and says what to do."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import OperationalError, connection

from dashboard.watching import doctor
from dashboard.watching.checks import Check
from dashboard.watching.checks.result import Result, good
from dashboard.watching.doctor import Finding

from .cases import NOW


def test_on_a_sound_system_every_check_holds(sound: Any) -> None:
    assert [finding for finding in doctor.examine(NOW) if not finding.ok] == []


def test_every_check_has_a_name_of_its_own(sound: Any) -> None:
    names = [finding.check for finding in doctor.examine(NOW)]
    assert len(names) == len(set(names)) == len(doctor.WALKED)


def test_the_documented_list_is_the_codes() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "operations.md").read_text()
    table = page.partition("## Troubleshooting")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]*) \|", table, re.M)
    named = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(check.name for check in doctor.WALKED)


class TestTheWalk:
    def test_a_check_that_crashes_fails_with_its_error_and_stops_no_other(self, monkeypatch: Any) -> None:
        def crashing(now: datetime) -> Result:
            raise RuntimeError("the disk\nis on fire")

        def sane(now: datetime) -> Result:
            return good("Sane.")

        assert doctor.findings([Check(crashing), Check(sane)], NOW) == [
            Finding("crashing", False, "This could not be judged: RuntimeError: the disk is on fire"),
            Finding("sane", True, "Sane."),
        ]

    @pytest.mark.django_db
    def test_without_a_database_what_is_stored_there_is_not_judged_and_the_disk_is(self) -> None:
        def refuse(*_: Any) -> None:
            raise OperationalError("connection refused")

        with connection.execute_wrapper(refuse):
            found = {finding.check: finding for finding in doctor.examine(NOW)}
        assert "connection refused" in found["database"].advice
        assert "spooled" in found["database"].advice
        assert {found[check.name].ok for check in doctor.WALKED if check.stored} == {False}
        assert found["spool_drains"].ok


class TestTheCommand:
    @pytest.fixture
    def found(self, monkeypatch: Any) -> Callable[..., tuple[str, int]]:
        def run(findings: list[Finding], *options: str) -> tuple[str, int]:
            monkeypatch.setattr("dashboard.management.commands.doctor.examine", lambda now: findings)
            out, status = StringIO(), 0
            try:
                call_command("doctor", *options, stdout=out)
            except SystemExit as stop:
                status = int(stop.code or 0)
            return out.getvalue(), status

        return run

    def test_its_status_is_0_when_every_check_holds(self, found: Any) -> None:
        assert found([Finding("disk", True, "Room.")]) == (
            "ok    disk               Room.\n\n1 checks, none failed.\n",
            0,
        )

    def test_its_status_is_1_when_any_fails_and_what_is_wrong_comes_last(self, found: Any) -> None:
        text, status = found([Finding("disk", False, "Full. Free some."), Finding("clock", True, "Right.")])
        assert status == 1
        assert text.splitlines() == [
            "ok    clock              Right.",
            "WRONG disk               Full. Free some.",
            "",
            "2 checks, 1 failed.",
        ]

    def test_machines_get_a_list_of_check_ok_and_advice(self, found: Any) -> None:
        text, status = found([Finding("disk", False, "Full.")], "--json")
        assert (json.loads(text), status) == ([{"check": "disk", "ok": False, "advice": "Full."}], 1)

    def test_it_starts_with_settings_that_stop_everything_else(self, sound: Any) -> None:
        sound.WEBHOOK_RATE = "600"
        with pytest.raises(SystemCheckError):
            call_command("syncstatus", skip_checks=False)
        out = StringIO()
        with pytest.raises(SystemExit):
            call_command("doctor", "--json", stdout=out)
        wrong = {found["check"]: found["advice"] for found in json.loads(out.getvalue()) if not found["ok"]}
        assert "WEBHOOK_RATE is '600'" in wrong["settings_readable"]
