"""The page and the command that compare the Strategy Tester's trades: they change nothing."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.urls import reverse

from signals.models import Source
from signals.receiving.senders import default_source
from signals.witnesses.heard import compared_file
from tests.builders import TRADE_ID, at, created, entry, everything, send

from .conftest import As

# The builders' trade: entered at the bar that opens at 09:43 New York, at 25740.
LISTED = """Trade #,Type,Signal,Date/Time,Price USD,Contracts
2,Entry Short,x,2025-12-11 11:00,25800,1
1,Entry Long,x,2025-12-11 09:44,25740.25,1
"""

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _a_trade(db: None) -> None:
    send([(created(), at(1)), (entry(), at(4))])


def compared(client: As, text: str, **given: str) -> HttpResponse:
    file = SimpleUploadedFile("trades.csv", text.encode())
    fields = {"file": file, "source": str(default_source().pk), **given}
    return client("Viewer").post(reverse("console:trades"), fields)


def test_a_viewer_sees_what_was_heard_and_what_was_not(signed_in: As) -> None:
    before = everything()
    page = compared(signed_in, LISTED).content.decode()
    assert "Of 2 trades in the list 1 were heard, 1 were not." in page
    assert TRADE_ID in page
    assert everything() == before


def test_the_same_as_json(signed_in: As) -> None:
    result = json.loads(compared(signed_in, LISTED, json="1").content)
    assert (result["matched"], result["missing"], result["extra"]) == (1, 1, 0)
    line = next(line for line in result["lines"] if line["verdict"] == "matched")
    assert (line["trade_id"], line["entry_minutes"], line["entry_points"]) == (TRADE_ID, 1, "0.25")


@pytest.mark.parametrize(
    ("text", "zone", "says"),
    [
        ("time,open\n", "", "No column for number, type, price"),
        (LISTED, "New York", "There is no such time zone"),
    ],
)
def test_what_cannot_be_compared_says_what_to_do(signed_in: As, text: str, zone: str, says: str) -> None:
    response = compared(signed_in, text, zone=zone)
    assert response.status_code == 400
    assert says in response.content.decode()


def test_bytes_that_are_no_text_are_refused(signed_in: As) -> None:
    file = SimpleUploadedFile("trades.csv", b"\xff\xfe\x00PK")
    fields = {"file": file, "source": str(default_source().pk)}
    response = signed_in("Viewer").post(reverse("console:trades"), fields)
    assert response.status_code == 400
    assert "no text file" in response.content.decode()


def test_the_command_lists_what_differs(tmp_path: Path) -> None:
    path, said = tmp_path / "trades.csv", StringIO()
    path.write_text(LISTED)
    call_command("compare_trades", str(path), source=default_source().name, stdout=said)
    assert "trade 2: never heard of" in said.getvalue()


def test_the_command_names_a_zone_that_does_not_exist(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    path.write_text(LISTED)
    with pytest.raises(CommandError, match="no time zone 'Moon'"):
        call_command("compare_trades", str(path), source=default_source().name, zone="Moon")


def test_on_a_chart_of_longer_bars_trade_and_signal_may_be_as_many_bars_apart() -> None:
    source = Source.objects.create(
        name="hourly", symbol="BTCUSDT", calendar="24/7", bar_minutes=60, bar_minutes_by="set", tick_size="0.5"
    )
    told = entry("20251211_090000000_BULLISH", signal_time="09:00:00", entry_price=65000, stop_loss=64000)
    send([(created("20251211_090000000_BULLISH", signal_time="09:00:00"), at(20)), (told, at(80))], source)
    lines = ["Trade #,Type,Date/Time,Price USD\n", "1,Entry long,2025-12-11 11:00,65010\n"]
    comparison, faults = compared_file(source, lines, "")
    assert faults == ()
    assert [(line.verdict, line.entry_minutes) for line in comparison.lines] == [("matched", 60)]
