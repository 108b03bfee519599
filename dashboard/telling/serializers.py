"""What happened, as it is told outside: events, fills, audit entries and runs, one serialisation each."""

from typing import Any

from rest_framework import serializers

from reconciliation.models import SyncAuditLog, SyncRun
from signals.exporting import MomentField, Record
from signals.models import Fill, SignalEvent


class EventRecord(Record[SignalEvent]):
    """`at` is the fire minute; `delivery` and `position` say where its bytes are."""

    at = MomentField(source="fire_minute", read_only=True)
    received_at = MomentField(source="delivery.received_at", read_only=True)
    channel = serializers.CharField(source="delivery.channel", read_only=True)
    delivery = serializers.UUIDField(source="delivery_id", read_only=True)

    class Meta:
        model = SignalEvent
        fields: tuple[str, ...] = (
            "at", "type", "symbol", "facts", "delivery", "position", "sequence_number", "payload_checksum",
            "received_at", "channel",
        )  # fmt: skip
        read_only_fields = fields


class FillRecord(Record[Fill]):
    at = MomentField(source="created_at", read_only=True)

    class Meta:
        model = Fill
        fields: tuple[str, ...] = (
            "id", "at", "field", "gap", "value", "tier", "method", "data_source", "confidence", "evidence", "as_of",
            "state", "run_id", "ended_at",
        )  # fmt: skip
        read_only_fields = fields


class AuditRecord(Record[SyncAuditLog]):
    """`old` and `new` are values as stored in JSON: prices and R as decimal strings.

    What concerns a source and no signal, a measured confidence, has no trade id.
    """

    trade_id = serializers.CharField(source="signal.trade_id", read_only=True, allow_null=True, default=None)
    symbol = serializers.CharField(source="signal.symbol", read_only=True, allow_null=True, default=None)
    life = serializers.IntegerField(source="signal.life", read_only=True, allow_null=True, default=None)
    source: Any = serializers.SerializerMethodField()  # DRF itself has a `source`

    class Meta:
        model = SyncAuditLog
        fields = (
            "id", "at", "trade_id", "symbol", "life", "source", "action", "gap", "field", "tier", "method", "old",
            "new", "confidence", "evidence", "note", "actor", "run_id", "operation",
        )  # fmt: skip
        read_only_fields = fields

    def get_source(self, entry: SyncAuditLog) -> str | None:
        return entry.signal.source.name if entry.signal else entry.evidence.get("source")


class RunRecord(Record[SyncRun]):
    """Counts are by gap or by tier; `seconds` by phase; health in percent, null when unknown."""

    class Meta:
        model = SyncRun
        fields = "__all__"
        read_only_fields = [field.name for field in SyncRun._meta.concrete_fields]
