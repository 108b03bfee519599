"""A signal in a list and on its own: the export's fields, and what people ask about them."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rest_framework import serializers

from dashboard.telling.history import open_gaps
from dashboard.telling.wait_times import wait_of
from signals.exporting import SignalRecord
from signals.models import AutomatedSignal, SignalTag
from signals.signal.deriving import Venue
from signals.vocabulary import Status

COMPUTED = (
    "is_confirmed",
    "is_cancelled",
    "bars_to_event",
    "minutes_to_event",
    "age_before_event",
    "gaps",
    "gaps_waiting",
)
LISTED = (
    "trade_id", "source", "symbol", "life", "signal_time", "signal_date", "signal_time_str", "direction", "session",
    "htf_alignment", "status", "confirmation_time", "cancellation_time", "entry_price", "stop_loss", "be_mfe",
    "no_be_mfe", "mae", "health_score", "confidence_score", "data_source", "origin",
    "approval", "created_at", "tags",
)  # fmt: skip


class ListedSignal(SignalRecord):
    """What All Signals shows of a signal. Prices in points, MFE and MAE in R, moments UTC."""

    is_confirmed = serializers.BooleanField(read_only=True, help_text="Status is CONFIRMED or COMPLETED.")
    is_cancelled = serializers.BooleanField(read_only=True)
    bars_to_event = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Open-market bars to the confirmation or cancellation."
    )
    minutes_to_event = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Minutes of wall clock to the confirmation or cancellation."
    )
    age_before_event = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Seconds to the confirmation or cancellation, else to now."
    )

    tags: Any = serializers.ListField(source="tag_names", child=serializers.CharField(), read_only=True)
    gaps = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="Its open gaps.")
    gaps_waiting = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Those of them that are not actionable yet."
    )

    class Meta(SignalRecord.Meta):
        fields = [*LISTED, *COMPUTED]
        read_only_fields = fields


class DetailedSignal(ListedSignal):
    """All fields of a signal with their provenance, and `synthetic`: those that the indicator did not send."""

    class Meta(SignalRecord.Meta):
        fields = [*SignalRecord.Meta.fields, *COMPUTED]
        read_only_fields = fields


def described(signals: list[AutomatedSignal], now: datetime) -> list[AutomatedSignal]:
    """Put the computed values where the declared fields find them: on the instances, in memory."""
    gaps = open_gaps(signals, now)
    tags = tags_of(signals)
    for signal in signals:
        shown: Any = signal
        shown.is_confirmed = signal.status in (Status.CONFIRMED, Status.COMPLETED)
        shown.is_cancelled = signal.status == Status.CANCELLED
        wait = wait_of(signal, Venue.of(signal.source).frame, now)
        shown.bars_to_event, shown.minutes_to_event, shown.age_before_event = wait.bars, wait.minutes, wait.age
        shown.tag_names = sorted(tags[signal.pk])
        shown.gaps = list(gaps[signal.pk])
        shown.gaps_waiting = [name for name, actionable in gaps[signal.pk].items() if not actionable]
    return signals


def tags_of(signals: Iterable[AutomatedSignal]) -> dict[int, list[str]]:
    """By the signals' keys. What Django fetches ahead refers to its row, and the row to it, so that all of
    it would be the collector's (see `lists.StrictList.let_go`)."""
    found: dict[int, list[str]] = defaultdict(list)
    for key, name in SignalTag.objects.filter(signal__in=signals).values_list("signal", "name"):
        found[key].append(name)
    return found
