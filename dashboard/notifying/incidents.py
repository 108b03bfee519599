"""What becomes of an incident, and who is told when: pure. `watch.py` asks the database and writes.

A symptom is what a rule sees. Symptoms of one cause are one incident, which opens, may be acknowledged or snoozed, and
recovers once its cause was gone for CALM.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum

from signals.clock import NEW_YORK, local

CALM = timedelta(minutes=5)
"""How long a cause must be gone before it counts as recovered: what comes and goes is one incident."""
WORST_FIRST = ("bad", "warn", "info")


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that a rule sees. `todo` is the one thing to do, `link` where.

    `cause` names what it shares with others of its kind; `suspects` name what would explain it, likeliest first.
    What is `simulated` would not be there without invented markets.
    """

    rule: str
    key: str
    says: str
    todo: str = ""
    severity: str = "bad"
    link: str = ""
    source: str = ""
    cause: str = ""
    suspects: tuple[str, ...] = ()
    simulated: bool = False

    @property
    def root(self) -> str:
        return self.cause or self.key


def group(symptoms: Iterable[Symptom], standing: Mapping[str, Collection[str]]) -> dict[str, list[Symptom]]:
    """The symptoms by the incident that they belong to. `standing`: keys of symptoms of each open incident.

    A symptom stays with its incident; a new one goes to what explains it, where that is there, else to its own cause.
    """
    at_home = {key: incident for incident, keys in standing.items() for key in keys}
    where: dict[str, str] = {}
    grouped: dict[str, list[Symptom]] = {}
    for symptom in symptoms:
        explained = next((where.get(each, each) for each in symptom.suspects if each in where or each in standing), "")
        incident = at_home.get(symptom.key) or explained or where.get(symptom.root) or symptom.root
        where[symptom.key] = where[symptom.root] = incident
        grouped.setdefault(incident, []).append(symptom)
    return grouped


def is_there(incident: str, symptoms: Iterable[Symptom]) -> bool:
    """Whether the cause itself is seen, and not only what came of it."""
    return any(incident in (symptom.key, symptom.cause) for symptom in symptoms)


def worst(severities: Iterable[str]) -> str:
    return min(severities, key=WORST_FIRST.index)


def reaches(severity: str, least: str) -> bool:
    return WORST_FIRST.index(severity) <= WORST_FIRST.index(least)


class Told(StrEnum):
    """What a message tells of an incident."""

    FIRST = "first"
    WORSE = "worse"
    STILL = "still"
    ESCALATED = "escalated"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Policy:
    """How a rule tells. A wait of None: never."""

    least: str = "warn"
    nag: timedelta | None = None
    escalate: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """Where an incident stands."""

    opened_at: datetime
    severity: str
    acknowledged: bool = False
    snoozed_until: datetime | None = None
    missing_since: datetime | None = None
    recovered_at: datetime | None = None
    first_told_at: datetime | None = None
    told_at: datetime | None = None
    escalated_at: datetime | None = None


Step = tuple[Life, Told | None]


def step(life: Life | None, severity: str | None, policy: Policy, now: datetime, *, hushed: bool) -> Step | None:
    """What becomes of an incident as its cause is seen with a severity, or not (None). None: there is none.

    At most one message comes of it. What is hushed is told later, if it is there then; whoever was told that something
    is wrong is told that it no longer is.
    """
    if severity is None:
        return None if life is None else missed(life, now)
    if life is None:
        life = Life(now, severity)
    life = replace(life, missing_since=None)
    if hushed:
        return life, None
    is_worse = life.severity != severity and reaches(severity, life.severity)
    if is_worse:
        life = replace(life, severity=severity, acknowledged=False, snoozed_until=None)
    return tell(life, message(life, policy, now, is_worse=is_worse), now)


def missed(life: Life, now: datetime) -> Step:
    if life.missing_since is None:
        return replace(life, missing_since=now), None
    if now - life.missing_since < CALM:
        return life, None
    return replace(life, recovered_at=now), Told.RECOVERED if life.first_told_at else None


def message(life: Life, policy: Policy, now: datetime, *, is_worse: bool) -> Told | None:
    """What is to be told of an incident that is there."""
    told = None
    if not reaches(life.severity, policy.least):
        pass
    elif life.first_told_at is None or life.told_at is None:
        told = Told.FIRST
    elif is_worse:
        told = Told.WORSE
    elif life.acknowledged or (life.snoozed_until and now < life.snoozed_until):
        pass
    elif policy.escalate and life.escalated_at is None and now - life.first_told_at >= policy.escalate:
        told = Told.ESCALATED
    elif life.snoozed_until or (policy.nag and now - life.told_at >= policy.nag):
        told = Told.STILL
    return told


def tell(life: Life, told: Told | None, now: datetime) -> Step:
    """The incident once that is told."""
    if told is None:
        return life, None
    escalated = now if told == Told.ESCALATED else life.escalated_at
    return replace(
        life, first_told_at=life.first_told_at or now, told_at=now, escalated_at=escalated, snoozed_until=None
    ), told


@dataclass(frozen=True, slots=True)
class Hush:
    """What keeps messages back: of everything (`why`), of some sources, of invented markets, and in quiet hours."""

    why: str = ""
    sources: Mapping[str, str] | None = None
    quiet: tuple[time, time] | None = None
    bad_passes: bool = True
    simulated_too: Collection[str] = ()  # rules that tell of invented markets as well

    def reason(self, symptoms: Sequence[Symptom], severity: str, now: datetime) -> str:
        """Why the symptoms are not told now, or ""."""
        if self.why:
            return self.why
        reasons = [self.of_one(symptom) for symptom in symptoms]
        if reasons and all(reasons):
            return reasons[0]
        if is_quiet(self.quiet, now) and not (self.bad_passes and severity == "bad"):
            return "quiet hours"
        return ""

    def of_one(self, symptom: Symptom) -> str:
        muted = self.sources or {}
        simulated = "simulated" if symptom.simulated and symptom.rule not in self.simulated_too else ""
        return muted.get(symptom.source, "") or simulated


def is_quiet(hours: tuple[time, time] | None, now: datetime) -> bool:
    """Whether it is between these hours in New York; they may go past midnight."""
    if hours is None:
        return False
    start, end = hours
    clock = local(now, NEW_YORK).time()
    return start <= clock < end if start <= end else clock >= start or clock < end
