"""How values are written as text, for storage and messages: moments, numbers, quotations. Pure."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

EMPTY = "–"  # noqa: RUF001 - a dash for no value


@lru_cache(maxsize=4096)
def iso(moment: datetime) -> str:
    """UTC to the second, as facts and provenance write moments."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def quoted(value: object) -> str:
    """A value as a message may quote it: printable and short, whatever was sent."""
    text = ascii(str(value) if isinstance(value, int | Decimal) else value)
    return text if len(text) <= 60 else text[:57] + "..."


def canonical(decimal: Decimal) -> str:
    """Plain notation without trailing zeros: equal numbers are equal text."""
    if not decimal:
        return "0"
    digits = str(decimal)  # in an eighth of the time, and with an exponent only where zeros are many
    if "E" in digits:
        digits = format(decimal, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
