"""Judging all rules, and writing what becomes of incidents together with the messages that tell it.

Any number of processes may do so at once: each incident is compared and swapped, and whoever comes second leaves it.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from dashboard.models import Incident
from dashboard.outbox import overtake, put
from dashboard.telling.addresses import address
from signals.models import Source

from .choices import Chosen, addressees, chosen, hush_at
from .incidents import Hush, Life, Policy, Symptom, Told, group, is_there, step, worst
from .wording import worded

log = logging.getLogger(__name__)
KIND = "notification"
HISTORY_KEPT = 100
SAID = 500  # characters
LIFE = (
    "opened_at", "severity", "snoozed_until", "missing_since", "recovered_at", "first_told_at", "told_at",
    "escalated_at",
)  # fmt: skip
State = Incident.State


@dataclass(slots=True)
class Watched:
    """What one look brought: symptoms, the rules that could not be judged, and how many messages were put."""

    symptoms: list[Symptom] = field(default_factory=list)
    blind: set[str] = field(default_factory=set)
    messages: int = 0


def open_incidents() -> QuerySet[Incident]:
    return Incident.objects.filter(recovered_at=None).order_by("pk")


def watch(now: datetime) -> Watched:
    """Judge every rule as of now and bring every incident up to date."""
    choices = chosen()
    seen = look(choices.values(), now)
    seen.symptoms = marked(seen.symptoms)
    rows: dict[str, Incident] = {row.key: row for row in open_incidents()}
    grouped = group(seen.symptoms, {key: {each["key"] for each in row.symptoms} for key, row in rows.items()})
    round_ = Round(now, choices, hush_at(now), rows, grouped)
    for key in dict.fromkeys([*rows, *grouped]):
        row = rows.get(key)
        if row is not None and row.rule in seen.blind:
            continue
        try:
            seen.messages += round_.bring_up_to_date(key)
        except Exception:
            log.exception("the incident %s could not be brought up to date", key)
    return seen


def look(choices: Iterable[Chosen], now: datetime) -> Watched:
    seen = Watched()
    for each in choices:
        if not each.enabled:
            continue
        try:
            seen.symptoms += list(each.rule.find(now, each.limit))
        except Exception as error:
            log.exception("the rule %s could not be judged", each.rule.name)
            seen.blind.add(each.rule.name)
            says = f"The rule {each.rule.title!r} could not be judged: {type(error).__name__}."
            todo = "The log of `manage.py serve` says where; an error that stays is a bug to report."
            seen.symptoms.append(Symptom("other", f"blind:{each.rule.name}", says, todo, "warn"))
    return seen


def marked(symptoms: Iterable[Symptom]) -> list[Symptom]:
    """Those about an invented market say so."""
    names = set(Source.objects.filter(simulated=True).values_list("name", flat=True))
    return [replace(each, simulated=each.simulated or each.source in names) for each in symptoms]


@dataclass(frozen=True, slots=True)
class Round:
    """One round over all incidents."""

    now: datetime
    choices: Mapping[str, Chosen]
    hush: Hush
    rows: Mapping[str, Incident]
    grouped: Mapping[str, Sequence[Symptom]]

    def bring_up_to_date(self, key: str) -> int:
        """Take one incident a step on and write it. Returns how many messages came of it."""
        row = self.rows.get(key)
        found = sorted(self.grouped.get(key, ()), key=lambda each: key not in (each.key, each.cause))
        there = is_there(key, found)
        symptoms = found if there else symptoms_of(row)
        wanted = self.choices.get(symptoms[0].rule) if symptoms else None
        life = life_of(row) if row else None
        if life and not there and not (wanted and wanted.enabled):
            return self.write(key, replace(life, recovered_at=self.now), None, symptoms, did="rule switched off")
        severity = worst(each.severity for each in found) if there else None
        why = self.hush.reason(found, severity, self.now) if severity else ""
        stepped = step(life, severity, wanted.policy if wanted else Policy(), self.now, hushed=bool(why))
        return self.write(key, *stepped, symptoms) if stepped else 0

    def write(self, key: str, life: Life, told: Told | None, symptoms: Sequence[Symptom], *, did: str = "") -> int:
        row, head = self.rows.get(key), symptoms[0]
        changes: dict[str, Any] = {name: getattr(life, name) for name in LIFE}
        changes |= {
            "rule": head.rule,
            "says": head.says[:SAID],
            "symptoms": [asdict(symptom) for symptom in symptoms],
            "seen_at": row.seen_at if row and life.missing_since else self.now,
            "state": State.RECOVERED if life.recovered_at else State.ACKNOWLEDGED if life.acknowledged else State.OPEN,
        }
        if did or told:
            note = {"at": self.now, "did": did or f"told: {told}", "by": ""}
            changes["history"] = [*(row.history if row else []), note][-HISTORY_KEPT:]
        with transaction.atomic():
            pk = swap(row, changes) if row else create(key, changes)
            if pk is None or told is None:
                return 0
            return self.tell(pk, row.version + 1 if row else 0, told, symptoms, life)

    def tell(self, pk: int, version: int, told: Told, symptoms: Sequence[Symptom], life: Life) -> int:
        """Each destination is told in order: what it was not sent yet of the incident, a newer message replaces."""
        others, page = self.others(symptoms[0]), address("incident", pk)
        wanted = self.choices.get(symptoms[0].rule)
        to = addressees(told, life.severity, wanted, escalated=life.escalated_at is not None)
        for destination in to:
            before = overtake(KIND, destination.key, f"{pk}/")
            words = worded(told, symptoms, life, others=others, page=page, now=self.now, unheard=not before.taken)
            payload = {"incident": pk, "told": told, "severity": life.severity, **asdict(words)}
            key = f"{pk}/{version}/{told}"
            put(KIND, destination.key, payload, now=self.now, key=key, follows=before.on_its_way)
        return len(to)

    def others(self, head: Symptom) -> list[str]:
        """What else is wrong and not kept quiet, as each incident's cause says it."""
        found = {key: each for key, each in self.grouped.items() if is_there(key, each)}
        return [
            each[0].says
            for key, each in found.items()
            if head not in each and not self.hush.reason(each, worst(one.severity for one in each), self.now)
        ]


def forget(now: datetime) -> int:
    """Delete incidents that recovered more than RUN_RETENTION_DAYS ago (0: none)."""
    if not settings.RUN_RETENTION_DAYS:
        return 0
    cutoff = now - timedelta(days=settings.RUN_RETENTION_DAYS)
    return Incident.objects.filter(recovered_at__lt=cutoff).delete()[0]


def life_of(row: Incident) -> Life:
    return Life(**{name: getattr(row, name) for name in LIFE}, acknowledged=row.state == State.ACKNOWLEDGED)


def symptoms_of(row: Incident | None) -> list[Symptom]:
    return [Symptom(**(each | {"suspects": tuple(each["suspects"])})) for each in row.symptoms] if row else []


def swap(row: Incident, changes: Mapping[str, Any]) -> int | None:
    """Write a row if nobody has since it was read; its key, or None."""
    mine = Incident.objects.filter(pk=row.pk, version=row.version)
    return row.pk if mine.update(**changes, version=row.version + 1) else None


def create(key: str, changes: Mapping[str, Any]) -> int | None:
    """A new incident, unless another process was faster; its key, or None."""
    try:
        with transaction.atomic():
            return Incident.objects.create(key=key, **changes).pk
    except IntegrityError:
        return None
