"""What people say about signals: notes and tags, written and removed as in the console and in the person's name."""

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard.console.roles import ANNOTATE
from reconciliation.annotating import MOST_TAGS, names_of, remove_note, tag, untag, write_note
from signals.models import SignalNote, SignalTag
from signals.models.notes import LONGEST_NOTE, LONGEST_TAG

from .answers import MISSING, TagsOfSignal
from .bodies import StrictBody, said
from .idempotency import idempotent
from .lists import StrictList
from .narrowing import NoteFilter, TagFilter
from .permissions import ProtectedView, person_of
from .records import ListedNote, ListedTag
from .signals import NOT_ONE, ONE_SIGNAL, asked_signal


@extend_schema_view(get=extend_schema(operation_id="notes", summary="Notes on signals, newest first"))
class Notes(StrictList[SignalNote]):
    queryset = SignalNote.objects.select_related("signal__source")
    serializer_class = ListedNote
    filterset_class = NoteFilter


@extend_schema_view(get=extend_schema(operation_id="tags", summary="Tags of signals, the latest given first"))
class Tags(StrictList[SignalTag]):
    queryset = SignalTag.objects.select_related("signal__source")
    serializer_class = ListedTag
    filterset_class = TagFilter


class NoteText(StrictBody):
    text = serializers.CharField(max_length=LONGEST_NOTE, help_text="It cannot be changed, only removed.")


class ChangedTags(StrictBody):
    add = serializers.ListField(child=serializers.CharField(max_length=LONGEST_TAG), max_length=MOST_TAGS, default=list)
    remove = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_TAG), max_length=MOST_TAGS, default=list
    )


class WriteNote(ProtectedView):
    acting = ANNOTATE

    @idempotent
    @extend_schema(
        operation_id="write_note",
        summary="Write a note on a signal",
        parameters=ONE_SIGNAL,
        request=NoteText,
        responses={200: ListedNote, **NOT_ONE},
    )
    def post(self, request: Request, trade_id: str) -> Response:
        text, signal = said(NoteText, request)["text"], asked_signal(request, trade_id)
        try:
            note = write_note(signal, text, actor=person_of(request).get_username(), now=timezone.now())
        except ValueError as error:
            raise ValidationError({"text": [str(error)]}) from error
        return Response(ListedNote(note).data)


class RemoveNote(ProtectedView):
    acting = ANNOTATE

    @idempotent
    @extend_schema(
        operation_id="remove_note",
        summary="Remove a note; the audit log keeps its text",
        request=StrictBody,
        responses={200: ListedNote, **MISSING},
    )
    def post(self, request: Request, pk: int) -> Response:
        said(StrictBody, request)
        note = get_object_or_404(SignalNote.objects.select_related("signal__source"), pk=pk)
        told = ListedNote(note).data
        remove_note(note, actor=person_of(request).get_username(), now=timezone.now())
        return Response(told)


class TagSignal(ProtectedView):
    acting = ANNOTATE

    @idempotent
    @extend_schema(
        operation_id="tag_signal",
        summary="Give tags to a signal, and take others from it",
        parameters=ONE_SIGNAL,
        request=ChangedTags,
        responses={200: TagsOfSignal, **NOT_ONE},
    )
    def post(self, request: Request, trade_id: str) -> Response:
        """What it has already is not given again, and what it has not is not missed. All of it is done, or nothing."""
        given, signal = said(ChangedTags, request), asked_signal(request, trade_id)
        who, now = person_of(request).get_username(), timezone.now()
        try:
            with transaction.atomic():
                for name in names_of(",".join(given["remove"])) if given["remove"] else ():
                    untag(signal, name, actor=who, now=now)
                if given["add"] or not given["remove"]:
                    tag(signal, names_of(",".join(given["add"])), actor=who, now=now)
        except ValueError as error:
            raise ValidationError({"add": [str(error)]}) from error
        names = SignalTag.objects.filter(signal=signal).order_by("name").values_list("name", flat=True)
        return Response({"trade_id": signal.trade_id, "tags": list(names)})
