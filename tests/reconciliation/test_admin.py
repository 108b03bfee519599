"""The admin of the cycle: every page opens, nothing is edited, and signals are found by their gaps."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from reconciliation.gaps import CATALOGUE, GapView
from reconciliation.models import (
    AskedGap,
    Cluster,
    Companion,
    FindingTotal,
    GapRecord,
    GapTotal,
    HealthTotal,
    MeasuredConfidence,
    SetAside,
    Shard,
    SignalHealthMetric,
    SyncAuditLog,
    SyncLease,
    SyncRequest,
    SyncRun,
)
from signals.models import AutomatedSignal, Delivery, Fill
from signals.receiving.senders import default_source
from tests.builders import TRADE_ID, at, created, entry, send, the_signal

pytestmark = pytest.mark.django_db
MODELS = [
    Cluster,
    FindingTotal,
    GapRecord,
    GapTotal,
    HealthTotal,
    MeasuredConfidence,
    SetAside,
    Shard,
    SignalHealthMetric,
    SyncAuditLog,
    SyncLease,
    SyncRun,
]
SIGNALS = reverse("admin:signals_automatedsignal_changelist")


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss", password="irrelevant-here"))
    return client


@pytest.fixture
def rows() -> None:
    """One row of every model."""
    send([(created(), at(1)), (entry(), at(3))])
    now, signal = timezone.now(), the_signal()
    run = SyncRun.objects.create(trigger="command", as_of=now, started_at=now)
    SignalHealthMetric.objects.create(run=run, at=now, health=91.5)
    SyncAuditLog.objects.create(at=now, run=run, signal=signal, action="filled", field="mae", new="-0.5", tier="2")
    GapRecord.objects.create(signal=signal, gap="no_mae", opened_at=now)
    GapTotal.objects.update_or_create(gap="no_mae", defaults={"open": 1})
    FindingTotal.objects.create(source=default_source(), at=now, signals=9, findings={"negative_mfe": 1})
    HealthTotal.objects.create(name="all", at=now, signals=9, without_gap=8)
    SetAside.objects.create(signal=signal, error="ValueError: what", first_at=now, retry_at=now)
    SyncLease.objects.get_or_create(name="cycle", defaults={"expires_at": now})
    Cluster.objects.create(name="machine:/var", workers=2, started_at=now, seen_at=now)
    key = signal.pk
    Shard.objects.create(run=SyncRun.objects.latest("pk"), source=signal.source, first=key, last=key, signals=1)
    MeasuredConfidence.objects.create(
        source=default_source(), tier="2", field="mae", confidence=1, sample=9, measured_at=now
    )


def listing(model: type[Model]) -> str:
    return reverse(f"admin:reconciliation_{model._meta.model_name}_changelist")


def page(row: Model) -> str:
    return reverse(f"admin:reconciliation_{row._meta.model_name}_change", args=[row.pk])


def shown(boss: Client, address: str, **parameters: str) -> Iterable[Model]:
    found: Iterable[Model] = boss.get(address, parameters).context["cl"].result_list
    return found


def test_every_model_of_the_app_is_in_the_admin() -> None:
    registered = {model for model in admin.site._registry if model._meta.app_label == "reconciliation"}
    assert registered == {*MODELS, Companion, SyncRequest, AskedGap}


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("model", MODELS)
def test_list_and_page_open_and_refuse_changes_by_a_superuser(boss: Client, model: type[Model]) -> None:
    row = model._default_manager.first()
    assert row is not None
    assert boss.get(listing(model)).status_code == 200
    assert boss.get(page(row)).status_code == 200
    assert boss.post(page(row), {"state": "x"}).status_code == 403
    assert boss.post(page(row).replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
    assert model._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize("gap", CATALOGUE)
def test_signals_are_filtered_by_the_catalogue_itself(boss: Client, gap: str) -> None:
    send([(created(), at(1)), (entry("20251211_095000000_BULLISH"), at(12))])
    expected = set(AutomatedSignal.objects.filter(GapView.at(timezone.now()).q(gap)))
    assert set(shown(boss, SIGNALS, gap=gap)) == expected


def test_any_actionable_gap_is_a_filter_and_nonsense_is_none(boss: Client) -> None:
    send([(created(), at(1)), (entry("20251211_095000000_BULLISH"), at(12))])
    assert [str(row) for row in shown(boss, SIGNALS, gap="any")] == ["20251211_095000000_BULLISH"]
    assert len(list(shown(boss, SIGNALS, gap="no_sense"))) == 2


@pytest.mark.usefixtures("rows")
def test_a_run_leads_to_what_it_did_and_to_what_it_filled(boss: Client) -> None:
    run = SyncRun.objects.get()
    Fill.objects.create(
        signal=the_signal(), field="mae", value="0", tier="2", method="bars", confidence=1, run_id=run.pk,
        data_source="backend_calculated", evidence_key="k", created_at=timezone.now(),
    )  # fmt: skip
    fills = f"{reverse('admin:signals_fill_changelist')}?run_id__exact={run.pk}"
    text = boss.get(page(run)).content.decode()
    assert f"{listing(SyncAuditLog)}?run__id__exact={run.pk}" in text
    assert fills in text
    assert len(boss.get(fills).context["cl"].result_list) == 1


@pytest.mark.usefixtures("rows")
def test_the_audit_log_is_found_by_trade_id_and_costs_the_same_however_long(boss: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            boss.get(listing(SyncAuditLog))
        return len(captured)

    assert list(shown(boss, listing(SyncAuditLog), q=TRADE_ID))
    assert not list(shown(boss, listing(SyncAuditLog), q="nobody"))
    few = cost()
    now = timezone.now()
    for n in range(20):
        SyncAuditLog.objects.create(at=now + timedelta(seconds=n), signal=the_signal(), action="gap_opened")
    assert cost() == few


@pytest.mark.parametrize("model", [SyncAuditLog, Fill, Delivery])
def test_no_filter_reads_a_whole_table_for_its_choices(boss: Client, model: type[Model]) -> None:
    send([(created(), at(1))])
    meta = model._meta
    with CaptureQueriesContext(connection) as captured:
        boss.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"))
    asked = [each["sql"] for each in captured if "DISTINCT" in each["sql"] and meta.db_table in each["sql"]]
    assert asked == []
