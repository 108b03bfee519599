"""The outbox: what was sent to others, what waits, and what was given up; tried again by hand."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet

from dashboard.console.actions import ActionError, ActionPage, Done, LoggedChange, Preview
from dashboard.console.page import Page, picked
from dashboard.console.roles import HANDLE
from dashboard.models import Destination, Outgoing
from dashboard.models.outgoing import OPEN
from dashboard.outbox import try_again
from dashboard.outbox.keeping import dead
from dashboard.telling.formats import some
from signals.storage.paging import BoundedPaginator, counted

ROWS = 50
MOST = 500


def names() -> Mapping[str, str]:
    """What people call the destinations."""
    return {each.key: each.name for each in Destination.objects.all()}


class Outbox(Page):
    name = "outbox"
    route = "console/notifications/outbox/"
    title = "Outbox"
    template_name = "dashboard/notifications/outbox_page.html"
    fragment = "dashboard/notifications/outbox.html"

    def content(self, now: datetime) -> dict[str, Any]:
        sent = self.request.GET.get("show") == "sent"
        found = Outgoing.objects.filter(state=Outgoing.State.SENT) if sent else unsent()
        paginator: Paginator[Outgoing] = BoundedPaginator(found.order_by("-pk"), ROWS)
        named, rows = names(), paginator.get_page(self.request.GET.get("page"))
        return {
            "rows": rows,
            "listed": [(named.get(row.destination, row.destination), row) for row in rows],
            "sent": sent,
            "dead": counted(dead()),
            "may_act": self.request.user.has_perm(HANDLE),
        }


def unsent() -> QuerySet[Outgoing]:
    return Outgoing.objects.filter(Q(state__in=OPEN) | Q(state=Outgoing.State.DEAD))  # each has an index


class TryAgain(ActionPage[QuerySet[Outgoing]]):
    """What was ticked among the messages that were given up; all of them where nothing was."""

    name = "try-again"
    route = "console/notifications/outbox/again/"
    title = "Try messages again"
    permission = HANDLE
    verb = "Try again"
    back = "outbox"

    def subject(self) -> QuerySet[Outgoing]:
        keys = picked(self.request, MOST)
        return dead().filter(pk__in=keys) if keys else dead()

    def preview(self, subject: QuerySet[Outgoing], given: dict[str, Any], now: datetime) -> Preview:
        number, named = counted(subject), names()
        if not number:
            return Preview(problem="None of them was given up.")
        return Preview(
            says=[f"{some(number, 'message')} that were given up are sent within a minute, as if they were new."],
            columns=("To", "Given up", "Why"),
            rows=[(named.get(row.destination, row.destination), f"{row.ended_at:%Y-%m-%d %H:%M}Z", row.last_error)
                  for row in subject[:ROWS]],
        )  # fmt: skip

    def perform(self, subject: QuerySet[Outgoing], given: dict[str, Any], now: datetime) -> Done:
        first = subject.first()
        number = try_again(subject, now)
        if first is None or not number:
            raise ActionError("None of them is given up any more.")
        says = f"{some(number, 'message')} to others tried again."
        return Done(says, [LoggedChange(first, says)])
