"""Alert logs: TradingView's CSV read row by row, taken in chunk by chunk, told in numbers."""

import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DataError

from signals.models import AlertId, AutomatedSignal, Delivery, PriceBar, Quarantine, SignalEvent, Source, SourceToken
from signals.receiving import alertlog
from signals.receiving.alertlog import import_log
from signals.receiving.quarantine import replay
from signals.receiving.senders import default_source, hash_token
from signals.vocabulary import Channel
from tests.builders import at, created, entry, update
from tests.cases import case

from .logs import NOW, TRADE, as_csv, case_imported, imported, lines, row

pytestmark = pytest.mark.django_db


# -- what a row becomes


def test_a_row_is_a_delivery_with_the_bytes_and_the_time_of_its_alert() -> None:
    body = '{"event_type":"ENTRY", "trade_id":"20251211_094000000_BULLISH",\r\n "entry_price":25740,"note":"ä\u2028"}'
    done = import_log(lines(as_csv(("3486109403", "MNQ", "n", body, "2025-12-11T14:44:01.5Z"))), now=NOW)
    delivery = Delivery.objects.get()
    assert (done.rows, done.accepted, done.events) == (1, 1, 1)
    assert delivery.raw == body.encode()
    assert (delivery.channel, delivery.alert_id, delivery.received_at) == (Channel.LOG, "3486109403", NOW)
    assert delivery.fired_at == datetime(2025, 12, 11, 14, 44, 1, 500_000, tzinfo=UTC)
    assert delivery.fire_minute == at(4)


def test_columns_may_stand_in_any_order_and_more_may_come() -> None:
    header = ("\ufeffTime", " webhook STATUS ", "Unknown", "Description", "Alert ID")
    cells = ("2025-12-11T14:44:00Z", "Delivered", "x", json.dumps(entry()), "77")
    assert import_log(lines(as_csv(cells, header=header)), now=NOW).accepted == 1
    delivery = Delivery.objects.get()
    assert (delivery.alert_id, delivery.log_status, delivery.fire_minute) == ("77", "Delivered", at(4))


def test_a_log_without_alert_ids_is_one_too() -> None:
    log = as_csv((json.dumps(entry()), "2025-12-11T14:44:00Z"), header=("Description", "Time"))
    assert import_log(lines(log), now=NOW).sources == {"default": 1}
    assert not AlertId.objects.exists()


@pytest.mark.parametrize("time", ["2025-12-11T09:44:00-05:00", "2025-12-11 14:44 UTC", " 2025-12-11T14:44:59.999Z "])
def test_a_time_says_its_zone(time: str) -> None:
    import_log(lines(as_csv((*TRADE[0][:4], time))), now=NOW)
    assert Delivery.objects.get().fire_minute == at(4)


@pytest.mark.parametrize("time", ["", "yesterday", "2025-13-01T00:00:00Z", "0001-01-01T00:00:00Z", "\x00\udcff"])
def test_a_row_whose_time_is_none_is_kept_for_an_operator(time: str) -> None:
    log = lines(as_csv((*TRADE[0][:4], time), TRADE[1]))
    done = import_log(log, now=NOW)
    assert (done.rows, done.accepted, done.quarantined, done.failed) == (2, 1, 1, [])
    kept = Quarantine.objects.get().delivery
    assert kept.reason == f"The row's time {time!r} is not a time such as 2025-12-11T05:59:01Z."
    assert (json.loads(kept.raw), kept.fired_at) == (update(0.4), None)
    assert SignalEvent.objects.count() == 1
    again = import_log(log, now=NOW + timedelta(hours=1))
    assert (again.duplicates, again.quarantined) == (2, 0)


@pytest.mark.parametrize(
    ("time", "why"),
    [
        ("2025-12-11 14:44:00", "names no time zone, and none is guessed"),
        ("2025-12-11T14:44", "names no time zone"),
        ("20251211T144400", "names no time zone"),
        ("2025-12-11", "is a date without a clock, and none is guessed"),
        ("20251211", "is a date without a clock"),
        ("2025-W50-4", "is a date without a clock"),
        ("12/11/2025 14:44", "is written as a spreadsheet does"),
        ("11.12.2025 14:44:00", "is written as a spreadsheet does"),
        ("12-11-25", "is written as a spreadsheet does"),
    ],
)
def test_a_time_that_could_be_several_moments_is_never_guessed(time: str, why: str) -> None:
    done = import_log(lines(as_csv((*TRADE[0][:4], time))), now=NOW)
    kept = Quarantine.objects.get().delivery
    assert (done.quarantined, kept.fired_at, SignalEvent.objects.count()) == (1, None, 0)
    assert kept.reason.startswith(f"The row's time {time!r} {why}")
    assert "do not open and save it in Excel" in kept.reason
    assert done.reasons == {kept.reason: 1}


def test_a_row_that_cannot_be_read_is_quarantined_and_a_broken_one_repaired() -> None:
    broken = '{"type":"ENTRY","signal_id":"20251211_084300000_BULLISH","bias":"Bullish","entry_price":25740"}'
    done = import_log(lines(as_csv(row("Stop hit", 3), row(broken, 4))), now=NOW)
    assert (done.quarantined, done.repaired, done.accepted) == (1, 1, 1)
    again = import_log(lines(as_csv(row("Stop hit", 3), row(broken, 4))), now=NOW)
    assert (again.quarantined, again.repaired, again.duplicates) == (0, 0, 2)


def test_a_row_with_too_few_cells_is_kept() -> None:
    done = import_log(lines(as_csv(("3486109403", "MNQ"), TRADE[0], ("", ""))), now=NOW)
    assert (done.rows, done.accepted, done.quarantined) == (2, 1, 1)


def test_bytes_that_are_no_text_disturb_nobody(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    damaged = ",".join(['"3486\udcff\x001"', "MNQ", "n", '"{""event_type"":""\udcfe""}"', "2025-12-11T14:44:00Z"])
    log.write_bytes(as_csv(TRADE[0]).encode() + damaged.encode(errors="surrogateescape"))
    assert imported(log)["quarantined"] == 1
    kept = Quarantine.objects.get().delivery
    assert (kept.raw, kept.alert_id) == (b'{"event_type":"\xfe"}', "34861")


@pytest.mark.parametrize(
    ("name", "file", "why"),
    [
        ("03-date-only-time", "input.csv", "is a date without a clock"),
        ("03-date-only-time", "compact.csv", "is a date without a clock"),
        ("04-local-time-without-zone", "input.csv", "names no time zone"),
        ("17-semicolons-and-utf16", "usdate.csv", "is written as a spreadsheet does"),
    ],
)
def test_the_cases_of_times_that_are_no_moment(name: str, file: str, why: str) -> None:
    done = case_imported(name, file)
    assert (done["accepted"], done["quarantined"]) == (0, done["rows"])
    assert all(why in reason for reason in done["reasons"])
    assert not AutomatedSignal.objects.exists()


# -- tokens


@pytest.mark.parametrize(("value", "kept"), [("PEPEUSDT", "PEPEUSDT"), ("s3cret", "***"), ("x" * 32, "x" * 32)])
def test_only_a_token_of_ours_is_masked(value: str, kept: str) -> None:
    SourceToken.objects.create(source=default_source(), token_hash=hash_token("s3cret"))
    import_log(lines(as_csv(row(created(token=value), 1))), now=NOW)
    assert json.loads(Delivery.objects.get().raw)["token"] == kept


def test_the_case_of_a_token_that_is_a_ticker() -> None:
    body = case("01-token-is-the-ticker", "event.json").read_text()
    assert import_log(lines(as_csv(row(body, 1))), now=NOW).accepted == 1
    assert Delivery.objects.get().raw.decode() == body


# -- whose rows they are


def test_rows_go_to_the_source_that_knows_their_alert_else_to_the_default() -> None:
    chart = Source.objects.create(name="chart")
    AlertId.objects.create(source=chart, alert_id="1")
    done = import_log(lines(as_csv(row(created(), 1, "1"), row(entry(), 4, "2"), row(update(0.3), 5, "1"))), now=NOW)
    assert done.sources == {"chart": 2, "default": 1}
    assert AlertId.objects.get(alert_id="2").source == default_source()
    assert AutomatedSignal.objects.filter(source=chart).get().event_count == 2


def test_a_named_source_takes_all_rows_and_remembers_the_alerts_that_nobody_knew() -> None:
    chart, other = Source.objects.create(name="chart"), Source.objects.create(name="other")
    AlertId.objects.create(source=other, alert_id="1")
    import_log(lines(as_csv(row(created(), 1, "1"), row(entry(), 4, "2"))), now=NOW, source=chart)
    assert {delivery.source for delivery in Delivery.objects.all()} == {chart}
    assert {alert.alert_id: alert.source for alert in AlertId.objects.all()} == {"1": other, "2": chart}


def test_an_alert_id_that_is_too_long_is_found_again() -> None:
    chart = Source.objects.create(name="chart")
    import_log(lines(as_csv(row(created(), 1, "9" * 50))), now=NOW, source=chart)
    assert import_log(lines(as_csv(row(entry(), 4, "9" * 50))), now=NOW).sources == {"chart": 1}


# -- whose prices they tell


@pytest.mark.parametrize(
    ("ticker", "symbol"),
    [
        ("CME_MINI:MNQ1!, 1m", "MNQ1!"),
        ("CME_MINI:ES1!, 1m", "ES1!"),
        ("BINANCE:BTCUSDT.P", "BTCUSDT.P"),
        ("ES1!", "ES1!"),
        ("ES1!-CME_MINI:MNQ1!, 1m", "ES1!-CME_MINI:MNQ1!"),
        ("", "MNQ1!"),
    ],
)
def test_prices_are_of_the_symbol_that_the_ticker_names_else_of_the_sources(ticker: str, symbol: str) -> None:
    import_log(lines(as_csv(row(update(0.4, current_price=25744), 6, ticker=ticker))), now=NOW)
    assert PriceBar.objects.get().symbol == symbol


def test_a_symbol_in_the_message_is_nearer_than_the_ticker() -> None:
    import_log(lines(as_csv(row(update(0.4, current_price=25744, symbol="NQ1!"), 6, ticker="CME:ES1!"))), now=NOW)
    assert PriceBar.objects.get().symbol == "NQ1!"


def test_symbols_too_long_to_keep_stay_apart() -> None:
    long = "A" * 40
    bodies = [(update(0.4, current_price=25744), 6, f"{long}1"), (update(0.5, current_price=25745), 6, f"{long}2")]
    import_log(lines(as_csv(*(row(body, minute, ticker=ticker) for body, minute, ticker in bodies))), now=NOW)
    assert len({bar.symbol for bar in PriceBar.objects.all()}) == 2


def test_rows_of_another_symbol_than_their_sources_are_counted() -> None:
    log = as_csv(*TRADE, row(update(0.4), 7, ticker="CME_MINI:ES1!, 1m"), row(update(0.5), 8, ticker="CME_MINI:ES1!"))
    assert import_log(lines(log), now=NOW).other_symbols == {"ES1!": 2}


def test_a_mended_row_keeps_its_symbol() -> None:
    default_source()
    import_log(lines(as_csv(row("cut off", 6, ticker="CME_MINI:ES1!, 1m"))), now=NOW)
    replay(Quarantine.objects.get(), json.dumps(update(0.4, current_price=6850)), by=None, now=NOW)
    assert PriceBar.objects.get().symbol == "ES1!"


# -- chunks


def test_importing_twice_changes_nothing() -> None:
    first = import_log(lines(as_csv(*TRADE)), now=NOW)
    signal = AutomatedSignal.objects.values().get()
    again = import_log(lines(as_csv(*TRADE)), now=NOW + timedelta(days=1))
    assert (first.accepted, len(first.created), len(first.updated)) == (3, 1, 0)
    assert (again.accepted, again.duplicates, again.events, again.created, again.updated) == (0, 3, 0, set(), set())
    assert AutomatedSignal.objects.values().get() == signal


def test_a_signal_that_was_there_is_counted_as_updated() -> None:
    import_log(lines(as_csv(TRADE[2])), now=NOW)
    done = import_log(lines(as_csv(*TRADE)), now=NOW).as_json()
    assert (done["signals_created"], done["signals_updated"]) == (0, 1)


@pytest.mark.parametrize("error", [DataError("value out of range"), ZeroDivisionError("a bug")])
def test_one_row_that_cannot_be_stored_costs_only_itself(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    take_in = alertlog.take_in

    def refuse_entries(source: Source, items: list[Any], **options: Any) -> Any:
        if any(b"ENTRY" in item.body for item in items):
            raise error
        return take_in(source, items, **options)

    monkeypatch.setattr(alertlog, "take_in", refuse_entries)
    done = import_log(lines(as_csv(*TRADE)), now=NOW)
    assert (done.rows, done.accepted) == (3, 2)
    assert done.failed == [f"alert of 2025-12-11 14:44Z: {error}"]
    monkeypatch.undo()
    assert import_log(lines(as_csv(*TRADE)), now=NOW).accepted == 1


def test_every_chunk_is_committed_and_reported_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alertlog, "ROWS_AT_ONCE", 2)
    stored: list[tuple[int, int]] = []
    import_log(lines(as_csv(*TRADE)), now=NOW, progress=lambda rows: stored.append((rows, Delivery.objects.count())))
    assert stored == [(2, 2), (1, 3)]


@pytest.mark.slow
def test_memory_does_not_follow_the_length_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alertlog, "ROWS_AT_ONCE", 50)
    monkeypatch.setattr(alertlog, "ROWS_JUDGED", 50)

    def peak(rows: int) -> int:
        tracemalloc.start()
        import_log(endless(rows), now=NOW)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(999)  # whatever is loaded and cached, which is bounded
    assert peak(1_000) < 1.5 * peak(200)


def endless(rows: int) -> Iterator[str]:
    """A log of one trade's updates, never in memory as a whole."""
    yield as_csv()
    for number in range(rows):
        yield as_csv(row(update(0.4, count=rows), number), header=()).lstrip()
