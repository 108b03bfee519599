"""Finding anything by what people have of it: an id or a part of one, a day, a symbol, a number, a name.

Every question is answered from an index, or from a bounded number of the newest rows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import Q
from django.utils.http import urlencode

from dashboard.models import Job
from dashboard.telling.addresses import address
from reconciliation.gaps import CATALOGUE
from reconciliation.models import SyncRequest, SyncRun
from signals.models import AutomatedSignal, Delivery, Format, Source

from .navigation import in_order

SHOWN = 6
LONGEST = 100  # characters
# As far back as a part of an id is looked for; a whole one is found at any age.
REACH = 20_000
NUMBER = re.compile(r"(?:run|job|no\.?|#)?\s*#?(\d{1,18})", re.I)
HEX = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,28}", re.I)


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found, where it is, and what it is in a few words. `exact`: nothing else can be meant."""

    label: str
    link: str
    note: str = ""
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    hits: Sequence[Hit]
    all_of_them: str = ""  # where there are more


def find(text: str) -> list[Group]:
    """What people can mean by it, grouped, in the order of the groups."""
    text = text.strip()[:LONGEST]
    if not text or "\0" in text:
        return []
    day = day_of(text)
    found = [
        Group("Signals", signals_of_day(day) if day else signals(text), more_signals(text, day)),
        Group("Deliveries", [*deliveries(text), *(deliveries_of_day(day) if day else [])]),
        Group("Requests to the indicator", requests(text)),
        Group("Runs and work in the background", numbered(text)),
        Group("Sources", sources(text), address("sources")),
        Group("Formats", formats(text), address("formats")),
        Group("Gaps", gaps(text), address("gaps")),
        Group("Pages", pages(text)),
    ]
    return [Group(each.title, each.hits[:SHOWN], each.all_of_them) for each in found if each.hits]


def only(groups: Sequence[Group]) -> str:
    """Where to go at once, as nothing else can be meant; "" else."""
    hits = [hit for group in groups for hit in group.hits]
    exact = [hit for hit in hits if hit.exact]
    return exact[0].link if len(exact) == 1 else ""


def day_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def more_signals(text: str, day: date | None) -> str:
    asked = {"date_from": str(day), "date_to": str(day)} if day else {"search": text}
    return f"{address('signals')}?{urlencode(asked)}"


def told(signal: AutomatedSignal) -> str:
    return ", ".join(filter(None, [signal.get_status_display(), signal.which or signal.symbol, signal.source.name]))


def signals(text: str) -> list[Hit]:
    """By the whole id, else by a part of it or by the symbol among the newest."""
    rows = AutomatedSignal.objects.select_related("source")
    whole = list(rows.filter(trade_id=text)[: SHOWN + 1])
    if whole:
        return [hit_of(row, exact=len(whole) == 1) for row in whole]
    newest = AutomatedSignal.objects.order_by("-first_event_at").values("pk")[:REACH]
    asked = Q(trade_id__icontains=text) | Q(symbol__iexact=text) | Q(symbol="", source__symbol__iexact=text)
    return [hit_of(row) for row in rows.filter(asked, pk__in=newest).order_by("-first_event_at")[:SHOWN]]


def hit_of(row: AutomatedSignal, *, exact: bool = False) -> Hit:
    return Hit(row.trade_id, address("signal", row.pk), told(row), exact)


def signals_of_day(day: date) -> list[Hit]:
    """The newest of those whose bar is of that day in New York."""
    newest = AutomatedSignal.objects.order_by("-first_event_at").values("pk")[:REACH]
    rows = AutomatedSignal.objects.select_related("source").filter(signal_date=day, pk__in=newest)
    return [hit_of(row) for row in rows.order_by("-first_event_at")[:SHOWN]]


def deliveries_of_day(day: date) -> list[Hit]:
    return [Hit(f"What came on {day}", f"{address('deliveries')}?{urlencode({'period': 'day', 'until': str(day)})}")]


def deliveries(text: str) -> list[Hit]:
    """By the id or how it begins: ids are in order of time, so that a beginning is a range."""
    if not HEX.fullmatch(text):
        return []
    digits = text.replace("-", "")[:32]
    first, last = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
    rows = Delivery.objects.select_related("source").filter(pk__range=(first, last)).order_by("pk")
    return [
        Hit(str(row.pk), address("delivery", row.pk), f"{row.get_status_display()}, {row.source}", len(digits) == 32)
        for row in rows[:SHOWN]
    ]


def requests(text: str) -> list[Hit]:
    if not HEX.fullmatch(text) or len(text.replace("-", "")) != 32:
        return []
    rows = SyncRequest.objects.select_related("source").filter(pk=UUID(text))
    return [
        Hit(str(row.pk), address("source", row.source_id), f"{row.get_state_display()}, {row.source}") for row in rows
    ]


def numbered(text: str) -> list[Hit]:
    found = NUMBER.fullmatch(text)
    if not found:
        return []
    number = int(found[1])
    runs = [
        Hit(f"Run {run.pk}", address("run", run.pk), run.get_state_display())
        for run in SyncRun.objects.filter(pk=number)
    ]
    return [*runs, *(Hit(job.title, address("job", job.pk), f"job {job.pk}") for job in Job.objects.filter(pk=number))]


def sources(text: str) -> list[Hit]:
    """By name, symbol, or TradingView's number of an alert."""
    asked = Q(name__icontains=text) | Q(symbol__icontains=text) | Q(ticker__icontains=text)
    by_alert = Q(pk__in=Source.objects.filter(alert_ids__alert_id=text).values("pk"))
    rows = Source.objects.filter(asked | by_alert).order_by("name")[:SHOWN]
    return [Hit(row.name, address("source", row.pk), row.ticker or row.symbol) for row in rows]


def formats(text: str) -> list[Hit]:
    rows = Format.objects.filter(name__icontains=text, state=Format.State.ACTIVE).order_by("name")[:SHOWN]
    return [Hit(row.name, address("format", row.pk), str(row.spec.get("title") or "")) for row in rows]


def gaps(text: str) -> list[Hit]:
    found = (gap for gap in CATALOGUE.values() if text.lower() in f"{gap.title} {gap.name}".lower())
    return [Hit(gap.title, address("gap", gap.name)) for gap in found] if len(text) > 2 else []


def pages(text: str) -> list[Hit]:
    return [Hit(page.title, address(page.name)) for page in in_order() if text.lower() in page.title.lower()]
