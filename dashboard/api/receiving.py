"""What arrived: deliveries, the events read from them, and the quarantine with what can be done about it."""

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard.console.actions import LoggedChange, log
from dashboard.console.roles import REPLAY
from signals.facts import UnreadableError
from signals.models import Delivery, Quarantine, SignalEvent
from signals.receiving.quarantine import NotOpenError, dismiss, preview, replay, suggestion

from .answers import GONE, MISSING, MendPreview, Replayed
from .bodies import Reason, StrictBody, said
from .idempotency import idempotent
from .lists import StrictList
from .narrowing import DeliveryFilter, EventFilter, QuarantineFilter
from .permissions import ProtectedView, person_of
from .problems import Conflict
from .records import (
    DetailedDelivery,
    DetailedQuarantine,
    ListedDelivery,
    ListedEvent,
    ListedQuarantine,
)


@extend_schema_view(get=extend_schema(operation_id="deliveries", summary="What arrived, newest first"))
class Deliveries(StrictList[Delivery]):
    queryset = Delivery.objects.select_related("source", "format")
    serializer_class = ListedDelivery
    filterset_class = DeliveryFilter


@extend_schema_view(get=extend_schema(operation_id="delivery", summary="One delivery, with its bytes as text"))
class DeliveryDetail(ProtectedView, RetrieveAPIView[Delivery]):
    queryset = Delivery.objects.select_related("source", "format", "quarantine", "body")
    serializer_class = DetailedDelivery


@extend_schema_view(get=extend_schema(operation_id="events", summary="Facts read from deliveries, newest first"))
class Events(StrictList[SignalEvent]):
    queryset = SignalEvent.objects.select_related("signal__source", "delivery")
    serializer_class = ListedEvent
    filterset_class = EventFilter


@extend_schema_view(get=extend_schema(operation_id="quarantine", summary="What could not be read, newest first"))
class QuarantineList(StrictList[Quarantine]):
    queryset = Quarantine.objects.select_related("delivery__source")
    serializer_class = ListedQuarantine
    filterset_class = QuarantineFilter


@extend_schema_view(
    get=extend_schema(operation_id="quarantined", summary="One body that could not be read, and where to start mending")
)
class QuarantineDetail(ProtectedView, RetrieveAPIView[Quarantine]):
    queryset = Quarantine.objects.select_related("delivery__source")
    serializer_class = DetailedQuarantine


class MendedText(StrictBody):
    text = serializers.CharField(
        required=False, trim_whitespace=False, max_length=64 * 1024, help_text="The mended copy; none: the suggestion."
    )


class OnQuarantined(ProtectedView):
    """An action on one body in quarantine. The original stays as it was received."""

    acting = REPLAY

    def row(self, pk: int) -> Quarantine:
        return get_object_or_404(Quarantine.objects.select_related("delivery__source"), pk=pk)


class PreviewMend(OnQuarantined):
    @extend_schema(
        operation_id="preview_mend",
        summary="What replaying a mended copy would do; stores nothing",
        request=MendedText,
        responses={200: MendPreview, **MISSING},
    )
    def post(self, request: Request, pk: int) -> Response:
        row = self.row(pk)
        found = preview(row, said(MendedText, request).get("text", suggestion(row)))
        reading = found.reading
        events = [
            {"type": event.type, "trade_id": event.trade_id, "stored": event.trade_id in found.known,
             "values": dict(event.values)}
            for event in (reading.events if reading else ())
        ]  # fmt: skip
        return Response(
            {
                "problem": found.problem,
                "dialect": reading.dialect if reading else "",
                "events": events,
                "faults": list(reading.faults) if reading else [],
            }
        )


class ReplayMended(OnQuarantined):
    @idempotent
    @extend_schema(
        operation_id="replay_quarantined",
        summary="Take in a mended copy, or the suggestion",
        request=MendedText,
        responses={200: Replayed, **MISSING, **GONE},
    )
    def post(self, request: Request, pk: int) -> Response:
        row, person = self.row(pk), person_of(request)
        text = said(MendedText, request).get("text", suggestion(row))
        try:
            outcome = replay(row, text, by=person, now=timezone.now())
        except UnreadableError as error:
            raise ValidationError({"text": [error.reason]}) from error
        except NotOpenError as error:
            raise Conflict(str(error)) from error
        log(person, [LoggedChange(row, f"Replayed a mended copy as delivery {outcome.delivery_id}.")])
        return Response({"delivery": str(outcome.delivery_id), "events": outcome.events})


class DismissQuarantined(OnQuarantined):
    @idempotent
    @extend_schema(
        operation_id="dismiss_quarantined",
        summary="Put it aside for good, with the reason",
        request=Reason,
        responses={200: ListedQuarantine, **MISSING, **GONE},
    )
    def post(self, request: Request, pk: int) -> Response:
        row, person, reason = self.row(pk), person_of(request), said(Reason, request)["reason"]
        try:
            dismiss(row, reason, by=person, now=timezone.now())
        except NotOpenError as error:
            raise Conflict(str(error)) from error
        log(person, [LoggedChange(row, f"Dismissed: {reason}")])
        return Response(ListedQuarantine(self.row(pk)).data)
