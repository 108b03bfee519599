"""What exactly is sealed: an entry and a link of the chain as bytes, the same whatever database keeps them. Pure.

The digests are part of what is stored: whoever changes this file must keep what older ones are proved by.
"""

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from struct import Struct
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from reconciliation.models import AuditSeal

# In this order; a column that is added later goes to the end and is left out while it is empty.
COLUMNS = (
    "pk", "at", "run_id", "operation", "signal_id", "action", "gap", "field", "tier", "method", "old", "new",
    "confidence", "evidence", "note", "actor",
)  # fmt: skip
DOCUMENTS = ("old", "new", "evidence")
SIGNAL = COLUMNS.index("signal_id")
SHORT = 16
"""Bytes of SHA-256 that stand for an entry: enough that nobody finds another one with the same."""
ENTRY = Struct(f">q{SHORT}s")
FIRST = "0" * 64
"""What stands before the first seal."""
EXACT, GREATEST = 2**53, int(sys.float_info.max)
"""Greater numbers are floats in one database and have all their digits in the other; beyond the second no float is."""


class Sealed(NamedTuple):
    """An entry in a seal."""

    key: int
    digest: bytes


def digest_of(values: Sequence[Any]) -> bytes:
    """Of an entry's values, in the order of COLUMNS."""
    return sha256(as_bytes(values)).digest()[:SHORT]


def as_bytes(values: Sequence[Any]) -> bytes:
    """As `as_text` spells it. By orjson where it can, in a fifth of the time; it refuses halves of characters."""
    try:
        return orjson.dumps([*map(spelled, values)], option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return as_text([*map(plain, values)]).encode("utf-8", "surrogatepass")


as_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def number(value: float) -> float:
    if isinstance(value, int):
        return float(value) if EXACT <= abs(value) <= GREATEST else value
    return int(value) if math.isfinite(value) and value.is_integer() and abs(value) < EXACT else value


def spelled_number(value: float) -> Any:
    """A number that orjson may write. Floats it would spell otherwise: 1e16 for 1e+16."""
    told = number(value)
    return told if isinstance(told, int) and abs(told) < EXACT else orjson.Fragment(as_text(told))


@lru_cache(maxsize=16)  # hundreds of entries in a row are of one
def exact_moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")


SAME = frozenset({type(None), bool, str})


def making_plain(number: Callable[[float], Any]) -> Callable[[Any], Any]:
    def plain(value: Any) -> Any:
        kind = value.__class__
        return value if kind in SAME else as_json[kind](value)

    as_json: Mapping[type, Callable[[Any], Any]] = {
        int: number,
        float: number,
        dict: lambda value: {key: each if each.__class__ is str else plain(each) for key, each in value.items()},
        list: lambda value: [each if each.__class__ is str else plain(each) for each in value],
        datetime: exact_moment,
        Decimal: lambda value: f"{value:.3f}",
        UUID: str,
    }
    return plain


plain = making_plain(number)
"""A value as JSON that both databases give back alike: PostgreSQL keeps 1.0 as 1.0 and 1e3 as 1000."""
spelled = making_plain(spelled_number)
"""The same for orjson."""


def packed(entries: Iterable[Sealed]) -> bytes:
    return b"".join(ENTRY.pack(*entry) for entry in sorted(entries))


def unpacked(entries: bytes) -> Iterator[Sealed]:
    """Raises struct.error where it is cut off."""
    return map(Sealed._make, ENTRY.iter_unpack(entries))


def seal_of(row: AuditSeal, before: str) -> str:
    """What a link's seal must be, after this one."""
    about = [before, row.number, plain(row.at), row.upto, row.total, plain(row.missing)]
    return sha256(json.dumps(about, separators=(",", ":")).encode() + bytes(row.entries)).hexdigest()
