"""What tiers filled and what is still missing: fills and the lives of gaps, and what people decide about them."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard import jobs
from dashboard.telling.history import open_gaps
from reconciliation.decisions import approve, dismiss_gap, reopen_gap, take_back, undo_fill
from reconciliation.gaps import CATALOGUE
from reconciliation.models import GapRecord, SyncRun
from signals.models import AutomatedSignal, Fill

from .answers import GONE, MISSING, GapState, UndoneRun
from .bodies import Note, Reason, StrictBody, said
from .idempotency import idempotent
from .lists import StrictList
from .narrowing import FillFilter, GapRecordFilter
from .permissions import ProtectedView, person_of
from .problems import Conflict
from .records import ListedFill, ListedGap
from .signals import NOT_ONE, ONE_SIGNAL, asked_signal

F = TypeVar("F", bound=Callable[..., Any])
FILLS = Fill.objects.select_related("signal__source")


@extend_schema_view(get=extend_schema(operation_id="fills", summary="Values that tiers put in, newest first"))
class Fills(StrictList[Fill]):
    queryset = FILLS
    serializer_class = ListedFill
    filterset_class = FillFilter


@extend_schema_view(get=extend_schema(operation_id="fill", summary="One value that a tier put in"))
class FillDetail(ProtectedView, RetrieveAPIView[Fill]):
    queryset = FILLS
    serializer_class = ListedFill


class OnFill(ProtectedView):
    """A decision about one fill, by the functions that the console calls; answers the fill as it is then."""

    def fill(self, pk: int) -> Fill:
        return get_object_or_404(FILLS.all(), pk=pk)

    def decided(self, pk: int, done: Any, states: str) -> Response:
        """Raises Conflict when nothing was done: somebody was faster, or it never was so."""
        fill = self.fill(pk)
        if not done:
            raise Conflict(f"Only a fill that {states} can be; this one is: {fill.get_state_display().lower()}.")
        return Response(ListedFill(fill).data)


def deciding(operation: str, summary: str, body: type[StrictBody]) -> Callable[[F], F]:
    described: Callable[[F], F] = extend_schema(
        operation_id=operation, summary=summary, request=body, responses={200: ListedFill, **MISSING, **GONE}
    )
    return described


class UndoFill(OnFill):
    @idempotent
    @deciding("undo_fill", "Undo a fill, or refuse a proposed one; it does not come back on the same evidence", Reason)
    def post(self, request: Request, pk: int) -> Response:
        reason = said(Reason, request)["reason"]
        done = undo_fill(self.fill(pk), actor=person_of(request).get_username(), reason=reason)
        return self.decided(pk, done, "stands or waits for approval")


class ApproveFill(OnFill):
    @idempotent
    @deciding("approve_fill", "Let a fill that waits for approval stand", Note)
    def post(self, request: Request, pk: int) -> Response:
        reason = said(Note, request)["reason"]
        try:
            approve(self.fill(pk), actor=person_of(request).get_username(), reason=reason)
        except ValueError:
            return self.decided(pk, False, "waits for approval")
        return self.decided(pk, True, "")


class AllowFill(OnFill):
    @idempotent
    @deciding("allow_fill", "Take the undo of a fill back: the next cycle may bring it again", Reason)
    def post(self, request: Request, pk: int) -> Response:
        reason, fills = said(Reason, request)["reason"], Fill.objects.filter(pk=self.fill(pk).pk)
        done = take_back(fills, actor=person_of(request).get_username(), reason=reason)
        return self.decided(pk, done, "was undone")


class UndoRun(ProtectedView):
    @idempotent
    @extend_schema(
        operation_id="undo_run",
        summary="Undo what a run has filled: at once if it is little, else as a job (202)",
        request=Reason,
        responses={200: UndoneRun, 202: UndoneRun, **MISSING, **GONE},
    )
    def post(self, request: Request, pk: int) -> Response:
        run, reason = get_object_or_404(SyncRun, pk=pk), said(Reason, request)["reason"]
        asked = {"run": run.pk, "reason": reason}
        number, job = jobs.undo_asked(person_of(request), asked, f"Undoing run {run.pk}", timezone.now())
        if not number:
            raise Conflict("Nothing that it filled stands any more.")
        return Response({"values": number, "job": job.pk if job else None}, status=202 if job else 200)


@extend_schema_view(get=extend_schema(operation_id="gap_records", summary="Lives of actionable gaps, newest first"))
class GapRecords(StrictList[GapRecord]):
    queryset = GapRecord.objects.select_related("signal__source")
    serializer_class = ListedGap
    filterset_class = GapRecordFilter


class OnGap(ProtectedView):
    """A decision about one gap of one signal."""

    def signal(self, request: Request, trade_id: str, gap: str) -> AutomatedSignal:
        if gap not in CATALOGUE:
            raise Http404(f"There is no gap {gap}: there are {', '.join(CATALOGUE)}.")
        return asked_signal(request, trade_id)


def about_gap(operation: str, summary: str, body: type[StrictBody]) -> Callable[[F], F]:
    described: Callable[[F], F] = extend_schema(
        operation_id=operation, summary=summary, parameters=ONE_SIGNAL, request=body,
        responses={200: GapState, **NOT_ONE},
    )  # fmt: skip
    return described


class DismissGap(OnGap):
    @idempotent
    @about_gap("dismiss_gap", "Let a gap of a signal no longer count", Reason)
    def post(self, request: Request, trade_id: str, gap: str) -> Response:
        signal, reason = self.signal(request, trade_id, gap), said(Reason, request)["reason"]
        if gap not in open_gaps([signal], timezone.now())[signal.pk]:
            raise Conflict("This gap is not open (any more).")
        dismiss_gap(signal, gap, actor=person_of(request).get_username(), reason=reason)
        return Response({"trade_id": signal.trade_id, "gap": gap, "state": "dismissed"})


class ReopenGap(OnGap):
    @idempotent
    @about_gap("reopen_gap", "Take the dismissal of a gap back", Note)
    def post(self, request: Request, trade_id: str, gap: str) -> Response:
        signal, reason = self.signal(request, trade_id, gap), said(Note, request)["reason"]
        if not GapRecord.objects.filter(signal=signal, gap=gap, state=GapRecord.State.DISMISSED).exists():
            raise Conflict("This gap is not dismissed (any more).")
        reopen_gap(signal, gap, actor=person_of(request).get_username(), reason=reason)
        return Response({"trade_id": signal.trade_id, "gap": gap, "state": "reopened"})
