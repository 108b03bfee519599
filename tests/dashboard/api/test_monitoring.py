"""What is measured, across processes; and that dashboard, rules and document name what is exported, and no other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import OperationalError, connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from dashboard.outbound import endpoints
from reconciliation.cycle.run import run_sync
from signals import measuring
from signals.measuring import CYCLE, IMPORTED, METRICS, WEBHOOK, observe
from signals.models import Measurement
from signals.receiving.alertlog import import_log
from tests.builders import at, created, entry, send
from tests.dashboard.outbound.build import endpoint
from tests.posting import open_source, post

pytestmark = pytest.mark.django_db
DOCS = Path(__file__).resolve().parents[3] / "docs"
SUFFIXES = re.compile(r"_(bucket|sum|count|created)$")


@pytest.fixture(autouse=True)
def _nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "_waiting", measuring.Waiting())


def scraped(client: Client) -> str:
    measuring.flush()  # what a test measures is within its transaction
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return answer.content.decode()


def exported(client: Client) -> set[str]:
    names = re.findall(r"^# TYPE (signalsync_\w+) ", scraped(client), re.M)
    return {SUFFIXES.sub("", name) for name in names}


def named(text: str) -> set[str]:
    return {SUFFIXES.sub("", name) for name in re.findall(r"\bsignalsync_[a-z_]+", text)}


def expressions() -> Iterator[str]:
    for panel in json.loads((DOCS / "monitoring" / "grafana.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for group in yaml.safe_load((DOCS / "monitoring" / "alerts.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


class TestNames:
    @pytest.fixture(autouse=True)
    def _there_is_something_of_each(self) -> None:
        send([(created(), at(1)), (entry(), at(3))])
        run_sync(now=at(30), trigger="command")

    def test_dashboard_and_rules_name_what_is_exported(self, client: Client) -> None:
        assert named(" ".join(expressions())) - exported(client) == set()

    def test_everything_that_is_exported_is_on_the_dashboard(self, client: Client) -> None:
        assert exported(client) - named((DOCS / "monitoring" / "grafana.json").read_text()) == set()

    def test_the_document_explains_what_is_exported_with_its_type_and_labels(self, client: Client) -> None:
        text = (DOCS / "monitoring.md").read_text()
        rows = re.findall(r"^\| `(signalsync_\w+)` \| (\w+) \| (.*?) \|", text, re.M)
        assert {name for name, _, _ in rows} == exported(client)
        labels = {name: re.findall(r"`(\w+)`", labels) for name, kind, labels in rows if kind != "gauge"}
        assert labels == {metric.name: list(metric.labels) for metric in METRICS}

    def test_rules_say_what_to_do(self) -> None:
        rules = yaml.safe_load((DOCS / "monitoring" / "alerts.yml").read_text())["groups"][0]["rules"]
        assert len({rule["alert"] for rule in rules}) == len(rules)
        for rule in rules:
            assert rule["annotations"]["summary"].endswith(".")
            assert rule["annotations"]["description"]
            assert rule["labels"]["severity"] in ("page", "warn")

    def test_labels_that_they_choose_by_exist(self) -> None:
        chosen = {
            (SUFFIXES.sub("", name), label)
            for expression in expressions()
            for name, labels in re.findall(r"(signalsync_\w+)\{([^}]*)\}", expression)
            for label in re.findall(r"(\w+)=", labels)
        }
        of = {metric.name: metric.labels for metric in METRICS} | {"signalsync_deliveries_recent": ("status",)}
        assert [pair for pair in chosen if pair[1] not in of[pair[0]]] == []


class TestMeasuring:
    def test_a_histogram_counts_up_to_each_bound(self, client: Client) -> None:
        for seconds in (0.004, 0.2, 0.2, 99):
            observe(WEBHOOK, seconds, "200")
        family = next(each for each in text_string_to_metric_families(scraped(client)) if each.name == WEBHOOK.name)
        upto = {sample.labels["le"]: sample.value for sample in family.samples if sample.name.endswith("_bucket")}
        assert (upto["0.005"], upto["0.1"], upto["0.25"], upto["5.0"], upto["+Inf"]) == (1, 1, 3, 3, 4)
        assert next(sample.value for sample in family.samples if sample.name.endswith("_sum")) == pytest.approx(99.404)

    def test_what_several_processes_measured_is_added_up(self) -> None:
        for _ in range(3):
            observe(CYCLE, 0.2, "schedule")
            measuring.flush()
        observe(CYCLE, 0.2, "command")
        measuring.flush()
        assert {row.labels: row.number for row in Measurement.objects.filter(name=CYCLE.name)} == {
            '["schedule"]': 3,
            '["command"]': 1,
        }

    def test_while_the_database_is_away_it_waits(self) -> None:
        observe(CYCLE, 1, "schedule")

        def refuse(*_: Any) -> None:
            raise OperationalError("gone")

        with connection.execute_wrapper(refuse):
            measuring.flush()
        observe(CYCLE, 1, "schedule")
        measuring.flush()
        assert Measurement.objects.get().number == 2

    def test_other_bounds_begin_anew(self) -> None:
        Measurement.objects.create(name=CYCLE.name, labels='["schedule"]', counts=[5, 5], total=9, number=10)
        observe(CYCLE, 1, "schedule")
        measuring.flush()
        assert Measurement.objects.get().number == 1

    def test_nothing_is_stored_within_somebody_elses_transaction(self) -> None:
        observe(CYCLE, 1, "schedule")
        measuring.settle()
        assert not Measurement.objects.exists()


class TestWhatIsMeasured:
    def test_alerts_from_receipt_until_their_signal_shows_them(self, client: Client) -> None:
        open_source()
        assert post().status_code == 200
        assert 'signalsync_projection_delay_seconds_count{way="direct"} 1.0' in scraped(client)

    def test_cycles_and_what_they_fill(self, client: Client) -> None:
        send([(entry(direction=None), at(3))])
        run_sync(now=at(30), trigger="command")
        text = scraped(client)
        assert 'signalsync_cycle_seconds_count{trigger="command"} 1.0' in text
        assert 'signalsync_fills_total{tier="3"}' in text

    def test_rows_of_imports_but_not_of_dry_runs(self, client: Client) -> None:
        log = ["Alert ID,Ticker,Name,Description,Time\n", "1,MNQ1!,x,hello,2025-12-11T14:41:00Z\n"]
        import_log(log, now=at(30), dry_run=True)
        assert "signalsync_import_rows_total{" not in scraped(client)
        import_log(log, now=at(30))
        measuring.flush()
        row = Measurement.objects.get(name=IMPORTED.name, labels='["alert log", "quarantined"]')
        assert row.total == 1

    def test_endpoints_that_fail_and_that_were_switched_off(self, client: Client) -> None:
        endpoint(failing_since=at(0))
        endpoint(name="gone", enabled=False, off_because="It answered with status 410.")
        text = scraped(client)
        assert 'signalsync_outbound_waiting{endpoint="bot"} 0.0' in text
        assert "signalsync_outbound_off 1.0" in text
        assert re.search(r'signalsync_outbound_failing_seconds\{endpoint="bot"\} [1-9]', text)
        assert endpoints.FAILS_FOR.days == 5  # as alerts.yml says
