"""Sources: who sends, how each proves it, what was learned of its clock and rhythm, and what applies to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property

from dashboard.console.page import Page
from dashboard.notifying.choices import muted
from dashboard.telling.charts import bars_reason, hours_reason, length, symbol_reason
from dashboard.watching.expiry import expiry_warning
from reconciliation.findings import FINDINGS, Finding
from reconciliation.gaps import CATALOGUE
from reconciliation.habits import Found, kept, told
from reconciliation.tiers.table import choices
from signals.market import market
from signals.models import Format, Source, SourceToken
from signals.receiving.mail.overview import MailboxStatus, alone_lately, overview
from signals.receiving.tokens import valid_tokens
from signals.signal.zones import voting
from signals.vocabulary import Channel, DeliveryStatus

SAMPLE = 200
VOTES = 5


@dataclass(frozen=True)
class Card:
    """A source as its page and the list show it."""

    source: Source
    now: datetime

    @cached_property
    def tokens(self) -> list[SourceToken]:
        return list(valid_tokens(self.source, self.now))

    @cached_property
    def arrivals(self) -> list[datetime]:
        """Receipts of the latest webhooks, newest first."""
        webhooks = self.source.deliveries.filter(~Q(status=DeliveryStatus.DUPLICATE), channel=Channel.WEBHOOK)
        since = self.now - timedelta(days=7)
        recent = webhooks.filter(received_at__gt=since).order_by("-received_at")
        return list(recent.values_list("received_at", flat=True)[:SAMPLE])

    @property
    def last(self) -> datetime | None:
        return self.arrivals[0] if self.arrivals else None

    @property
    def interval(self) -> float | None:
        """Median seconds between its latest alerts; None while there are too few to say."""
        return observed_interval(self.arrivals)

    @property
    def votes(self) -> list[tuple[datetime, str]]:
        votes = voting(self.source).order_by("-fire_minute")
        return list(votes.values_list("fire_minute", "clock_vote")[:VOTES])

    @property
    def open(self) -> bool:
        return market(self.source.calendar).is_open(self.now)

    @property
    def opens_at(self) -> datetime:
        return market(self.source.calendar).next_open(self.now)

    @property
    def expiry(self) -> tuple[str, str] | None:
        return expiry_warning(self.source.alert_expires_at, self.now)

    @property
    def chart(self) -> dict[str, str]:
        """What is known of its chart, and how."""
        source = self.source
        return {
            "symbol": source.ticker or source.symbol,
            "symbol_by": symbol_reason(source),
            "bars": length(source.bar_minutes) if source.bar_minutes else "",
            "bars_by": bars_reason(source),
            "market_by": hours_reason(source),
        }

    @property
    def gaps_off(self) -> list[str]:
        return [CATALOGUE[name].title for name in self.source.gaps_off if name in CATALOGUE]

    @cached_property
    def found(self) -> Found:
        return kept(self.source.pk)

    @property
    def habits(self) -> list[tuple[Finding, int]]:
        return told(self.found)

    @property
    def findings(self) -> list[tuple[Finding, int]]:
        """The findings that are no habits of it, each with the number of signals that it stands on."""
        return [
            (each, count)
            for each in FINDINGS
            if each.name not in self.found.habits and (count := self.found.findings.get(each.name))
        ]

    @property
    def formats(self) -> list[Format]:
        """What its alerts are read by beside the indicator's dialects."""
        own = Q(source=self.source) | Q(source=None)
        return list(Format.objects.filter(own, state=Format.State.ACTIVE).order_by("name"))

    @cached_property
    def mailboxes(self) -> list[MailboxStatus]:
        return overview(self.now, list(self.source.mailboxes.all()))

    @property
    def by_mail_alone(self) -> int:
        """Alerts of the last week that the webhook lost and mail brought."""
        return alone_lately(self.source, self.now)

    @property
    def tiers_off(self) -> list[str]:
        return [dict(choices()).get(name, name) for name in self.source.tiers_off]


def observed_interval(moments: Sequence[datetime]) -> float | None:
    """Median seconds between neighbours, newest first; None for fewer than four moments. Pure."""
    if len(moments) < 4:
        return None
    return median((later - earlier).total_seconds() for later, earlier in pairwise(moments))


class Sources(Page):
    name = "sources"
    route = "console/sources/"
    title = "Sources"
    icon = "sensors"
    place = 60
    key = "c"
    template_name = "dashboard/sources/page.html"
    fragment = "dashboard/sources/live.html"
    every = 10

    def content(self, now: datetime) -> dict[str, Any]:
        return {"cards": [Card(source, now) for source in Source.objects.order_by("-is_default", "name")]}


class SourcePage(Page):
    name = "source"
    route = "console/sources/<int:pk>/"
    title = "Source"
    template_name = "dashboard/sources/source.html"

    def content(self, now: datetime) -> dict[str, Any]:
        source = get_object_or_404(Source, pk=self.kwargs["pk"])
        ended = source.tokens.filter(expires_at__lte=now)[:10]
        return {
            "title": f"Source {source.name}",
            "card": Card(source, now),
            "ended": ended,
            "addresses": source.addresses or ", ".join(settings.WEBHOOK_ADDRESSES) or "any",
            "alerts": source.alert_ids.all()[:20],
            "mute": muted(source, now),
        }
