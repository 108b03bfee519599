"""The endpoint of datasets: the same rows as the command writes, a page at a time."""

import csv
import io
import json
import sys

import pytest
from django.test import Client

from dashboard.api import datasets
from tests.dashboard.analysis.trades import LOST, WON, small_set

pytestmark = pytest.mark.django_db
ADDRESS = "/api/datasets/signals"


def rows(answer: object) -> list[dict[str, object]]:
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]  # type: ignore[attr-defined]


def test_it_streams_the_signals_asked_for(api: Client) -> None:
    small_set()
    [row] = rows(api.get(f"{ADDRESS}.jsonl?stop_end=stopped&no_be_mfe_min=3"))
    assert (row["trade_id"], row["outcome_stop_r_2"]) == (WON, 2)
    answer = api.get(f"{ADDRESS}.csv?fields=trade_id,outcome_be_end")
    table = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode()))  # type: ignore[attr-defined]
    assert next(iter(table))["outcome_be_end"] == "stopped"
    assert answer["Content-Disposition"] == 'attachment; filename="signals.csv"'


def test_it_streams_parquet(api: Client) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    small_set()
    answer = api.get(f"{ADDRESS}.parquet", headers={"Accept": "application/vnd.apache.parquet"})
    found = parquet.read_table(io.BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]
    assert found.num_rows == 7


def test_pages_follow_each_other_and_miss_nothing(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    small_set()
    monkeypatch.setattr(datasets, "MOST_ROWS", 3)
    found, link = [], f"{ADDRESS}.jsonl?direction=Bullish"
    while link:
        answer = api.get(link)
        found += [row["trade_id"] for row in rows(answer)]
        link = answer.headers.get("Link", "").removeprefix("<").partition(">")[0]
    assert len(found) == len(set(found)) == 7


def test_the_past_and_what_was_observed_can_be_asked_for(api: Client) -> None:
    small_set()
    told = {row["trade_id"]: row["outcome_status"] for row in rows(api.get(f"{ADDRESS}.jsonl?as_of=2025-12-11T15:05Z"))}
    assert (told[LOST], told[WON]) == ("COMPLETED", "CONFIRMED")
    assert len(rows(api.get(f"{ADDRESS}.jsonl?observed_only=true&source=default"))) == 7


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("fields=nope", "fields"), ("as_of=yesterday", "as_of"), ("as_of=2199-01-01T00:00Z", "as_of"),
        ("observed_only=maybe", "observed_only"), ("after=x", "after"), ("nope=1", "nope"), ("status=NOPE", "status"),
        ("as_of=2025-12-11T15:05Z&status=COMPLETED", "status"), ("observed_only=1&be_end=stopped", "be_end"),
    ],
)  # fmt: skip
def test_what_means_nothing_or_looks_ahead_is_refused(api: Client, query: str, named: str) -> None:
    answer = api.get(f"{ADDRESS}.jsonl?{query}")
    assert answer.status_code == 400
    assert named in answer.json()


def test_without_the_package_parquet_is_refused(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    answer = api.get(f"{ADDRESS}.parquet")
    assert answer.status_code == 400
    assert "requirements-datasets.txt" in answer.json()["detail"]


def test_it_takes_an_account() -> None:
    assert Client().get(f"{ADDRESS}.jsonl").status_code == 401
