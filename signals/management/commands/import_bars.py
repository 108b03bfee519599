"""`manage.py import_bars FILE…`: take in price bars from files."""

import json
import sys
from argparse import ArgumentParser
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from signals.bars.coverage import hours_of
from signals.bars.importing import ImportedBars, import_bars
from signals.bars.reading import NotBarsError
from signals.checks import SETTINGS


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = (
        "Take in files of one-minute price bars: TradingView's chart export, plain time,open,high,low,close, or"
        " Databento's CSV. Bars that cannot be right are refused and kept. Repeating it changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE")
        parser.add_argument("--symbol", default="", help="whose bars they are, as the source's symbol is spelled")
        parser.add_argument("--times", choices=("open", "close"), default="open", help="what the file's times are")
        parser.add_argument("--dry-run", action="store_true", help="count everything, store nothing")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, files: list[str], symbol: str, times: str, dry_run: bool, json: bool, **options: Any) -> None:
        hours = hours_of(symbol)
        total: list[ImportedBars] = []
        for name in files:
            shown = not json and sys.stderr.isatty()
            try:
                with tqdm(unit=" bars", disable=not shown) as bar:
                    done = import_bars(
                        partial(lines_of, name), symbol=symbol, hours=hours, closes=times == "close", dry_run=dry_run,
                        progress=bar.update,
                    )  # fmt: skip
            except (OSError, UnicodeDecodeError, NotBarsError) as error:
                raise CommandError(f"{name}: {error}") from error
            total.append(done)
        result = summed(total)
        self.stdout.write(as_json(result) if json else as_text(result, dry_run=dry_run))


def lines_of(name: str) -> Any:
    with Path(name).open(encoding="utf-8-sig", newline="") as file:
        yield from file


def summed(parts: list[ImportedBars]) -> dict[str, Any]:
    result: dict[str, Any] = {"rows": 0, "stored": 0, "unchanged": 0, "refused": 0}
    reasons: Counter[str] = Counter()
    dirty: dict[str, str] = {}
    for part in parts:
        for name in result:
            result[name] += getattr(part, name)
        reasons += part.reasons
        dirty |= part.dirty_days
    return {**result, "reasons": dict(reasons.most_common()), "dirty_days": dirty}


def as_json(result: dict[str, Any]) -> str:
    return json.dumps(result)


def as_text(result: dict[str, Any], *, dry_run: bool) -> str:
    lines = [
        f"{result['rows']} rows: {result['stored']} bars stored, {result['unchanged']} unchanged,"
        f" {result['refused']} refused.",
        *(f"  {count} refused: {reason}" for reason, count in result["reasons"].items()),
        *(f"  {day} is a dirty day: {count} bars refused." for day, count in result["dirty_days"].items()),
    ]
    if dry_run:
        lines.append("Dry run: nothing was stored.")
    return "\n".join(lines)
