"""The quarantine workbench: see what could not be read, mend a copy, look what it would do, replay or dismiss it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404

from dashboard.console.actions import ActionError, ActionPage, Done, LoggedChange, Preview
from dashboard.console.page import Page, picked
from dashboard.console.roles import REPLAY, TEACH
from dashboard.telling.addresses import address
from dashboard.telling.formats import alert_time, wall
from signals.facts import Reading, UnreadableError
from signals.models import Quarantine
from signals.receiving.masking import hide_secrets
from signals.receiving.quarantine import NotOpenError, dismiss, preview, replay, suggestion
from signals.storage.paging import BoundedPaginator

ROWS = 50
MOST_AT_ONCE = 200
State = Quarantine.State


def quarantined() -> QuerySet[Quarantine]:
    return Quarantine.objects.select_related("delivery__source", "decided_by").order_by("-pk")


class QuarantinePage(Page):
    name = "quarantine"
    keeps_views = True
    route = "console/deliveries/quarantine/"
    title = "Quarantine"
    template_name = "dashboard/quarantine/page.html"
    fragment = "dashboard/quarantine/live.html"

    def content(self, now: datetime) -> dict[str, Any]:
        state = self.request.GET.get("state", "")
        state = state if state in State.values else State.OPEN.value
        rows = quarantined().filter(state=state)
        paginator: Paginator[Quarantine] = BoundedPaginator(rows, ROWS)
        return {
            "state": state,
            "states": State.choices,
            "rows": paginator.get_page(self.request.GET.get("page")),
            "may_act": self.request.user.has_perm(REPLAY),
            "may_teach": self.request.user.has_perm(TEACH),
        }


class MendForm(forms.Form):
    text = forms.CharField(
        label="Mended copy",
        max_length=64 * 1024,
        strip=False,
        widget=forms.Textarea(attrs={"spellcheck": "false"}),
        help_text="The original stays as it was received. The copy is taken in with the original's fire time.",
    )

    def clean_text(self) -> str:
        """As it was shown: browsers send a line's end as two characters."""
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")


class Mend(ActionPage[Quarantine]):
    """Mend one body, see what it would do, and replay it."""

    name = "mend"
    route = "console/deliveries/quarantine/<int:pk>/"
    title = "Mend and replay"
    permission = REPLAY
    template_name = "dashboard/quarantine/mend.html"
    inputs = MendForm
    binding = True
    verb = "Replay"
    back = "quarantine"

    def subject(self) -> Quarantine:
        return get_object_or_404(quarantined(), pk=self.kwargs["pk"])

    def initial(self, subject: Quarantine) -> dict[str, Any]:
        return {"text": hide_secrets(suggestion(subject)).replace("\r\n", "\n")}

    def preview(self, subject: Quarantine, given: dict[str, Any], now: datetime) -> Preview:
        if subject.state != State.OPEN:
            return Preview(problem=f"It was already {subject.get_state_display().lower()}.")
        found = preview(subject, given.get("text", ""))
        if found.reading is None:
            return Preview(problem=found.problem)
        return Preview(
            problem=found.problem,
            says=[f"{found.reading.dialect}: {sentence(found.reading)}"],
            columns=("Event", "Trade id", "Signal", "Says"),
            rows=event_rows(found.reading, found.known),
            warnings=found.reading.faults,
        )

    def perform(self, subject: Quarantine, given: dict[str, Any], now: datetime) -> Done:
        try:
            outcome = replay(subject, given["text"], by=self.person, now=now)
        except (UnreadableError, NotOpenError) as error:
            raise ActionError(str(error)) from error
        return Done(
            f"Replayed: {outcome.events} event{'' if outcome.events == 1 else 's'} stored.",
            changed=[LoggedChange(subject, f"Replayed a mended copy as delivery {outcome.delivery_id}.")],
            link=address("delivery", outcome.delivery_id),
        )


def sentence(reading: Reading) -> str:
    found = [f"{len(reading.events)} event{'' if len(reading.events) == 1 else 's'}"]
    if reading.bars:
        found.append(f"{len(reading.bars)} price{'' if len(reading.bars) == 1 else 's'}")
    if reading.heartbeat:
        found.append("a heartbeat")
    return f"it would store {', '.join(found)}."


def event_rows(reading: Reading, known: frozenset[str]) -> list[tuple[str, str, str, str]]:
    return [
        (
            event.type,
            event.trade_id,
            "joins a stored signal" if event.trade_id in known else "is a new signal",
            "; ".join(f"{name} {value}" for name, value in event.values.items() if not isinstance(value, dict)),
        )
        for event in reading.events
    ]


def fired(row: Quarantine) -> str:
    moment = alert_time(row.delivery)
    return wall(moment) if moment else "time unknown"


class Picked(ActionPage[Sequence[Quarantine]]):
    """An action on the deliveries that were ticked (`?pick=…`)."""

    permission = REPLAY
    back = "quarantine"

    def subject(self) -> Sequence[Quarantine]:
        keys = picked(self.request, MOST_AT_ONCE)
        rows = list(quarantined().filter(pk__in=keys, state=State.OPEN))
        if not rows and self.request.method == "GET" and keys:
            raise Http404("None of these is open any more.")
        return rows


class ReplayProposals(Picked):
    name = "replay-proposals"
    route = "console/deliveries/quarantine/replay/"
    title = "Replay what was proposed"
    verb = "Replay"

    def preview(self, subject: Sequence[Quarantine], given: dict[str, Any], now: datetime) -> Preview:
        if not subject:
            return Preview(problem="Nothing was ticked. Tick deliveries in the list first.")
        found = [(row, preview(row, suggestion(row))) for row in subject]
        good = sum(each.reading is not None and not each.problem for _, each in found)
        rows = [
            (
                fired(row),
                row.delivery.source.name,
                f"stays: {each.problem}" if each.problem or not each.reading else sentence(each.reading),
                ", ".join(sorted({event.trade_id for event in each.reading.events})) if each.reading else "",
            )
            for row, each in found
        ]
        if not good:
            return Preview(
                columns=("Fired", "Source", "What it would do", "Signals"), rows=rows,
                problem="None of these can be read as proposed. Open each and mend it by hand.",
            )  # fmt: skip
        return Preview(
            says=[f"{good} of {len(subject)} can be replayed as proposed; the others stay in quarantine."],
            columns=("Fired", "Source", "What it would do", "Signals"),
            rows=rows,
            warnings=["A proposal has all that was sent, in other quotes. Compare it where it matters."],
        )

    def perform(self, subject: Sequence[Quarantine], given: dict[str, Any], now: datetime) -> Done:
        changed, events, left = [], 0, 0
        for row in subject:
            try:
                outcome = replay(row, suggestion(row), by=self.person, now=now)
            except (UnreadableError, NotOpenError):
                left += 1
                continue
            events += outcome.events
            changed.append(LoggedChange(row, f"Replayed its proposal as delivery {outcome.delivery_id}."))
        if not changed:
            raise ActionError("None of these could be replayed. Open each and mend it by hand.")
        stay = f" {left} stay in quarantine." if left else ""
        return Done(f"{len(changed)} replayed, {events} events stored.{stay}", changed)


class DismissForm(forms.Form):
    note = forms.CharField(label="Why", max_length=500, help_text="Kept with each delivery, with your name.")


class Dismiss(Picked):
    name = "dismiss"
    route = "console/deliveries/quarantine/dismiss/"
    title = "Dismiss"
    verb = "Dismiss"
    danger = True
    inputs = DismissForm

    def preview(self, subject: Sequence[Quarantine], given: dict[str, Any], now: datetime) -> Preview:
        if not subject:
            return Preview(problem="Nothing was ticked. Tick deliveries in the list first.")
        return Preview(
            says=[f"{len(subject)} leave the quarantine. Their bytes stay stored, and none of their events."],
            columns=("Fired", "Source", "Why it could not be read"),
            rows=[(fired(row), row.delivery.source.name, row.delivery.reason) for row in subject],
        )

    def perform(self, subject: Sequence[Quarantine], given: dict[str, Any], now: datetime) -> Done:
        changed = []
        for row in subject:
            try:
                dismiss(row, given["note"], by=self.person, now=now)
            except NotOpenError:
                continue
            changed.append(LoggedChange(row, f"Dismissed: {given['note']}"))
        if not changed:
            raise ActionError("Somebody has decided about all of these already.")
        return Done(f"{len(changed)} dismissed.", changed, link=address("quarantine"), level=messages.SUCCESS)
