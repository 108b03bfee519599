"""Notes on a signal, and its tags: written and removed by operators, seen by everybody."""

from datetime import datetime
from typing import Any

from django import forms
from django.shortcuts import get_object_or_404

from dashboard.console.actions import ActionError, Done, Preview
from dashboard.console.roles import ANNOTATE
from dashboard.telling.formats import wall
from reconciliation.annotating import MOST_TAGS, names_of, remove_note, tag, untag, write_note
from signals.models import AutomatedSignal, SignalNote, SignalTag
from signals.models.notes import LONGEST_NOTE

from .signal_actions import OnSignal


class NoteForm(forms.Form):
    text = forms.CharField(
        max_length=LONGEST_NOTE,
        label="Note",
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": LONGEST_NOTE}),
        help_text="Everybody who may see signals reads it. It cannot be changed, only removed.",
    )


class WriteNote(OnSignal):
    name = "write-note"
    route = "console/signals/<int:pk>/note/"
    title = "Write a note"
    permission = ANNOTATE
    verb = "Keep the note"
    inputs = NoteForm

    def preview(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(says=["The note is kept with the signal, with your name and the time."])

    def perform(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Done:
        try:
            write_note(subject, given["text"], actor=self.who, now=now)
        except ValueError as error:
            raise ActionError(str(error)) from error
        return Done("The note is kept.", link=f"{self.back_link()}#notes")


class RemoveNote(OnSignal):
    name = "remove-note"
    route = "console/signals/<int:pk>/note/<int:note>/remove/"
    title = "Remove a note"
    permission = ANNOTATE
    verb = "Remove the note"
    danger = True

    def note(self) -> SignalNote:
        return get_object_or_404(SignalNote.objects.select_related("signal"), pk=self.kwargs["note"],
                                 signal=self.kwargs["pk"])  # fmt: skip

    def preview(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Preview:
        note = self.note()
        says = f"The note of {note.author} of {wall(note.written_at)} is removed. The audit log keeps it:"
        return Preview(says=[says, note.text])

    def perform(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Done:
        remove_note(self.note(), actor=self.who, now=now)
        return Done("The note is removed.", link=f"{self.back_link()}#notes")


class TagForm(forms.Form):
    tags = forms.CharField(
        max_length=400, help_text=f"Several with commas between, {MOST_TAGS} at most: news, late entry, A+"
    )


class AddTags(OnSignal):
    name = "add-tags"
    route = "console/signals/<int:pk>/tags/"
    title = "Add tags"
    permission = ANNOTATE
    verb = "Add the tags"
    inputs = TagForm

    def preview(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Preview:
        try:
            names = names_of(given["tags"]) if given.get("tags") else []
        except ValueError as error:
            return Preview(says=[str(error)], asks=True)
        held = ", ".join(each.name for each in subject.tags.all()) or "none yet"
        says = [f"Its tags: {held}."] + ([f"It gets: {', '.join(names)}."] if names else [])
        return Preview(says=says)

    def perform(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Done:
        try:
            added = tag(subject, names_of(given["tags"]), actor=self.who, now=now)
        except ValueError as error:
            raise ActionError(str(error)) from error
        says = f"Tagged {', '.join(added)}." if added else "It had these tags already."
        return Done(says, link=f"{self.back_link()}#notes")


class RemoveTag(OnSignal):
    name = "remove-tag"
    route = "console/signals/<int:pk>/tags/<int:tag>/remove/"
    title = "Remove a tag"
    permission = ANNOTATE
    verb = "Remove the tag"

    def tag(self) -> SignalTag:
        return get_object_or_404(SignalTag, pk=self.kwargs["tag"], signal=self.kwargs["pk"])

    def preview(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(says=[f"The signal is no longer tagged {self.tag().name}."])

    def perform(self, subject: AutomatedSignal, given: dict[str, Any], now: datetime) -> Done:
        name = self.tag().name
        if not untag(subject, name, actor=self.who, now=now):
            raise ActionError("The signal has no such tag any more.")
        return Done(f"The tag {name} is removed.", link=f"{self.back_link()}#notes")
