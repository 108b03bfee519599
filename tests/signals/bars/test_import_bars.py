"""`import_bars`: idempotent, the better origin wins, refused bars are kept, and times are checked against ENTRYs."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from signals.bars.storing import Bar, store_bars
from signals.clock import MINUTE
from signals.models import PriceBar, RefusedBar, Source
from tests.builders import entry, send

from .test_judging import START

pytestmark = pytest.mark.django_db
HEADER = "time,open,high,low,close"


def row(minute: float, close: float, spread: float = 1) -> str:
    time = (START + minute * MINUTE).isoformat()
    return f"{time},{close},{close + spread},{close - spread},{close}"


def calm(length: int, start: int = 0) -> list[str]:
    return [row(start + minute, 25_000 + minute % 3) for minute in range(length)]


@pytest.fixture
def take(tmp_path: Path) -> Any:
    def take(lines: list[str], **options: Any) -> dict[str, Any]:
        path, out = tmp_path / "bars.csv", StringIO()
        path.write_text("\n".join([HEADER, *lines]))
        call_command("import_bars", str(path), json=True, stdout=out, **{"symbol": "MNQ1!", **options})
        return dict(json.loads(out.getvalue()))

    return take


def counts(result: dict[str, Any]) -> tuple[int, int, int, int]:
    return result["rows"], result["stored"], result["unchanged"], result["refused"]


def test_bars_are_stored_and_a_second_import_changes_nothing(take: Any) -> None:
    assert counts(take(calm(30))) == (30, 30, 0, 0)
    before = list(PriceBar.objects.values())
    assert counts(take(calm(30))) == (30, 0, 30, 0)
    assert list(PriceBar.objects.values()) == before
    assert {(bar.symbol, bar.kind, bar.origin) for bar in PriceBar.objects.all()} == {("MNQ1!", 2, 1)}


def test_refused_bars_are_kept_once_with_their_reason(take: Any) -> None:
    lines = [*calm(20), row(20, 25_230), *calm(20, start=21)]
    result = take(lines)
    assert counts(result) == (41, 40, 0, 1)
    assert result["reasons"] == {"a jump that no neighbour confirms": 1}
    assert counts(take(lines)) == (41, 0, 40, 1)
    [kept] = RefusedBar.objects.all()
    assert (kept.time, kept.close, kept.reason) == (START + 20 * MINUTE, 25_230, "a jump that no neighbour confirms")


def test_a_day_with_many_refused_bars_is_called_so(take: Any) -> None:
    lines = [row(minute, 25_000 + (230 if minute % 5 == 2 else 0)) for minute in range(40)]
    assert take(lines)["dirty_days"] == {"2025-12-10": "8 of 40"}


def test_a_dry_run_counts_and_stores_nothing(take: Any) -> None:
    assert counts(take([*calm(20), row(20, 207)], dry_run=True)) == (21, 20, 0, 1)
    assert not PriceBar.objects.exists()
    assert not RefusedBar.objects.exists()


def test_a_whole_bar_of_a_file_beats_a_close_and_the_indicator_own_bar_beats_it(take: Any) -> None:
    close = Bar("MNQ1!", START, PriceBar.Kind.CLOSE, None, None, None, 24_999, "f:0")
    whole = Bar("MNQ1!", START + MINUTE, PriceBar.Kind.BAR, 24_998, 24_999, 24_997, 24_998, "0:0")
    store_bars([close, whole])
    assert counts(take(calm(20))) == (20, 19, 1, 0)
    assert list(PriceBar.objects.order_by("time").values_list("close", flat=True)[:2]) == [25_000, 24_998]
    store_bars([close])
    assert PriceBar.objects.get(time=START).close == 25_000


def test_bars_of_more_than_a_minute_are_not_taken_for_minutes(take: Any) -> None:
    with pytest.raises(CommandError, match="5 minutes long or more: export the one-minute chart"):
        take([row(5 * number, 25_000) for number in range(10)])


def test_a_file_that_is_newest_first_says_what_to_do(take: Any) -> None:
    with pytest.raises(CommandError, match="newest first: sort it by time"):
        take(calm(20)[::-1])


def test_a_file_without_a_symbol_says_what_to_do(take: Any) -> None:
    with pytest.raises(CommandError, match="--symbol"):
        take(calm(5), symbol="")


@pytest.mark.parametrize(("written", "says"), [("close", "open"), ("open", "close")])
def test_times_that_mean_something_else_than_was_said_are_shown_by_entry_prices(
    take: Any, written: str, says: str
) -> None:
    """Three ENTRYs at 25,001.25, 25,002.5 and so on: each the close of the bar that opened a minute before it fired."""
    Source.objects.filter(is_default=True).update(symbol="MNQ1!")
    for number in range(3):
        send_entry(10 + number, 25_001 + 1.25 * number)
    shift = 1 if written == "close" else 0
    lines = [row(minute + shift, 25_001 + 1.25 * (minute - 9)) for minute in range(20)]
    with pytest.raises(CommandError, match=f"import it with --times {written}"):
        take(lines, times=says)
    assert not PriceBar.objects.filter(origin=PriceBar.Origin.FILE).exists()
    assert counts(take(lines, times=written)) == (20, 20, 0, 0)


def send_entry(minute: int, price: float) -> None:
    """An ENTRY that fires at this minute after START."""
    fired = START + minute * MINUTE
    name = f"{(fired - 2 * MINUTE):%Y%m%d_%H%M}00000_BULLISH"
    send([(entry(name, entry_price=price, stop_loss=price - 10), fired)])
