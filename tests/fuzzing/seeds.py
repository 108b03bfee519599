"""What inputs are made of: recorded bodies and files where they are there, and one of every kind that is known."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from signals.dialects.builtin import BUILTIN

ROOT = Path(__file__).parent.parent.parent
RECORDED = ROOT.parent / "shared" / "recorded"
OF_A_LOG = 120  # bodies that are taken of each recorded log
LONG, FEW = 1500, 12  # bytes from which on one in so many is taken: long ones are slow, and say the same again
BODY = 3  # the column of a recorded log that holds the message
ROWS = 4  # of a log or a file of bars that is one input

TRADE = '"trade_id":"20251211_094000000_BULLISH"'
ENTRY_OF_BATCH = (
    '{"trade_id":"20251211_094000000_BULLISH","direction":"Bullish","be_mfe":0.5,"no_be_mfe":0.7,"mae":-0.2,"entry":25740.25,'
    '"stop":25730.5,"current_price":25744.75,"be_triggered":false,"triangle_time":1765464000000,'
    '"confirmation_time":1765464240000,"date":"2025-12-11","session":"NY AM","symbol":"MNQ1!","status":"CONFIRMED",'
    '"completed":false,"htf_daily":"BULL","htf_4h":"NEUT","risk":9.75,"bars_to_confirm":4}'
)
BODIES = (
    f'{{"event_type":"SIGNAL_CREATED",{TRADE},"direction":"Bullish","session":"NY AM","signal_date":"2025-12-11",'
    '"signal_time":"09:40:00","htf_alignment":{"daily":"Bullish","h4":"Neutral","m1":"Bullish"}}',
    f'{{"schema_version":"1.0","event_type":"ENTRY",{TRADE},"direction":"Bullish","entry_price":25740.25,"stop_loss":25730.5,'
    '"targets":{"tp1_price":25750,"tp2_price":25759.75},"session":"NY AM","mfe_R":0,"mae_R_global":0,"symbol":"MNQ1!"}',
    f'{{"event_type":"CANCELLED",{TRADE},"cancel_reason":"opposite_signal","cancelled_by":"other","bars_pending":4}}',
    f'{{"event_type":"EXIT_STOP_LOSS",{TRADE},"exit_price":25730.5,"exit_reason":"stop","final_be_mfe":1.4,"final_no_be_mfe":2.5}}',
    f'{{"attributes":{{"event_type":"BE_TRIGGERED",{TRADE},"be_price":25740,"be_mfe":1.1,"no_be_mfe":1.1}}}}',
    f'{{"event_type":"MFE_UPDATE_BATCH","signals":[{ENTRY_OF_BATCH},{ENTRY_OF_BATCH.replace("0940", "0950")}]}}',
    '{"event_type":"HEARTBEAT","timestamp":"2025-12-11T15:00:00Z","signal_count":7,"indicator_version":"2","realtime":true}',
    f'{{"event_type":"UNIFIED_SNAPSHOT_V1","bar_ts":1765464060000,"open":1,"high":3,"low":0.5,"close":2,"signals":[{ENTRY_OF_BATCH}],'
    f'"triangles_delta":[{ENTRY_OF_BATCH}]}}',
    f'{{"event_type":"INDICATOR_EXPORT_V2","batch_number":1,"batch_size":1,"total_signals":1,"signals":[{ENTRY_OF_BATCH}]}}',
    f'{{"event_type":"ALL_SIGNALS_EXPORT","batch_number":0,"batch_size":5,"total_signals":5,"signals":[{ENTRY_OF_BATCH}]}}',
    '{"type":"ENTRY","signal_id":"20251211_084000000_BULLISH","bias":"Bullish","entry_price":24847",","sl_price":24800.5,'
    '"date":"2025-12-11","time":"09:40:00","timestamp":1765463880000,"session":"NY AM"}',
    '{"type":"MFE_UPDATE","signal_id":"x","be_mfe":0.3,"no_be_mfe":0.3,"highest_high":101,"lowest_low":99.5,"current_price":100.5}',
    f'{{"event_type":"MFE_UPDATE",{TRADE},"be_mfe":1}}{{"event_type":"MFE_UPDATE",{TRADE},"be_mfe":NaN}}',
    "MNQ1! Crossing 25740.25", "buy", "", "{}", "[]", "null", '"text"', "[[]]", "{{strategy.order.action}} {{ticker}}",
)  # fmt: skip
BARS = (
    "time,open,high,low,close\n1701475500,16000.25,16001,15999.5,16000\n1701475560,16000,16002,16000,16001.75\n",
    "ts_event,rtype,open,high,low,close,volume,symbol\n1701475500000000000,33,16000250000000,16001000000000,"
    "15999500000000,16000000000000,12,MNQZ3\n",
    "time;open;high;low;close;Volume\n2023-12-02T00:05:00Z;1;2;0.5;1.5;3\n2023-12-02T01:06:00+01:00;1;2;1;2;1\n",
    "Date,Open,High,Low,Close\n2023-12-02,1,2,1,2\n",
)


def bodies() -> list[bytes]:
    """Messages: recorded ones, those of others, and one of each event and batch."""
    samples = [sample for each in BUILTIN.values() for sample in each.samples]
    return [text.encode() for text in (*BODIES, *samples, *(row[BODY] for row in recorded_rows()))]


def formats() -> list[bytes]:
    """A format and a message of it in one JSON object, which is how this target is asked."""
    return [
        json.dumps({"spec": each.spec, "message": sample}).encode()
        for each in BUILTIN.values()
        for sample in each.samples
    ]


def logs() -> list[bytes]:
    """Alert logs of a few rows."""
    header = "Alert ID,Ticker,Name,Description,Time,Webhook status\n"
    rows = [
        *recorded_rows(),
        *(["1", "CME_MINI:MNQ1!, 1m", "n", body, "2025-12-11T05:59:01Z", "OK"] for body in BODIES),
    ]
    random = Random(1)
    files = [header + "".join(map(line, random.sample(rows, ROWS))) for _ in range(len(rows) // 3)]
    return [text.encode() for text in (*files, header, "sep=;\n" + header.replace(",", ";"), "<html>")]


def bars() -> list[bytes]:
    """Files of price bars, of a few rows."""
    found = list(BARS)
    for path in sorted((RECORDED / "bars").glob("*.csv")):
        header, *lines = path.read_text().splitlines(keepends=True)
        found += [header + "".join(lines[start : start + ROWS]) for start in range(0, len(lines), 40)]
    return [text.encode() for text in found]


def recorded_rows() -> list[list[str]]:
    """Rows of the recorded logs, from all over each."""
    found: list[list[str]] = []
    for path in sorted(RECORDED.glob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            _, *rows = csv.reader(file)
        found += rows[:: max(1, len(rows) // OF_A_LOG)]
    return [row for number, row in enumerate(found) if len(row[BODY]) < LONG or number % FEW == 0]


def line(row: Sequence[str]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n"


def of_folder(folder: Path) -> Iterator[bytes]:
    """What coverage has found worth keeping."""
    return (path.read_bytes() for path in sorted(folder.glob("*")) if path.is_file())
