"""A signal in a list and on its own: the export's fields, and what people ask about them."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from dashboard.timing import wait_of
from signals.exporting import MODEL_FIELDS, SignalRecord
from signals.market import market
from signals.models import AutomatedSignal
from signals.vocabulary import Status

COMPUTED = ("is_confirmed", "is_cancelled", "bars_to_event", "minutes_to_event", "age_before_event")
LISTED = (
    "trade_id", "source", "signal_time", "signal_date", "signal_time_str", "direction", "session", "htf_alignment",
    "status", "confirmation_time", "cancellation_time", "entry_price", "stop_loss", "be_mfe", "no_be_mfe", "mae",
    "health_score", "confidence_score", "data_source", "created_at",
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

    class Meta(SignalRecord.Meta):
        fields = [*LISTED, *COMPUTED]
        read_only_fields = fields

    def to_representation(self, instance: AutomatedSignal) -> dict[str, Any]:
        describe(instance)
        return super().to_representation(instance)


class DetailedSignal(ListedSignal):
    """All fields of a signal with their provenance, and `synthetic`: those that the indicator did not send."""

    class Meta(SignalRecord.Meta):
        fields = [*MODEL_FIELDS, "synthetic", *COMPUTED]
        read_only_fields = fields


def describe(signal: Any) -> None:
    """Put the computed values where the declared fields find them: on the instance, in memory."""
    wait = wait_of(signal, market(signal.source.calendar), timezone.now())
    signal.is_confirmed = signal.status in (Status.CONFIRMED, Status.COMPLETED)
    signal.is_cancelled = signal.status == Status.CANCELLED
    signal.bars_to_event, signal.minutes_to_event, signal.age_before_event = wait.bars, wait.minutes, wait.age
