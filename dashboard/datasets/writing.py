"""A dataset as JSON lines, CSV or Parquet, written a chunk at a time: memory does not follow the number of rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any

from signals.exporting import number
from signals.formats import iso
from signals.lines import csv_lines, json_lines

from .fields import Field, Value
from .rows import columns

Chunks = Iterable[list[list[Value]]]
NEEDED = "Parquet needs the package pyarrow: pip install -r requirements-datasets.txt, or choose jsonl or csv."
ROW_GROUP = 5_000


class NoParquetError(RuntimeError):
    """The package that writes Parquet is not installed. The message says what to do."""


def told(value: Value) -> Any:
    """A value as JSON and CSV tell it."""
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, datetime):
        return iso(value)
    return value.isoformat() if isinstance(value, date) else value


def jsonl(fields: Sequence[Field], chunks: Chunks) -> Iterator[str]:
    """One JSON object a line, line ends included."""
    names = [name for name, _ in columns(fields)]
    return json_lines(dict(zip(names, row, strict=True)) for row in told_rows(chunks))


def as_csv(fields: Sequence[Field], chunks: Chunks) -> Iterator[str]:
    """CSV with a header: nothing for unknown values."""
    return csv_lines([name for name, _ in columns(fields)], told_rows(chunks))


def told_rows(chunks: Chunks) -> Iterator[list[Any]]:
    return ([told(value) for value in row] for chunk in chunks for row in chunk)


def parquet_there() -> None:
    """Raises NoParquetError where the package is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise NoParquetError(NEEDED) from error


def write_parquet(fields: Sequence[Field], chunks: Chunks, file: IO[bytes]) -> int:
    """Parquet in row groups; returns how many rows. Moments are UTC to the millisecond, prices and R doubles."""
    parquet_there()
    import pyarrow
    from pyarrow import parquet

    kinds: Mapping[str, Any] = {
        "text": pyarrow.string(),
        "int": pyarrow.int32(),
        "float": pyarrow.float64(),
        "bool": pyarrow.bool_(),
        "moment": pyarrow.timestamp("ms", tz="UTC"),
        "date": pyarrow.date32(),
    }
    named = columns(fields)
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in named])
    count = 0
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for group in grouped(chunks):
            arrays = [
                pyarrow.array([float(v) if isinstance(v, Decimal) else v for v in values], type=kinds[kind])
                for (_, kind), values in zip(named, zip(*group, strict=True), strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            count += len(group)
    return count


def grouped(chunks: Chunks) -> Iterator[list[list[Value]]]:
    """The rows in groups of about ROW_GROUP."""
    held: list[list[Value]] = []
    for chunk in chunks:
        held += chunk
        if len(held) >= ROW_GROUP:
            yield held
            held = []
    if held:
        yield held
