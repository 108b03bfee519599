"""One list of checks: whoever shows what is wrong tells it in the same words."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from dashboard.watching.activation import observe, steps
from dashboard.watching.attention import LISTED, needs
from dashboard.watching.checks import CHECKS, Check, Severity, judge, problems
from dashboard.watching.checks.result import Result, bad, good
from reconciliation.models import SyncRun

pytestmark = pytest.mark.django_db


def told_by_the_doctor() -> dict[str, str]:
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", "--json", stdout=out)
    return {found["check"]: found["advice"] for found in json.loads(out.getvalue())}


def test_a_worker_that_does_nothing_is_told_alike_by_doctor_overview_and_activation() -> None:
    SyncRun.objects.all().delete()
    now = timezone.now()
    (need,) = [need for need in needs(now) if "does no cycles" in need.says]
    assert told_by_the_doctor()["cycles"] == need.text
    assert need.todo in steps(observe(now))[-1].todo


def test_a_spool_that_cannot_be_read_is_told_alike_by_doctor_overview_and_readiness(
    client: Client, settings: Any, tmp_path: Any
) -> None:
    (tmp_path / "file").write_text("")
    settings.SPOOL_DIR = tmp_path / "file" / "spool"
    (need,) = [need for need in needs(timezone.now()) if "spool" in need.says]
    assert client.get("/readyz").json()["checks"]["spool"] == need.public
    assert told_by_the_doctor()["spool"] == need.text
    assert str(tmp_path) in need.text
    assert str(tmp_path) not in need.public


def test_machines_are_told_which_checks_of_the_overview_hold(client: Client) -> None:
    text = client.get("/metrics").content.decode()
    assert 'signalsync_check_ok{check="cycles"} 0.0' in text
    assert 'signalsync_check_ok{check="quarantine"} 1.0' in text


def test_what_waits_for_a_decision_is_no_fault_of_the_system() -> None:
    decisions = {check.name for check in CHECKS if check.decision}
    assert decisions == {"approvals", "questions", "gaps_left"}
    assert decisions <= {check.name for check in LISTED}
    assert not decisions & told_by_the_doctor().keys()


def test_problems_come_worst_first_and_what_can_wait_is_no_failure() -> None:
    def later(_: Any) -> Result:
        return bad("Later.", severity=Severity.INFO)

    def broken(_: Any) -> Result:
        return bad("Broken.")

    def fine(_: Any) -> Result:
        return good("Fine.")

    checks = [Check(later, stored=False), Check(fine, stored=False), Check(broken, stored=False)]
    assert [problem.says for problem in problems(checks, timezone.now())] == ["Broken.", "Later."]
    assert [result.ok for _, result in judge(checks, timezone.now())] == [True, True, False]
