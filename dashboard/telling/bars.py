"""What an import of price bars did, in a sentence."""

from collections.abc import Mapping
from typing import Any


def bars_imported(figures: Mapping[str, Any]) -> str:
    said = (
        f"{figures['rows']:,} rows: {figures['stored']:,} bars stored, {figures['unchanged']:,} were there,"
        f" {figures['refused']:,} refused and kept."
    )
    dirty = figures["dirty_days"]
    return f"{said} Dirty days: {', '.join(dirty)}." if dirty else said
