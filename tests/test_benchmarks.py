"""Every benchmark runs, at tiny sizes, on the database of the tests; what it measures here means nothing."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from os import environ, getpid
from pathlib import Path

import pytest

from benchmarks import (
    alerts,
    bars,
    burst,
    cycle,
    export,
    freeze,
    history,
    importing,
    load,
    pages,
    profiling,
    recorded,
    shards,
    webhook,
)
from benchmarks.databases import Database, drop, made, postgres, sqlite
from benchmarks.report import Section, Target, table, write
from benchmarks.sizes import QUICK
from signals.dialects import read

LOG_START = datetime(2025, 12, 8, tzinfo=UTC)


TEMPLATE = f"test_{getpid()}_template"


@cache
def template(server: str) -> str:
    """The name of a migrated database, to copy instead of migrating each."""
    with made(TEMPLATE, server):
        return TEMPLATE


@pytest.fixture(scope="session", autouse=True)
def _the_template_goes() -> Iterator[None]:
    """At the very end: a worker may come back to this module, with tests that were another's."""
    yield
    if template.cache_info().currsize:
        drop(TEMPLATE, environ["DATABASE_URL"])


def databases(purpose: str) -> AbstractContextManager[Database]:
    url = environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        return sqlite(purpose)
    return postgres(f"test_{getpid()}_{purpose}", server=url, template=template(url))


def on_postgresql(test: Callable[..., None]) -> Callable[..., None]:
    """For tests of what PostgreSQL alone can do, copying rows, in databases of their own."""
    there = environ.get("DATABASE_URL", "").startswith("postgres")
    return pytest.mark.second_database(pytest.mark.skipif(not there, reason="PostgreSQL copies the rows")(test))


def figures(section: Section) -> list[list[str]]:
    """The cells of the section's last table."""
    lines = section.body.split("\n\n")[-1].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.slow
def test_webhook_measures_both_servers_and_a_paced_load() -> None:
    names = [row[0] for row in figures(webhook.measure(QUICK, databases))]
    assert names == [
        "ENTRY, SignalSync",
        "ENTRY, bare",
        "batch, SignalSync",
        "batch, bare",
        "ENTRY, SignalSync, 100 posts/s",
    ]


@pytest.mark.slow
def test_bursts_are_answered_and_stored_beside_the_bare_view() -> None:
    section = burst.measure(QUICK, [("here", databases)])
    assert [target.met for target in section.targets if target.measure == "posts of bursts not answered 2xx"] == [True]
    assert [row[0] for row in figures(section)] == ["here, webhook", "here, a page"]


@pytest.mark.slow
def test_alerts_of_a_frozen_database_are_answered_and_stored_after_it() -> None:
    icebox = freeze.behind_a_relay if environ.get("DATABASE_URL", "").startswith("postgres") else freeze.behind_a_lock
    section = freeze.measure(QUICK, [("here", databases, icebox)])
    assert [target.met for target in section.targets if target.measure == "alerts of a freeze not answered 2xx"] == [
        True
    ]


@pytest.mark.slow
def test_profile_places_the_time_of_both_kinds() -> None:
    section = profiling.measure(QUICK, databases)
    assert "\n\nENTRY: " in section.body
    assert "\n\nbatch: " in section.body
    placed = {row[0] for row in figures(section)}
    assert {"reading the body", "projection", "ORM", "database: statements"} <= placed


@pytest.mark.slow
def test_import_takes_in_both_logs_whole() -> None:
    rows = {row[0]: row[1] for row in figures(importing.measure(QUICK, databases))}
    assert rows == {"one event a row": str(QUICK.rows), "batches": str(QUICK.batch_rows)}


@pytest.mark.slow
def test_growth_compares_two_databases() -> None:
    section = importing.measure_growth(QUICK, databases)
    assert [row[0] for row in figures(section)] == ["one event a row", "batches"]
    assert len(section.targets) == 1


@pytest.mark.slow
@on_postgresql
def test_pages_are_measured_with_cloned_signals() -> None:
    rows = figures(pages.measure(replace(QUICK, stored_signals=500, asked=1), databases))
    assert {row[0] for row in rows} == {*pages.ADDRESSES, "Live parts"}
    assert all(float(row[3].replace(",", "")) > 0 for row in rows)


@pytest.mark.slow
@on_postgresql
def test_export_writes_each_format_at_two_sizes() -> None:
    section = export.measure(replace(QUICK, exported_signals=400), databases)
    rows = [row[0] for row in figures(section)]
    assert rows == ["jsonl", "csv", "parquet", "analysis"] * 2
    assert len(section.targets) == 4


@pytest.mark.slow
@on_postgresql
def test_bars_are_stored_and_asked_for() -> None:
    section = bars.measure(replace(QUICK, bar_days=1, file_bars=100, asked=1), databases)
    assert {row[0] for row in figures(section)} == set(bars.PAGES)
    assert len(section.targets) == len(bars.PAGES) + 1


@pytest.mark.slow
def test_recorded_logs_are_counted(tmp_path: Path) -> None:
    alerts.write(tmp_path / "night.csv", "mixed", 30, LOG_START)
    section = recorded.measure(QUICK, {"here": databases}, tmp_path)
    assert figures(section)[0][:2] == ["`night.csv`", "30"]
    assert section.targets[0].met


@pytest.mark.slow
@on_postgresql
def test_cycle_mends_the_damaged_signals_among_few_and_many() -> None:
    section = cycle.measure(QUICK, databases)
    rows = [line.strip("| ").split(" | ") for line in section.body.splitlines() if line.startswith("| damaged")]
    assert [row[1] for row in rows] == ["80", "120", "80", "80"]
    assert len(section.targets) == 6


@pytest.mark.slow
@on_postgresql
def test_one_and_two_workers_do_the_same_cycle() -> None:
    section = shards.measure(QUICK, databases)
    assert [line.split(" | ")[0] for line in section.body.splitlines() if line.startswith(("| 1 ", "| 2 "))][:2] == [
        "| 1",
        "| 2",
    ]


@pytest.mark.slow
@on_postgresql
def test_history_is_filled_and_measured_beside_a_week() -> None:
    section = history.measure(replace(QUICK, asked=1), databases)
    assert {"signal_events", "deliveries", "delivery_bodies"} <= {row[0] for row in figures(section)}
    assert len(section.targets) == 7 + len(pages.ADDRESSES) + 1
    assert "| ENTRY, 100 posts/s, years |" in section.body


def test_recorded_logs_that_are_not_there_are_said_to_be_absent(tmp_path: Path) -> None:
    assert "None here" in recorded.measure(QUICK, {}, tmp_path).body


def test_bodies_are_read_without_fault_and_never_repeat() -> None:
    bodies = alerts.Bodies(LOG_START)
    sent = [*islice(bodies.entries(), 50), *islice(bodies.batches([[bodies.trade_id() for _ in range(20)]]), 50)]
    assert len(set(sent)) == len(sent)
    readings = [read(body) for body in sent]
    assert not any(reading.faults for reading in readings)
    assert Counter(event.type for reading in readings for event in reading.events) == {"ENTRY": 50, "MFE_UPDATE": 1000}


def test_a_percentile_is_the_nearest_rank() -> None:
    measured = load.Load(seconds=2.0, latencies=[n / 1000 for n in range(1, 101)])
    assert (measured.percentile(50), measured.percentile(99), measured.rate) == (50, 99, 50)


def test_answers_tell_storing_from_spooling() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    assert load.verdict(head + b'{"status":"accepted","delivery":"x"}') == "200 accepted"
    assert load.verdict(head + b'{"status":"accepted","spooled":true}') == "spooled"
    assert load.verdict(b"") == "no answer"


def test_a_paced_schedule_does_not_wait_for_answers() -> None:
    moments = [due for due, _ in load.schedule(iter([b""] * 5), 60, pace=10)]
    assert [round(due - moments[0], 6) for due in moments] == [0.0, 0.1, 0.2, 0.3, 0.4]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "RESULTS.md"
    for name in ("one", "two"):
        write(name, Section(name.title(), "old"), "then", path)
    return path


def test_a_rerun_replaces_its_own_section_and_no_other(results: Path) -> None:
    write("one", Section("One", "new \\1"), "now", results)
    text = results.read_text()
    assert text.index("## One\n\nnew \\1\n\nnow") < text.index("## Two\n\nold\n\nthen")
    assert text.count("## One") == 1


def test_a_section_shows_whether_targets_are_met() -> None:
    targets = [Target("speed", "9", "10", met=True), Target("memory", "9", "10", met=False)]
    assert "| speed | 9 | 10 | met |\n| memory | 9 | 10 | **missed** |" in Section("X", "", targets).markdown()


def test_a_table_sets_numbers_right_and_keeps_three_figures() -> None:
    lines = table(("name", "n", "r"), [("a", 12_345, 0.12345), ("b", 1, 1234.5)]).splitlines()
    assert lines[1:] == ["| --- | ---: | ---: |", "| a | 12,345 | 0.123 |", "| b | 1 | 1,234 |"]
