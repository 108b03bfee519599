"""Audit: filtered by signal, action, tier, person and time; exported as it is filtered; other changes beside it."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dashboard.console.pages import audit
from dashboard.telling.serializers import AuditRecord
from reconciliation.models import SyncAuditLog, SyncRun
from signals.models import AutomatedSignal
from tests.builders import TRADE_ID, at, created, send, the_signal

from .conftest import ANONYMOUS, NOBODY, ROLES, As, quarantined
from .test_gaps import confirmed

pytestmark = pytest.mark.django_db
PAGE, EXPORT = reverse("console:audit"), reverse("console:export-audit")
OTHER = "20251211_094500000_BEARISH"


@pytest.fixture(autouse=True)
def _signals(db: None) -> None:
    send([(created(), at(1)), (created(OTHER, direction="Bearish"), at(6))])


def entry(action: str = "filled", minutes_ago: float = 5, trade_id: str = TRADE_ID, **options: Any) -> SyncAuditLog:
    given = {"at": timezone.now() - timedelta(minutes=minutes_ago), "signal": the_signal(trade_id), **options}
    return SyncAuditLog.objects.create(action=action, **given)


def shown(client: Client, **query: Any) -> list[SyncAuditLog]:
    return list(client.get(PAGE, query).context["rows"])


def test_it_is_narrowed_by_signal_action_tier_gap_run_and_person(signed_in: As) -> None:
    client = signed_in("Viewer")
    run = SyncRun.objects.create(trigger="schedule", as_of=at(1), started_at=at(1))
    one = entry(tier="2", field="mae", gap="no_mae", run=run)
    two = entry("gap_dismissed", actor="mia", trade_id=OTHER, gap="no_session")
    assert shown(client) == [two, one]
    for query in ({"signal": TRADE_ID}, {"action": "filled"}, {"tier": "2"}, {"gap": "no_mae"}, {"run": run.pk}):
        assert shown(client, **query) == [one], query
    for query in ({"person": "mia"}, {"people": "on"}):
        assert shown(client, **query) == [two], query
    assert shown(client, signal="NOT_THERE") == []
    assert shown(client, person="mia", action="filled") == []


def test_times_are_new_yorks(signed_in: As) -> None:
    client = signed_in("Viewer")
    then = datetime(2025, 7, 1, 13, 30, tzinfo=UTC)  # 09:30 in New York's summer
    one = entry(at=then)
    assert shown(client) == []
    assert shown(client, period="all") == [one]
    assert shown(client, since="2025-07-01T09:30", before="2025-07-01T09:31") == [one]
    assert shown(client, before="2025-07-01T09:30") == []
    assert shown(client, since="2025-07-01T09:31", before="2025-07-02T09:31") == []


def test_of_one_signal_or_run_everything_is_shown_unless_a_period_is_chosen(signed_in: As) -> None:
    client, old = signed_in("Viewer"), entry(minutes_ago=60 * 24 * 90)
    assert shown(client) == []
    assert shown(client, signal=TRADE_ID) == [old]
    assert shown(client, signal=TRADE_ID, period="month") == []


def test_a_filter_that_is_not_understood_is_left_out_and_told(signed_in: As) -> None:
    one = entry()
    answer = signed_in("Viewer").get(PAGE, {"run": "x", "since": "yesterday", "signal": "a\0b"})
    assert list(answer.context["rows"]) == [one]
    assert "A filter was not understood" in answer.content.decode()


def test_an_entry_tells_who_what_before_and_after(signed_in: As) -> None:
    entry("undone", field="mae", old="-0.3512", new=None, tier="2", actor="mia", note="closes only", evidence={"a": 1})
    told = signed_in("Viewer").get(PAGE).content.decode()
    for part in ("mia", "-0.35", "closes only", "Undone", TRADE_ID, reverse("console:signal", args=[the_signal().pk])):
        assert part in told, part


def test_what_concerns_no_signal_is_shown_and_exported_with_its_source(signed_in: As) -> None:
    evidence = {"source": "default", "sample": 40}
    SyncAuditLog.objects.create(
        at=timezone.now(),
        action="calibrated",
        tier="2",
        field="entry_price",
        old="0.800",
        new="0.850",
        evidence=evidence,
    )
    client = signed_in("Viewer")
    told = client.get(PAGE).content.decode()
    assert "Calibrated" in told
    assert ">default<" in told
    assert "0.800 → 0.850" in told  # not rounded to a tick, as a price is
    [row] = csv.DictReader(io.StringIO(body(client.get(EXPORT))))
    assert (row["trade_id"], row["source"], row["tier"], row["action"]) == ("", "default", "2", "calibrated")
    [listed] = client.get("/api/sync/audit").json()["results"]
    assert (listed["trade_id"], listed["source"]) == (None, "default")


def body(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode()


def test_the_export_holds_all_that_matches_not_only_the_page(signed_in: As, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "ENTRIES_AT_ONCE", 7)
    made = [entry(minutes_ago=n, tier="2", new=f"{n}.5") for n in range(60)]
    entry("gap_opened")
    client = signed_in("Viewer")
    answer = client.get(EXPORT, {"action": "filled", "format": "json"})
    assert answer.streaming
    assert 'attachment; filename="audit-' in answer["Content-Disposition"]
    told = json.loads(body(answer))
    assert [each["id"] for each in told] == [each.pk for each in made]
    assert told[0] == json.loads(json.dumps(AuditRecord(made[0]).data))
    rows = list(csv.DictReader(io.StringIO(body(client.get(EXPORT, {"action": "filled", "format": "csv"})))))
    assert [row["new"] for row in rows] == [each.new for each in made]
    assert rows[0]["trade_id"] == TRADE_ID


def test_entries_of_one_moment_are_exported_once_each(signed_in: As, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "ENTRIES_AT_ONCE", 4)
    now = timezone.now()
    made = [entry(at=now) for _ in range(9)]
    told = json.loads(body(signed_in("Viewer").get(EXPORT, {"format": "json"})))
    assert [each["id"] for each in told] == [each.pk for each in reversed(made)]


def test_what_no_index_knows_is_looked_for_among_the_newest_and_that_is_said(
    signed_in: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "REACH", 3)
    rare = entry(minutes_ago=60, tier="1", actor="mia")
    for n in range(5):
        entry(minutes_ago=n, tier="2")
    client = signed_in("Viewer")
    answer = client.get(PAGE, {"tier": "1"})
    assert list(answer.context["rows"]) == []
    assert "Looked at the newest 3 entries" in answer.content.decode()
    assert shown(client, tier="1", people="on") == [rare]
    assert len(json.loads(body(client.get(EXPORT, {"tier": "1", "format": "json"})))) == 1


def test_an_empty_export_is_valid(signed_in: As) -> None:
    client = signed_in("Viewer")
    assert json.loads(body(client.get(EXPORT, {"format": "json"}))) == []
    assert body(client.get(EXPORT)).strip() == ",".join(AuditRecord.Meta.fields)


def test_an_export_runs_no_formula_in_a_spreadsheet(signed_in: As) -> None:
    entry("gap_dismissed", note="=cmd()", actor="@mia")
    (row,) = csv.DictReader(io.StringIO(body(signed_in("Viewer").get(EXPORT))))
    assert (row["note"], row["actor"]) == ("'=cmd()", "'@mia")


def test_an_export_never_holds_more_than_was_asked_for(signed_in: As) -> None:
    entry()
    answer = signed_in("Viewer").get(EXPORT, {"tier": "nine"})
    assert answer.status_code == 400
    assert b"Not understood: tier" in answer.content
    assert b"Not understood: format" in signed_in("Viewer").get(EXPORT, {"format": "xx"}).content


def test_the_page_links_to_the_export_of_what_it_shows(signed_in: As) -> None:
    entry()
    told = signed_in("Viewer").get(PAGE, {"action": "filled", "page": "2"}).content.decode()
    assert f"{EXPORT}?action=filled&amp;format=csv" in told


@pytest.mark.parametrize("role", [ANONYMOUS, NOBODY, *ROLES])
def test_who_may_not_see_the_log_gets_no_export(role: str, signed_in: As) -> None:
    assert signed_in(role).get(EXPORT).status_code == {ANONYMOUS: 302, NOBODY: 403}.get(role, 200)


def test_seeing_signals_alone_does_not_show_the_log() -> None:
    user = User.objects.create_user("reader")
    user.user_permissions.add(Permission.objects.get(codename="view_automatedsignal"))
    client = Client()
    client.force_login(user)
    assert {client.get(link).status_code for link in (PAGE, EXPORT, reverse("console:audit-changes"))} == {403}


def test_what_people_changed_besides_signals_stands_beside_it(signed_in: As) -> None:
    row = quarantined()
    confirmed(signed_in("Operator"), f"{reverse('console:dismiss')}?pick={row.pk}", note="noise")
    client = signed_in("Viewer")
    changes = reverse("console:audit-changes")
    told = client.get(changes).content.decode()
    assert "Dismissed: noise" in told
    assert "operator-person" in told
    assert list(client.get(changes, {"person": "operator-person"}).context["rows"]) == list(LogEntry.objects.all())
    assert "No change matches." in client.get(changes, {"person": "nobody"}).content.decode()
    LogEntry.objects.update(action_time=timezone.now() - timedelta(days=30))
    assert "Nobody changed anything" in client.get(changes).content.decode()


def test_its_queries_do_not_grow_with_the_entries(signed_in: As) -> None:
    client = signed_in("Viewer")

    def queries() -> int:
        client.get(PAGE)
        with CaptureQueriesContext(connection) as captured:
            client.get(PAGE)
        return len(captured)

    entry()
    few = queries()
    for n in range(30):
        trade_id = f"20251211_10{n:02}00000_BULLISH"
        send([(created(trade_id), at(n + 21))])
        entry(trade_id=trade_id)
    assert AutomatedSignal.objects.count() == 32
    assert queries() == few <= 13
