"""What people chose: how each rule tells and whom, and what keeps it quiet now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from dashboard.models import Destination, MaintenanceWindow, Mute, QuietHours, RuleSetting
from signals.models import Source

from .incidents import Hush, Policy, Told, reaches
from .rules import RULES, Rule

ONLY = 1  # the key of the one row of quiet hours


@dataclass(frozen=True, slots=True)
class Chosen:
    """A rule as it is to be judged, and the destinations that were chosen for it; none: all."""

    rule: Rule
    enabled: bool
    limit: float
    least: str
    nag_hours: float
    escalate_minutes: int
    destinations: frozenset[int] = frozenset()
    simulated: bool = False

    @property
    def policy(self) -> Policy:
        nag, escalate = timedelta(hours=self.nag_hours), timedelta(minutes=self.escalate_minutes)
        return Policy(self.least, nag or None, escalate or None)


def chosen() -> Mapping[str, Chosen]:
    """Every rule, in the order of the table. Two queries."""
    settings = {row.rule: row for row in RuleSetting.objects.prefetch_related("destinations")}
    return {name: choice(rule, settings.get(name)) for name, rule in RULES.items()}


def choice(rule: Rule, row: RuleSetting | None) -> Chosen:
    """The rule as somebody changed it, or as it is."""
    if row is None:
        return Chosen(rule, rule.enabled, rule.limit, rule.least.value, rule.nag_hours, rule.escalate_minutes)
    limit = rule.limit if row.limit is None else row.limit
    destinations = frozenset(each.pk for each in row.destinations.all())
    return Chosen(rule, row.enabled, limit, row.least, row.nag_hours, row.escalate_minutes, destinations, row.simulated)


def addressees(told: Told, severity: str, wanted: Chosen | None, *, escalated: bool) -> list[Destination]:
    """Who gets a message. What nobody saw to goes to those who are for that, and to all where nobody is.

    Whoever was told of an incident is told of its end.
    """
    everybody = list(Destination.objects.filter(enabled=True).order_by("pk"))
    picked = wanted.destinations if wanted else frozenset()
    usual = [each for each in everybody if not each.escalations_only and (not picked or each.pk in picked)]
    usual = [each for each in usual if reaches(severity, each.least)]
    last = [each for each in everybody if each.escalations_only]
    if told == Told.ESCALATED:
        return last or usual
    return [*usual, *last] if told == Told.RECOVERED and escalated else usual


def hush_at(now: datetime) -> Hush:
    """What keeps messages back now: maintenance, muted sources, quiet hours, invented markets. Four queries."""
    sources: dict[str, str] = {}
    for mute in mutes_at(now):
        sources[mute.source.name] = "muted"
    why = ""
    for window in windows_at(now):
        if window.source is None:
            why = f"maintenance: {window.reason}"
        else:
            sources[window.source.name] = f"maintenance: {window.reason}"
    hours = quiet_hours()
    quiet = (hours.starts, hours.ends) if hours.starts and hours.ends else None
    told = frozenset(RuleSetting.objects.filter(simulated=True).values_list("rule", flat=True))
    return Hush(why, sources, quiet, hours.bad_passes, told)


def mutes_at(now: datetime) -> QuerySet[Mute]:
    return Mute.objects.filter(Q(until=None) | Q(until__gt=now)).select_related("source")


def muted(source: Source, now: datetime) -> Mute | None:
    return mutes_at(now).filter(source=source).first()


def windows_at(now: datetime) -> QuerySet[MaintenanceWindow]:
    return MaintenanceWindow.objects.filter(starts_at__lte=now, ends_at__gt=now).select_related("source")


def quiet_hours() -> QuietHours:
    return QuietHours.objects.filter(pk=ONLY).first() or QuietHours(pk=ONLY)
