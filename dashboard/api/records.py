"""Rows as the API's lists tell them. What a signal's history tells as well is in telling/serializers.py."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from dashboard import jobs
from dashboard.models import Job
from dashboard.telling.history import own_symbol
from dashboard.telling.serializers import EventRecord, FillRecord
from reconciliation.models import GapRecord, SyncRequest
from signals.exporting import MomentField, Record
from signals.models import Delivery, LetGo, PriceBar, Quarantine, SignalEvent, SignalNote, SignalTag, Source
from signals.receiving.masking import hide_secrets
from signals.receiving.quarantine import suggestion

OF_SIGNAL = ("trade_id", "source", "symbol", "life")


def shown_text(raw: bytes) -> str:
    """What was received as text, with what opens somebody else's door hidden."""
    return hide_secrets(raw.decode(errors="replace"))


class OfSignal(serializers.Serializer[Any]):
    """Which signal a row is of: what the addresses of signals take."""

    trade_id = serializers.CharField(source="signal.trade_id", read_only=True)
    source: Any = serializers.CharField(source="signal.source.name", read_only=True)  # DRF itself has a `source`
    symbol = serializers.SerializerMethodField(help_text="As its alerts state it, else its source's.")
    life = serializers.IntegerField(source="signal.life", read_only=True)

    def get_symbol(self, row: Any) -> str:
        return own_symbol(row.signal)


class ListedFill(OfSignal, FillRecord):
    class Meta(FillRecord.Meta):
        fields = ("id", *OF_SIGNAL, *FillRecord.Meta.fields[1:])
        read_only_fields = fields


class ListedEvent(OfSignal, EventRecord):
    """`at` is the fire minute. `symbol` is the signal's; `stated_symbol` what the alert itself said."""

    stated_symbol = serializers.CharField(source="symbol", read_only=True)

    class Meta(EventRecord.Meta):
        model = SignalEvent
        fields = ("id", *OF_SIGNAL, "stated_symbol", *(name for name in EventRecord.Meta.fields if name != "symbol"))
        read_only_fields = fields


class ListedGap(OfSignal, Record[GapRecord]):
    """The life of an actionable gap that outlived the cycle that found it."""

    class Meta:
        model = GapRecord
        fields = ("id", *OF_SIGNAL, "gap", "state", "opened_at", "closed_at", "tier", "reason", "actor", "run_id")
        read_only_fields = fields


class ListedNote(OfSignal, Record[SignalNote]):
    class Meta:
        model = SignalNote
        fields = ("id", *OF_SIGNAL, "written_at", "author", "text")
        read_only_fields = fields


class ListedTag(OfSignal, Record[SignalTag]):
    class Meta:
        model = SignalTag
        fields = ("id", *OF_SIGNAL, "name", "added_at", "author")
        read_only_fields = fields


class ListedDelivery(Record[Delivery]):
    """`fired_at` is the alert log's time, where one told it. `reason` says why it could not be read."""

    source: Any = serializers.CharField(source="source.name", read_only=True)  # DRF itself has a `source`
    format = serializers.SerializerMethodField(help_text="Name and version of the format that read it, if one did.")
    duplicate_of = serializers.UUIDField(source="duplicate_of_id", read_only=True, allow_null=True)
    replay_of = serializers.UUIDField(source="replay_of_id", read_only=True, allow_null=True)

    class Meta:
        model = Delivery
        fields: tuple[str, ...] = (
            "id", "source", "channel", "status", "reason", "received_at", "fire_minute", "fired_at", "dialect",
            "format", "event_count", "size", "content_type", "checksum", "remote_addr", "alert_id", "log_status",
            "symbol", "ticker", "repair", "faults", "duplicate_of", "replay_of",
        )  # fmt: skip
        read_only_fields = fields

    def get_format(self, delivery: Delivery) -> str:
        return str(delivery.format) if delivery.format else ""


class ToldLetGo(Record[LetGo]):
    """That a body is there no more: since when, and for how many days it was kept."""

    class Meta:
        model = LetGo
        fields = ("at", "kept_days")
        read_only_fields = fields


class DetailedDelivery(ListedDelivery):
    """With its bytes as text, in which secrets are hidden, and what was read from them."""

    body = serializers.SerializerMethodField(help_text="Empty of a duplicate, and where it was let go.")
    let_go = ToldLetGo(read_only=True, allow_null=True)
    read_as = serializers.SerializerMethodField(help_text="The mended text that was read instead, if one was.")
    events = serializers.SerializerMethodField()
    quarantine = serializers.SerializerMethodField(help_text="Its number in quarantine, if it is or was there.")

    class Meta(ListedDelivery.Meta):
        fields = (*ListedDelivery.Meta.fields, "body", "let_go", "read_as", "events", "quarantine")
        read_only_fields = fields

    def get_body(self, delivery: Delivery) -> str:
        return shown_text(delivery.raw)

    def get_read_as(self, delivery: Delivery) -> str:
        return hide_secrets(delivery.repaired_text)

    @extend_schema_field(ListedEvent(many=True))
    def get_events(self, delivery: Delivery) -> Any:
        events = delivery.events.select_related("signal__source").order_by("position")
        for event in events:
            event.delivery = delivery
        return ListedEvent(events, many=True).data

    def get_quarantine(self, delivery: Delivery) -> int | None:
        return delivery.quarantine.pk if hasattr(delivery, "quarantine") else None


class ListedQuarantine(Record[Quarantine]):
    """What could not be read, and what was decided about it. `foreign`: another alert's message, not a damaged one."""

    delivery = serializers.UUIDField(source="delivery_id", read_only=True)
    source: Any = serializers.CharField(source="delivery.source.name", read_only=True)
    received_at = MomentField(source="delivery.received_at", read_only=True)
    reason = serializers.CharField(source="delivery.reason", read_only=True)
    replay = serializers.UUIDField(source="replay_id", read_only=True, allow_null=True)

    class Meta:
        model = Quarantine
        fields: tuple[str, ...] = (
            "id", "delivery", "source", "received_at", "reason", "state", "shape", "shape_label", "foreign", "note",
            "decider", "decided_at", "replay",
        )  # fmt: skip
        read_only_fields = fields


class DetailedQuarantine(ListedQuarantine):
    body = serializers.SerializerMethodField(help_text="As it was received, with secrets hidden; empty where let go.")
    let_go = ToldLetGo(source="delivery.let_go", read_only=True, allow_null=True)
    suggestion = serializers.SerializerMethodField(help_text="The text to start mending from.")

    class Meta(ListedQuarantine.Meta):
        fields = (*ListedQuarantine.Meta.fields, "body", "let_go", "suggestion")
        read_only_fields = fields

    def get_body(self, row: Quarantine) -> str:
        return shown_text(row.delivery.raw)

    def get_suggestion(self, row: Quarantine) -> str:
        return hide_secrets(suggestion(row))


class ListedRequest(Record[SyncRequest]):
    """What the indicator is asked again (tier 1)."""

    source: Any = serializers.CharField(source="source.name", read_only=True)
    gaps = serializers.ListField(child=serializers.CharField(), source="reason", read_only=True)
    trade_ids = serializers.SerializerMethodField()

    class Meta:
        model = SyncRequest
        fields = (
            "id", "source", "state", "gaps", "trade_ids", "attempts", "error", "delivered_to", "created_at",
            "expires_at", "delivered_at", "answered_at", "ended_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_trade_ids(self, request: SyncRequest) -> list[str]:
        return sorted({asked.signal.trade_id for asked in request.asked.all()})


class ListedSource(Record[Source]):
    """A source without its secrets: of its tokens only how many can be used."""

    valid_tokens = serializers.IntegerField(read_only=True)

    class Meta:
        model = Source
        fields = (
            "name", "symbol", "symbol_by", "ticker", "tick_size", "bar_minutes", "bar_minutes_by", "calendar",
            "calendar_by", "market_zone", "clock_zone", "zones", "zones_seen", "sessions", "update_minutes", "feed",
            "feed_symbol", "alert_expires_at", "open_on_loopback", "is_default", "gaps_off", "tiers_off",
            "signal_count", "last_heartbeat_at", "created_at", "valid_tokens",
        )  # fmt: skip
        read_only_fields = fields


class ListedJob(Record[Job]):
    """Long work that somebody started. `stuck`: it runs without getting on, and can be resumed."""

    percent = serializers.IntegerField(read_only=True)
    stuck = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = (
            "id", "kind", "title", "state", "total", "done", "percent", "stuck", "result", "says", "started_by",
            "created_at", "updated_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_stuck(self, job: Job) -> bool:
        return jobs.stuck(job, timezone.now())


class ListedBar(Record[PriceBar]):
    """A one-minute bar; `time` is its open. Of a bar of which only the close is known, the rest is null."""

    known = serializers.CharField(source="get_kind_display", read_only=True)
    origin = serializers.CharField(source="get_origin_display", read_only=True)

    class Meta:
        model = PriceBar
        fields = ("symbol", "time", "open", "high", "low", "close", "known", "origin", "evidence")
        read_only_fields = fields
