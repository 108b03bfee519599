"""`manage.py simulate`: to a file, into the database, to webhooks; and in words where it cannot."""

import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command

from reconciliation.simulation.planning import planned
from reconciliation.simulation.posting import AGAIN, NOBODY, post
from reconciliation.simulation.sending import Line, Sending, UnheardError
from signals.dialects import read
from signals.models import AutomatedSignal, PriceBar, Source
from signals.simulator.faults import Faults

START = datetime(2026, 1, 5, 15, tzinfo=UTC)
WEBHOOK = "http://127.0.0.1:8000/api/automated-signals/webhook/{}"


def simulate(*to: str, **options: Any) -> dict[str, Any]:
    out = StringIO()
    given = {"start": START, "days": 0.1, "seed": 7, "json": True}
    call_command("simulate", *(f"--to={one}" for one in to), stdout=out, **{**given, **options})
    done: dict[str, Any] = json.loads(out.getvalue())
    return done


class TestFile:
    def test_the_same_seed_gives_the_same_log_bars_and_truth(self, tmp_path: Path) -> None:
        faults = {
            "drop": 0.1,
            "duplicate": 0.05,
            "reorder": 0.1,
            "corrupt": 0.01,
            "restart": True,
            "clock_change": True,
        }
        for name in ("a", "b"):
            simulate(str(tmp_path / f"{name}.csv"), sources=3, bars=True, **faults)
        files = sorted(path.name for path in tmp_path.iterdir())
        assert len(files) == 2 * 5
        for name in files[:5]:
            assert (tmp_path / name).read_bytes() == (tmp_path / name.replace("a.", "b.", 1)).read_bytes()

    def test_a_log_is_in_tradingviews_form_and_the_truth_tells_every_signal(self, tmp_path: Path) -> None:
        done = simulate(str(tmp_path / "log.csv"), sources=2)
        with (tmp_path / "log.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == done["alerts"] > 100
        assert [row["Time"] for row in rows] == sorted((row["Time"] for row in rows), reverse=True)
        assert {row["Ticker"] for row in rows} == {"CME_MINI:MNQZ2070, 1m", "BINANCE:SIMBUSDT, 1m"}
        truth = [json.loads(line) for line in Path(done["truth"]).read_text().splitlines()]
        assert len(truth) == done["signals"]
        told = {event.trade_id for row in rows for event in read(row["Description"].encode()).events}
        assert told == {line["trade_id"] for line in truth}


@pytest.mark.django_db
class TestImport:
    def test_what_arrives_is_taken_in_for_simulated_sources_with_the_bars(self, tmp_path: Path) -> None:
        done = simulate("import", sources=2, bars=True, drop=0.2, truth=tmp_path / "truth")
        assert set(Source.objects.filter(simulated=True).values_list("name", flat=True)) == set(done["imported"])
        assert AutomatedSignal.objects.count() > 10
        assert set(PriceBar.objects.filter(kind=PriceBar.Kind.BAR).values_list("symbol", flat=True)) == {
            "MNQZ2070",
            "SIMBUSDT",
        }

    def test_a_source_of_that_name_that_is_real_stays_as_it_is(self, tmp_path: Path) -> None:
        Source.objects.create(name="simulated-a")
        with pytest.raises(CommandError, match="simulated-a that is not simulated"):
            simulate("import", truth=tmp_path / "truth")
        assert not AutomatedSignal.objects.exists()


class Server:
    """A server that notes what it is sent, and asks the indicator once."""

    def __init__(self, status: int = 200, asks: list[str] | None = None) -> None:
        self.status, self.asks = status, asks or []
        self.now = 0.0
        self.posted: list[tuple[float, str, bytes]] = []
        self.acknowledged: list[str] = []
        self.http = httpx.Client(transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.method == "GET":
            asked, self.asks = self.asks, []
            results = [{"request_id": "one", "trade_ids": asked}] if asked else []
            return httpx.Response(200, json={"results": results})
        if path.endswith("/acknowledge"):
            self.acknowledged.append(path)
        else:
            self.posted.append((self.now, path, request.content))
        return httpx.Response(self.status)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def sending(self, sources: int = 1, **options: Any) -> tuple[Sending, Any]:
        made = planned(start=START, days=0.1, sources=sources, dialect="mixed", seed=7, faults=Faults())
        lines = [Line.to(one, WEBHOOK.format(one.name)) for one in made]
        return Sending(lines, self.http, clock=lambda: self.now, sleep=self.sleep, **options), made


class TestPosting:
    def test_alerts_come_in_their_order_at_their_scaled_time_each_to_its_source(self) -> None:
        server = Server()
        sending, made = server.sending(sources=2, speed=60)
        sent = sending.run(START)
        assert sent.taken == len(server.posted) == sum(len(one.simulation.alerts) for one in made)
        assert {path.rpartition("/")[2] for _, path, _ in server.posted} == {one.name for one in made}
        last = max(one.simulation.alerts[-1].fire_time for one in made)
        assert server.posted[-1][0] == pytest.approx((last - START).total_seconds() / 60)

    def test_what_the_indicator_is_asked_is_answered_by_the_webhook_and_acknowledged(self) -> None:
        [one] = planned(start=START, days=0.1, sources=1, dialect="mixed", seed=7, faults=Faults())
        first = next(iter(one.simulation.truth))
        server = Server(asks=[first, "20200101_000000000_BULLISH"])
        sending, _ = server.sending()
        assert sending.run(START).answered == 1
        [told] = read(server.posted[-1][2]).events
        assert (told.type, told.trade_id) == ("POLLING_RESPONSE", first)
        assert len(server.acknowledged) == 1

    @pytest.mark.parametrize(("status", "says"), [(401, "its token is unknown"), (404, "with 404")])
    def test_it_stops_when_the_first_alert_is_refused(self, status: int, says: str) -> None:
        server = Server(status)
        sending, _ = server.sending()
        with pytest.raises(UnheardError, match=says):
            sending.run(START)
        assert len(server.posted) == 1

    def test_a_failing_server_is_tried_again_as_tradingview_does(self) -> None:
        server = Server(503)
        assert post(server.http, WEBHOOK.format("t"), b"{}", server.sleep) == 503
        assert [at for at, _, _ in server.posted] == [0.0, 5.0, 10.0, 15.0]

    def test_nobody_there_is_told_apart_from_a_refusal(self) -> None:
        def broken(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("refused")

        waits: list[float] = []
        with httpx.Client(transport=httpx.MockTransport(broken)) as http:
            assert post(http, WEBHOOK.format("t"), b"{}", waits.append) == NOBODY
        assert len(waits) == len(AGAIN) - 1


@pytest.mark.parametrize(
    ("to", "options", "says"),
    [
        (["http://127.0.0.1:8000/"], {}, "is no webhook address"),
        ([WEBHOOK.format("a")], {"sources": 2}, "needs as many webhook addresses"),
        (["a.csv", "b.csv"], {}, "for webhook addresses only"),
        (["a.csv"], {"speed": 60.0}, "--speed is for webhooks"),
        ([WEBHOOK.format("a")], {"bars": True}, "--bars goes with import or a file"),
        (["a.csv"], {"sources": 99}, "give 1 to 26 sources"),
        (["a.csv"], {"days": 0}, "more than 0 and at most 100 days"),
        (["a.csv"], {"drop": 2}, "loss is a fraction"),
        (["/nowhere/a.csv"], {}, "No such file or directory"),
    ],
)
def test_what_does_not_go_together_is_refused_in_words(
    to: list[str], options: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match=says):
        simulate(*to, **{"days": 0.01, **options}, truth=None if to[0].startswith("/") else tmp_path / "truth")


@pytest.mark.parametrize(("argument", "says"), [("--outage=20", "is no duration"), ("--speed=fast", "is no speed"),
                                                ("--start=2026-01-05", "could be any zone")])  # fmt: skip
def test_what_cannot_be_read_is_refused_in_words(argument: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        call_command("simulate", "--to=a.csv", argument)


def test_delays_and_outages_are_given_as_people_write_them(tmp_path: Path) -> None:
    call_command("simulate", f"--to={tmp_path / 'a.csv'}", "--days=0.05", "--delay", "--outage=20m", stdout=StringIO())
    assert timedelta(minutes=20) < timedelta(days=0.05)
    assert (tmp_path / "a.truth.jsonl").exists()
