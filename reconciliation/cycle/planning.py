"""The plan for one signal: which fills should stand, given its events, the prices and `now`. Pure.

The order of the tiers is the order of trust. Each is asked about what is still missing, on the signal as the tiers
before it have left it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import takewhile

from reconciliation.gaps import CATALOGUE, Dismissed, GapView
from reconciliation.tiers.proposals import Case, Proposal, evidence_key
from reconciliation.tiers.table import Propose
from reconciliation.tiers.trust import Measured, approval_below, is_sure_enough, trusted
from signals.models import AutomatedSignal, Fill
from signals.models.signal import clone
from signals.signal.deriving import relate_after, settle_trust
from signals.signal.joining import join_fill
from signals.signal.registers import RULES, TIER_RANK
from signals.tiers import TIERS
from signals.vocabulary import Status

from .loading import Loaded

# A live gap that nothing fills is looked at again after a quarter of its age: prices can still come in.
RETRY_AT_LEAST = timedelta(minutes=10)
PLACES = 3  # of a confidence, as it is stored


@dataclass(frozen=True)
class Means:
    """What fills gaps in this run: the tiers to ask, by trust, and how far each is measured to be right."""

    tiers: Mapping[str, Propose]
    measured: Measured = field(default_factory=dict)

    def without(self, tiers_off: Iterable[str]) -> "Means":
        return replace(self, tiers={name: ask for name, ask in self.tiers.items() if name not in set(tiers_off)})


@dataclass(slots=True)
class Plan:
    """What should stand. `keep` and `add` are fills by field; `gone` are active ones that no longer stand.

    `held` are the moments at which what an alert may still tell is due.
    `refused` are the fields that this plan freezes, with what would have come (flipping.py)."""

    loaded: Loaded
    signal: AutomatedSignal
    before: dict[str, bool]
    after: dict[str, bool] = field(default_factory=dict)
    check_at: datetime | None = None
    keep: dict[str, Fill] = field(default_factory=dict)
    add: dict[str, Proposal] = field(default_factory=dict)
    waiting: list[Proposal] = field(default_factory=list)
    held: list[datetime] = field(default_factory=list)
    refused: dict[str, Proposal | None] = field(default_factory=dict)

    @property
    def gone(self) -> list[Fill]:
        standing = {fill.pk for fill in self.keep.values()}
        return [fill for fill in self.loaded.active.values() if fill.pk not in standing]


def same_fill(fill: Fill, proposal: Proposal) -> bool:
    """Whether a standing fill is what the tier would put in today."""
    return (fill.tier, fill.method, fill.value, fill.confidence, fill.as_of, fill.evidence_key) == (
        proposal.tier,
        proposal.method,
        proposal.value,
        proposal.confidence,
        proposal.as_of,
        evidence_key(proposal.evidence),
    )


def plan(loaded: Loaded, means: Means, view: GapView, dismissed: Dismissed) -> Plan:
    """Ask the tiers in order and keep what may stand. Raises whatever a tier raises."""
    signal, due = clone(loaded.case.signal), view.moved(loaded.case.now)
    made = Plan(loaded, signal, before=view.open_gaps(loaded.stored, dismissed))
    made.after = due.open_gaps(signal, dismissed)
    case = loaded.case._replace(signal=signal)
    for tier in [*means.tiers, *unasked(loaded, means)]:
        accepted = {field for offer in offers(tier, made, means, case) if (field := accept(made, offer))}
        if accepted:
            relate_after(signal, loaded.case.venue, accepted)
            made.after = due.open_gaps(signal, dismissed)
    settle_trust(signal)
    if due is not view:
        made.after = view.open_gaps(signal, dismissed)
    made.check_at = min(filter(None, checks(made, view, dismissed)), default=None)
    return made


def checks(made: Plan, view: GapView, dismissed: Dismissed) -> Iterator[datetime | None]:
    """When to look again though nothing happens: a gap or what was held back falls due, a gap is tried once more."""
    signal, now = made.signal, view.now
    yield view.next_check(signal, dismissed)
    yield from made.held
    yield closes_next(made.loaded.case)
    if any(due and CATALOGUE[name].live for name, due in made.after.items()):
        set_before = made.loaded.stored.check_at
        age = now - (signal.mfe_as_of or signal.first_event_at)
        yield set_before if set_before and set_before > now else now + max(RETRY_AT_LEAST, age / 4)


def closes_next(case: Case) -> datetime | None:
    """When the next of the stored bars closes of a trade that is over: no price is taken from it before, and nothing
    else may bring the trade back then."""
    frame = case.frame
    if case.signal.status != Status.COMPLETED or not case.bars or not frame.known:
        return None
    closes = (frame.close_of(frame.around(bar.time)) for bar in reversed(case.bars))
    return min(takewhile(lambda close: close > case.now, closes), default=None)


def unasked(loaded: Loaded, means: Means) -> list[str]:
    """Tiers with standing fills that this run does not ask: what they filled stays as it is."""
    return sorted({fill.tier for fill in loaded.active.values()} - means.tiers.keys())


def offers(tier: str, made: Plan, means: Means, case: Case) -> Iterable[tuple[Proposal | None, Fill | None]]:
    """What the tier proposes that may stand, each with the standing fill that it repeats, if any."""
    loaded = made.loaded
    if tier not in means.tiers:
        return [(None, fill) for fill in loaded.active.values() if fill.tier == tier]
    gaps, frozen = frozenset(made.after), loaded.frozen
    found: list[tuple[Proposal | None, Fill | None]] = [
        (None, fill) for fill in loaded.active.values() if fill.field in frozen and fill.tier == tier
    ]
    for each in means.tiers[tier](case, gaps):
        if each.field in frozen:
            continue
        confidence = round(trusted(each, made.signal.source_id, means.measured), PLACES)
        proposal = each if confidence == each.confidence else replace(each, confidence=confidence)
        standing = loaded.active.get(each.field)
        if standing and same_fill(standing, proposal):
            found.append((proposal, standing))
        elif case.bars_out(each) or not is_sure_enough(proposal):
            continue
        elif each.due is not None and case.now < each.due:
            made.held.append(each.due)
        elif proposal.confidence < approval_below(tier):
            made.waiting.append(proposal)
            if standing and standing.tier == tier and proposal.as_of is not None:
                found.append((None, standing))  # a measurement stays true as of its bar while the newer one waits
        else:
            found.append((proposal, None))
    return found


def accept(made: Plan, offer: tuple[Proposal | None, Fill | None]) -> str:
    """Let a fill join the signal, unless it holds an equal or better value. Returns the field that it fills, if any."""
    proposal, standing = offer
    fill = standing or proposal
    assert fill is not None
    if equally_trusted(made.signal, fill) or not join_fill(made.signal, fill):
        return ""
    made.keep.pop(fill.field, None)
    made.add.pop(fill.field, None)
    if standing:
        made.keep[fill.field] = standing
    elif proposal:
        made.add[fill.field] = proposal
    return fill.field


def equally_trusted(signal: AutomatedSignal, fill: Fill | Proposal) -> bool:
    """Whether an event of the fill's own rank says the value already (live ones compare by bar: `outdoes`)."""
    held = signal.provenance.get(fill.field)
    rule = RULES.get(fill.field)
    if held is None or (rule is not None and rule.live):
        return False
    return TIER_RANK[held["tier"]] >= TIERS[fill.tier].rank
