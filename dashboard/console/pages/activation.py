"""Activation: the owner's steps, live; how to set up the alert; and a self-test through the real path."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.urls import reverse

from dashboard.console.actions import ActionPage, Done, LoggedChange, Preview
from dashboard.console.page import Page
from dashboard.console.roles import RECONCILE
from dashboard.telling.addresses import address
from dashboard.watching import selftest
from dashboard.watching.activation import observe, steps
from signals.admin.sources import webhook_address
from signals.receiving.senders import open_source
from signals.vocabulary import EventType


class Activation(Page):
    name = "activation"
    route = "console/activation/"
    title = "Activation"
    icon = "checklist"
    place = 15
    key = "a"
    template_name = "dashboard/activation/page.html"
    fragment = "dashboard/activation/live.html"

    def content(self, now: datetime) -> dict[str, Any]:
        seen = observe(now)
        found = steps(seen)
        return {
            "steps": found,
            "met": sum(step.met for step in found),
            "waiting": not found[0].met,
            "unread": seen.unread,
            **({} if self.alone else self.guide()),
        }

    def guide(self) -> dict[str, Any]:
        """What the page says of the address. With a token it is shown only once, when it is made."""
        path = reverse("webhook")
        local = open_source() if not settings.PRODUCTION else None
        demonstrating = settings.DEMO and not settings.PRODUCTION and settings.WEBHOOK_ADDRESS.exists()
        base = f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else self.request.build_absolute_uri(path)
        public = bool(settings.PUBLIC_URL)
        return {
            "base": base,
            "tokenless": local,
            "demo": demonstrating and settings.WEBHOOK_ADDRESS,
            "public": public,
        }


class SelfTest(ActionPage[None]):
    name = "self-test"
    route = "console/activation/self-test/"
    title = "Self-test"
    permission = RECONCILE
    verb = "Send it"

    def subject(self) -> None:
        return None

    def back_link(self) -> str:
        return address("start" if self.request.GET.get("back") == "start" else "activation")

    def preview(self, subject: None, given: dict[str, Any], now: datetime) -> Preview:
        if not settings.PUBLIC_URL and settings.WEB_WORKERS < 2:
            return Preview(problem="One web worker cannot answer itself. Set WEB_WORKERS to 2, or PUBLIC_URL.")
        via = "the public address" if settings.PUBLIC_URL else "this server's own address (PUBLIC_URL is not set)"
        return Preview(
            says=[
                f"Sends a {EventType.SIGNAL_CREATED} to the webhook through {via}, times the answer against"
                f" TradingView's {selftest.PATIENCE:.0f} s, and cancels the signal.",
                f"The signal belongs to the source {selftest.SELF_TEST}, has no gaps, and counts in no step here.",
            ]
        )

    def perform(self, subject: None, given: dict[str, Any], now: datetime) -> Done:
        token = selftest.prepare(now)
        result = selftest.send(webhook_address(self.request, token), token, now)
        changed = [LoggedChange(selftest.self_test_source(), f"Self-test: {result.said}, {result.seconds:.3f} s.")]
        if result.in_time:
            says = f"Stored in {result.seconds * 1000:.0f} ms; TradingView waits {selftest.PATIENCE:.0f} s."
            return Done(says, changed)
        says = f"Not stored in time: {result.said} after {result.seconds:.1f} s."
        if result.fault:
            says = f"{says} What is broken is {result.fault.part}. {result.fault.todo}"
        return Done(says, changed, level=messages.ERROR)
