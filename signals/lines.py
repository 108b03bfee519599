"""Rows as lines of text, line ends included: CSV of which a spreadsheet runs nothing, and JSON lines."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# A spreadsheet takes a cell that begins with one of these for a formula; senders choose some of the texts.
# Some readers take a full-width sign for the sign, cut a cell at a semicolon or a bar, or pass over what is blank.
FORMULA_STARTS = tuple("=+-@＝＋－＠|;\t\r\n")  # noqa: RUF001
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class Line:
    """What csv.writer takes for a file: it hands back the line instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def csv_lines(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """A header and the rows: nothing for unknown values, compact JSON for nested ones."""
    writer = csv.writer(Line(), lineterminator="\n")
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow(map(cell, row))


def json_lines(rows: Iterable[Mapping[str, Any]], encoder: type[json.JSONEncoder] | None = None) -> Iterator[str]:
    """One JSON object a line."""
    for row in rows:
        yield f"{json.dumps(row, cls=encoder, ensure_ascii=False, separators=(',', ':'))}\n"


def cell(value: Any) -> Any:
    """A value as a CSV cell. Text, no number, that a spreadsheet would run as a formula gets an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, str) and value.lstrip(" \xa0").startswith(FORMULA_STARTS) and not NUMBER.fullmatch(value):
        return f"'{value}"
    return value
