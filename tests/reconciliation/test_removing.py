"""Removing what is simulated: all of it goes, and of other sources nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import PROTECT, ForeignKey
from django.utils import timezone

from dashboard.models import MaintenanceWindow, Mute
from reconciliation import removing
from reconciliation.bootstrap import untouched
from reconciliation.cycle.lease import held
from reconciliation.cycle.run import run_sync
from reconciliation.models import (
    Agreement,
    AskedGap,
    Companion,
    FindingTotal,
    GapRecord,
    GapTotal,
    IndicatorExport,
    MeasuredConfidence,
    ReplayStretch,
    SetAside,
    Shard,
    SyncAuditLog,
    SyncRequest,
    SyncRun,
)
from reconciliation.removing import Scope, close, counts, remove_some, remove_sources, scope, step_of, steps
from reconciliation.sealing.checking import check
from reconciliation.verifying import verify
from signals.dialects.builtin import BUILTIN
from signals.intake import take_in
from signals.models import (
    AlertId,
    AutomatedSignal,
    Delivery,
    Fill,
    Format,
    Mail,
    Mailbox,
    MailMark,
    PriceBar,
    Quarantine,
    SignalEvent,
    SignalNote,
    SignalTag,
    Source,
    SourceToken,
    Thinned,
)
from signals.parcels import Incoming
from signals.receiving.quarantine import replay
from signals.receiving.senders import new_token
from signals.teaching.saving import save
from signals.vocabulary import Channel
from tests.builders import at, created, entry, send, update
from tests.posting import as_bytes

pytestmark = pytest.mark.django_db
NOW = datetime(2025, 12, 12, tzinfo=UTC)
CUT_OFF = b'{"event_type":"ENTRY","trade_id":"20251211_094500000_BULLISH","entry_price":25740,"stop_loss":2573'
# What every cycle writes, what keeps cycles apart, and what the database counts for itself.
OF_CYCLES = {
    "sync_runs", "signal_health_metrics", "sync_lease", "sqlite_sequence", "health_totals", "asking_mark",
    "audit_seals",
}  # fmt: skip


def made(name: str, *, simulated: bool, symbol: str = "MNQ1!") -> Source:
    return Source.objects.create(name=name, simulated=simulated, symbol=symbol, update_minutes=1)


def told(source: Source, be_mfe: float = 0.5, minute: float = 4) -> None:
    """A trade with its prices, one alert twice, one that cannot be read and was replayed, and a cycle over it all."""
    alerts = [(created(), at(1)), (entry(), at(3)), (update(be_mfe, current_price=25745), at(minute))]
    send(alerts, source)
    send(alerts[:1], source)
    item = Incoming(body=CUT_OFF, received_at=at(6), channel=Channel.WEBHOOK)
    outcome = take_in(source, [item], now=NOW).outcomes[0]
    waiting = Quarantine.objects.get(delivery=outcome.delivery_id)
    replay(waiting, CUT_OFF.decode() + "0}", by=None, now=NOW)
    new_token(source, label=source.name)
    AlertId.objects.create(source=source, alert_id=f"1{source.pk}")
    Companion.objects.create(source=source, url="https://companion.example.org", secret="x" * 24)
    MeasuredConfidence.objects.create(
        source=source, tier="2", field="mae", confidence=Decimal("0.9"), sample=40, measured_at=NOW
    )
    save(BUILTIN["traderspost"].spec, source=source, by=None, now=NOW)
    signal = source.signals.get(trade_id="20251211_094000000_BULLISH")
    said_of(signal)
    asked_about(signal)
    kept_of(source)
    SetAside.objects.create(signal=signal, error="failed", first_at=NOW, retry_at=NOW)
    report = run_sync(now=at(30), trigger=SyncRun.Trigger.COMMAND, source=source)
    Shard.objects.create(run_id=report.run_id, source=source, first=signal.pk, last=signal.pk, signals=1, state="done")
    SetAside.objects.get_or_create(signal=signal, defaults={"error": "failed", "first_at": NOW, "retry_at": NOW})


def said_of(signal: AutomatedSignal) -> None:
    """What people said of it, which each of them may; and that some of its updates are gone."""
    Thinned.objects.create(signal=signal, updates=1, at=NOW)
    SignalNote.objects.create(signal=signal, text="late", author="mia", written_at=NOW)
    SignalTag.objects.create(signal=signal, name="late", author="mia", added_at=NOW)


def asked_about(signal: AutomatedSignal) -> None:
    """A gap of it that the indicator was asked about, in vain."""
    gap = GapRecord.objects.create(
        signal=signal, gap="no_mae", opened_at=NOW, state=GapRecord.State.CLOSED, closed_at=NOW
    )
    request = SyncRequest.objects.create(
        source=signal.source, reason=[gap.gap], state=SyncRequest.State.EXPIRED, next_attempt_at=NOW, created_at=NOW,
        expires_at=NOW, ended_at=NOW,
    )  # fmt: skip
    AskedGap.objects.create(request=request, signal=signal, gap=gap.gap, events_seen=1, ended_at=NOW)


def kept_of(source: Source) -> None:
    """What is kept beside what its alerts told: mail, exports, agreement, and how people are told of it."""
    delivery = source.deliveries.first()
    stretch = ReplayStretch.objects.create(symbol=source.symbol, start=source.created_at, end=NOW, bars=1, missing=0)
    Agreement.objects.create(source=source, stretch=stretch, heard=0, agreed=0, low=0, high=0, confidence=0)
    box = Mailbox.objects.create(name=source.name, source=source, host="mail.example.org", username="a", server="-")
    of_mail = {"source": source, "received_at": NOW, "at": NOW, "stored_at": NOW}
    Mail.objects.create(key=f"{source.name} came", mailbox=box, delivery=delivery, **of_mail)
    Mail.objects.create(key=f"{source.name} refused", mailbox=box, **of_mail)
    MailMark.objects.create(source=source, seen_to=NOW)
    export = IndicatorExport.objects.create(source=source, kind="EXPORT", at=NOW, total=1)
    export.deliveries.add(delivery)
    FindingTotal.objects.get_or_create(source=source, defaults={"at": NOW})
    Mute.objects.create(source=source, made_by="mia")
    MaintenanceWindow.objects.create(source=source, starts_at=NOW, ends_at=NOW, made_by="mia")


def tables() -> dict[str, set[tuple[Any, ...]]]:
    """Every row of every table but those of cycles; totals that are 0 say what none says."""
    found = {}
    with connection.cursor() as cursor:
        for table in set(connection.introspection.table_names(cursor)) - OF_CYCLES:
            cursor.execute(f'SELECT * FROM "{table}"')
            found[table] = {tuple(map(as_bytes, row)) for row in cursor if not (table == "gap_totals" and row[1] == 0)}
    return found


def owned() -> set[str]:
    """The tables whose rows refer to a source, a signal or a delivery."""
    of = (Source, AutomatedSignal, Delivery)
    fields = (field for model in apps.get_models(include_auto_created=True) for field in model._meta.get_fields())
    return {
        field.model._meta.db_table for field in fields if isinstance(field, ForeignKey) and field.related_model in of
    }


def differing(before: Mapping[str, set[Any]], after: Mapping[str, set[Any]]) -> dict[str, set[Any]]:
    return {table: before[table] ^ after[table] for table in before if before[table] != after[table]}


def removed(what: Scope | None = None) -> Scope:
    what = what or scope(NOW)
    close(what, NOW)
    with held() as lease:
        while remove_some(what, lease):
            pass
        remove_sources(what, lease)
    return what


def test_beside_a_real_source_a_simulated_one_leaves_no_trace() -> None:
    told(made("own", simulated=False))
    before = tables()
    told(made("demo", simulated=True, symbol="DEMO1!"))
    told_of_it = differing(before, tables()).keys()
    assert "signals_pricebar" in told_of_it
    assert owned() - told_of_it == set()  # a table that refers to what goes takes part in this test
    removed()
    left = differing(before, tables())
    assert left.keys() == {"sync_audit_log"}  # which tells that it went, and nothing else of it
    gone = SyncAuditLog.objects.filter(pk__in=[row[0] for row in left["sync_audit_log"]])
    assert set(gone.values_list("action", "note")) == {("removed", "What was simulated is removed: demo.")}
    assert {entry.evidence["table"] for entry in gone} == {
            "deliveries", "delivery_bodies", "signal_events", "sync_audit_log"
        }  # fmt: skip
    assert check().faults == []


def test_of_a_symbol_that_both_have_only_the_invented_prices_go() -> None:
    own = made("own", simulated=False)
    told(own)
    prices = set(PriceBar.objects.values_list("time", "close", "evidence"))
    told(made("demo", simulated=True), be_mfe=0.6, minute=5)
    what = scope(NOW)
    assert (what.own, what.shared) == ([], ["MNQ1!"])
    assert PriceBar.objects.count() > len(prices)
    removed(what)
    assert set(PriceBar.objects.values_list("time", "close", "evidence")) == prices
    own.refresh_from_db()
    assert own.switched  # the next cycle looks at what was made of them


def test_a_close_that_an_invented_bar_stood_over_comes_back() -> None:
    own, demo = made("own", simulated=False), made("demo", simulated=True)
    send([(update(0.5, current_price=25745), at(4))], own)
    told_before = set(PriceBar.objects.values_list("time", "close"))
    bar = b'{"event_type":"PRICE_BAR","ticker":"MNQ1!","interval":"1","time":"%s","open":1,"high":3,"low":1,"close":2}'
    opened = at(3).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    take_in(demo, [Incoming(body=bar % opened, received_at=at(4), channel=Channel.WEBHOOK)], now=NOW)
    assert set(PriceBar.objects.values_list("time", "close")) != told_before
    removed()
    assert set(PriceBar.objects.values_list("time", "close")) == told_before


def test_where_nothing_else_has_a_signal_the_runs_of_before_go_too() -> None:
    told(made("demo", simulated=True))
    removed(scope(timezone.now()))
    assert not SyncRun.objects.exists()
    assert not Delivery.objects.exists()
    assert not PriceBar.objects.exists()


def test_runs_that_looked_at_others_too_count_what_is_left_of_them() -> None:
    send([(entry(targets=None), at(3)), (update(0.5), at(4))], made("own", simulated=False))
    send([(entry(targets=None), at(3)), (update(0.5), at(4))], made("demo", simulated=True, symbol="DEMO1!"))
    run_sync(now=at(30), trigger=SyncRun.Trigger.COMMAND)
    before = SyncRun.objects.get().fills
    removed()
    assert 0 < SyncRun.objects.get().fills < before
    assert [fault for _, _, faults in verify() for fault in faults] == []


def test_what_will_go_is_counted_table_by_table() -> None:
    told(made("own", simulated=False))
    told(made("demo", simulated=True, symbol="DEMO1!"))
    counted = dict(counts(scope(NOW)))
    sources = "Sources, with their addresses and what was learned of them"
    assert (counted["Signals"], counted["Quarantine"], counted[sources]) == (2, 1, 1)
    assert counted["Deliveries"] == Delivery.objects.filter(source__name="demo").count()


def test_a_source_that_is_not_marked_stays_whoever_names_it() -> None:
    source = made("own", simulated=False)
    told(source)
    before = tables()
    what = Scope([source.pk], ["own"], [], [], alone=False, before=NOW)
    removed(what)
    assert differing(before, tables()) == {}


def test_it_goes_on_where_it_was_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removing, "AT_ONCE", 2)
    told(made("demo", simulated=True))
    what = scope(NOW)
    with held() as lease:
        for _ in range(5):
            assert remove_some(what, lease) <= 2
    removed(Scope.from_json(what.as_json()))
    assert not Source.objects.exists()
    assert not AutomatedSignal.hidden_too.exists()


def test_nobody_may_send_for_them_from_the_beginning_on() -> None:
    demo = made("demo", simulated=True)
    new_token(demo)
    close(scope(NOW), NOW)
    assert SourceToken.objects.get().expires_at == NOW


def test_open_gaps_are_counted_right_afterwards() -> None:
    send([(entry(targets=None, session=None), at(3))], made("demo", simulated=True))
    run_sync(now=at(30), trigger=SyncRun.Trigger.COMMAND)
    assert GapRecord.objects.filter(state="open").exists()
    removed()
    assert set(GapTotal.objects.values_list("open", flat=True)) <= {0}


def test_what_is_not_named_is_found_by_its_protecting_what_goes() -> None:
    """A new model needs no step: those that are named would be found as well."""
    found = {step.model for model in apps.get_models() for step in map(step_of, model._meta.get_fields()) if step}
    assert found >= {Fill, SignalEvent, Delivery, Quarantine, GapRecord, SyncAuditLog, Format}
    assert SourceToken not in found  # it goes with its source


def test_nothing_that_goes_is_protected_by_what_stays() -> None:
    going = {step.model for step in steps()} | {Source}
    protecting = {
        model.__name__
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, ForeignKey) and field.remote_field.on_delete is PROTECT
        if field.related_model in going and model not in going
    }
    assert protecting == set()


def test_a_demo_that_was_removed_does_not_come_back_with_the_next_start() -> None:
    assert untouched()
    person = User.objects.create_superuser("mia")
    source = Source.objects.create(name="own")
    LogEntry.objects.log_actions(person.pk, [source], ADDITION, change_message="Created.", single_object=True)
    assert not untouched()
