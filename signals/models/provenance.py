"""How provenance is stored: fields of the same origin share one entry.

An ENTRY speaks for a dozen fields and a signal of its 3 kB of provenance repeats itself ten times; written once per
origin it is a quarter of that, which every write and every read of a signal saves (docs/performance.md).
"""

from collections.abc import Mapping
from typing import Any

import orjson
from django.db import models

FIELDS = "fields"


def packed(provenance: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`{field: entry}` as a list of entries, each with the `fields` that it is the origin of."""
    groups: list[tuple[Mapping[str, Any], list[str]]] = []
    found: dict[int, list[str]] = {}  # most fields of one event share the very same entry
    for field, entry in provenance.items():
        fields = found.get(id(entry))
        if fields is None:
            fields = next((fields for other, fields in groups if other == entry), None)
            if fields is None:
                groups.append((entry, fields := []))
            found[id(entry)] = fields
        fields.append(field)
    return [{**entry, FIELDS: fields} for entry, fields in groups]


def unpacked(groups: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The opposite of `packed`. Fields of one origin share their entry: it may be replaced, never changed."""
    provenance = {}
    for entry in groups:
        for field in entry.pop(FIELDS):
            provenance[field] = entry
    return provenance


class ProvenanceField(models.JSONField):
    """`{field: {source, tier, confidence, evidence, at}}`, stored as `packed` says.

    Not for lookups in the database: what is searched for has columns of its own.
    """

    changes_in_place = True  # as no other document of ours: see storage/bulk.py

    def get_prep_value(self, value: Any) -> Any:
        return packed(value) if isinstance(value, Mapping) else super().get_prep_value(value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        # What we wrote ourselves: no number in it is so long that orjson would round it.
        stored = orjson.loads(value) if isinstance(value, str) else value
        return unpacked(stored) if isinstance(stored, list) else stored  # a mapping: from before it was packed
