"""Lists as files: CSV and JSON lines, with the filters of the list, a chunk of rows at a time in memory."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rest_framework.renderers import BaseRenderer
from rest_framework.utils.encoders import JSONEncoder

from signals.lines import csv_lines, json_lines

# A process of the pages serves nobody else meanwhile, and is ended after 30 seconds; more follows by `Link`.
ROWS = 5_000
ROWS_AT_ONCE = 500


class Lines(BaseRenderer):
    """How a list is written line by line. What is negotiated; the list itself streams."""

    charset = "utf-8"

    def lines(self, fields: Sequence[str], records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        raise NotImplementedError

    def render(self, data: Any, *_: Any, **__: Any) -> bytes:
        """Of what is no list of rows (an answer to OPTIONS)."""
        return json.dumps(data, cls=JSONEncoder).encode()


class CsvLines(Lines):
    """A header, nothing for unknown values, compact JSON for nested ones; nothing that a spreadsheet would run."""

    media_type = "text/csv"
    format = "csv"

    def lines(self, fields: Sequence[str], records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        return csv_lines(fields, ([record.get(name) for name in fields] for record in records))


class JsonLines(Lines):
    media_type = "application/x-ndjson"
    format = "ndjson"

    def lines(self, fields: Sequence[str], records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        return json_lines(records, JSONEncoder)
