"""Documents read as their text and parsed here: Django's own way, through half a dozen calls, takes twice as long."""

import json
from typing import Any

import orjson
from django.db.models import TextField
from django.db.models.functions import Cast

LONGEST_FLOAT = 309
"""Digits of the greatest number that a float can be. orjson makes floats of integers beyond 64 bits."""


def as_text(column: str) -> Cast:
    """A column of documents as text, on either database."""
    return Cast(column, TextField())


def parsed(text: str | None) -> Any:
    """The document, for whom an integer beyond 64 bits may be the float of its size."""
    if text is None:
        return None
    if len(text) < LONGEST_FLOAT:  # no number in it is too great for one
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:  # SQLite keeps NaN
            pass
    return json.loads(text)
