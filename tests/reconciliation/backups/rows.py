"""A row of every model there is, each column with a value that is easily spoilt on the way."""

from base64 import b64encode
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import models
from picklefield.fields import PickledObjectField, dbsafe_encode

from reconciliation.backups import tables
from reconciliation.guarding import door
from reconciliation.models import AuditDoor
from signals.models import DeliveryBody, LetGo

KEY = 900_001
TEXT = 'ü\t\\N \\"quoted"\n\u2028\'; {}é'
JSON = {"z": [1, 1.0, 0.1, 1e22, -0.0, 1e-7, None, True], "a": {"ü": TEXT}, "2": "1e+22"}
EARLIER = "2026-01-01T03:04:05+00:00"
VALUES: dict[str, Any] = {
    "BinaryField": b64encode(bytes(range(256))).decode(),
    "BooleanField": True,
    "DateField": "2026-02-28",
    "DateTimeField": "2026-01-02T03:04:05.000006+00:00",
    "FloatField": 0.1 + 0.2,
    "GenericIPAddressField": "2001:db8::1",
    "JSONField": [JSON],
    "TextField": TEXT,
    "TimeField": "23:59:59.999999",
    "UUIDField": "01a20460-0000-7000-8000-00000000abcd",
    "BigIntegerField": 2**53 + 1,
    "PositiveBigIntegerField": 2**62,
    "IntegerField": -(2**31),
    "PositiveIntegerField": 2**31 - 1,
    "SmallIntegerField": -(2**15),
    "PositiveSmallIntegerField": 2**15 - 1,
}


def value_of(field: Any) -> Any:
    """A value as it stands in a line."""
    if isinstance(field, PickledObjectField):
        return str(dbsafe_encode({"pickled": TEXT}))
    if isinstance(field, models.AutoField):
        return KEY
    if field.choices:
        return next(value for value, _ in field.flatchoices if value not in ("", None))
    kind = field.get_internal_type()
    if kind in ("CharField", "SlugField"):
        return f"{field.name}{TEXT}"[: field.max_length]
    if kind == "DecimalField":
        return (
            f"{Decimal('0.123456').quantize(Decimal(1).scaleb(-min(field.decimal_places, 6))):.{field.decimal_places}f}"
        )
    return EARLIER if field.name == "start" else VALUES[kind]


def target_of(field: Any) -> Any:
    while field.related_model:
        field = field.target_field
    return field


def fill() -> None:
    """Every table gets a row that refers to the others' rows; the door alone can have none."""
    for model in tables.models():
        if model is not AuditDoor:
            values = [value_of(target_of(field)) for field in model._meta.concrete_fields]
            with by_retention() if model is LetGo else nullcontext():
                tables.store(model, [tables.as_line(values)])
        if (last := tables.last_key(model)) is not None:  # which tests before have moved on: no sequence goes back
            tables.set_last_key(model, max(KEY + 5, last))


def by_retention() -> AbstractContextManager[None]:
    """Through which alone a month is called let go."""
    return door.opened(DeliveryBody, [], why="too old", now=datetime.fromisoformat(EARLIER))


def stored() -> dict[str, list[dict[str, Any]]]:
    """All rows of all models, as the models read them."""
    return {
        model._meta.label: [
            {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()}
            for row in model._base_manager.order_by("pk").values()
        ]
        for model in tables.models()
    }
