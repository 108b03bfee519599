"""Removing what an invented market told: the one way in which anything received is ever deleted.

Only sources that are marked as simulated, and what is theirs alone, go. It is done in parts, each in a transaction of
its own under the cycle's lease, so that it can be cut off at any point and go on: what is left is looked up each time.
First nobody may send for them any more; the sources themselves go last, once nothing of theirs is left.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from django.apps import apps
from django.db import transaction
from django.db.models import PROTECT, Exists, ForeignKey, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Left
from django.utils import timezone

from signals.bars.storing import store_bars
from signals.feeds.withdrawing import closes_told
from signals.models import (
    AutomatedSignal,
    Delivery,
    DeliveryBody,
    FeedUse,
    Fill,
    Format,
    PriceBar,
    Quarantine,
    RefusedBar,
    SignalEvent,
    Source,
    SourceToken,
)

from .cycle.applying import count_records
from .cycle.lease import Lease
from .guarding import door
from .guarding.rules import is_guarded
from .models import (
    AskedGap,
    GapRecord,
    ReplayedSignal,
    ReplayState,
    ReplayStretch,
    SetAside,
    SignalHealthMetric,
    SyncAuditLog,
    SyncRequest,
    SyncRun,
)
from .verifying import counts_told, entries_of_runs

AT_ONCE = 500
CHECKSUM = 32  # characters of a bar's evidence that name the delivery it was told with
OPEN = GapRecord.State.OPEN


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose everything goes. Prices are kept by symbol: `own` symbols are told by no other source, `shared` ones are.

    It is looked up before anything is deleted, for afterwards nothing tells it any more. `alone`: no other source has a
    signal, so that the runs of before tell of nothing else either.
    """

    sources: Collection[int]
    names: Collection[str]
    own: Collection[str]
    shared: Collection[str]
    alone: bool
    before: datetime

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__} | {"before": self.before.isoformat()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Scope":
        given = {name: told[name] for name in cls.__slots__}
        return cls(**given | {"before": datetime.fromisoformat(told["before"])})

    @property
    def left(self) -> QuerySet[Source]:
        """The sources that are still there. The mark is asked for each time: it is what makes them removable."""
        return Source.objects.filter(pk__in=self.sources, simulated=True)


def scope(now: datetime) -> Scope:
    """All that is simulated, as of now."""
    invented = list(Source.objects.filter(simulated=True).order_by("pk"))
    keys = [source.pk for source in invented]
    others = Source.objects.filter(simulated=False)
    theirs, elsewhere = told(Source.objects.filter(pk__in=keys)), told(others)
    return Scope(
        sources=keys,
        names=[source.name for source in invented],
        own=sorted(theirs - elsewhere),
        shared=sorted(theirs & elsewhere),
        alone=not AutomatedSignal.hidden_too.filter(source__in=others).exists(),
        before=now,
    )


def told(sources: QuerySet[Source]) -> set[str]:
    """The symbols under which prices of these sources are kept."""
    own = {source.price_key for source in sources}
    by_signals = AutomatedSignal.hidden_too.filter(source__in=sources).order_by().values_list("symbol", flat=True)
    by_alerts = Delivery.objects.filter(source__in=sources).order_by().values_list("symbol", flat=True)
    return (own | set(by_signals.distinct()) | set(by_alerts.distinct())) - {""}


Rows = Callable[[Scope], "QuerySet[Any]"]


class Step(NamedTuple):
    """Rows of one model that go, as far as they can by then; `name` is for people."""

    name: str
    model: type[Model]
    rows: Rows


def entries(what: Scope) -> QuerySet[SyncAuditLog]:
    return SyncAuditLog.objects.filter(signal__source__in=what.left)


def unreferred(what: Scope) -> QuerySet[Delivery]:
    """Deliveries that no duplicate and no replay refers to: what refers to another one goes before it."""
    return Delivery.objects.filter(source__in=what.left, duplicates=None, replays=None)


def orphans(what: Scope) -> QuerySet[PriceBar]:
    """Bars of shared symbols whose delivery is gone."""
    theirs = Delivery.objects.filter(
        source__in=Source.objects.values("pk"), checksum=Left(OuterRef("evidence"), CHECKSUM)
    )
    return PriceBar.objects.filter(~Exists(theirs), symbol__in=what.shared, origin=PriceBar.Origin.INDICATOR)


def runs(what: Scope) -> QuerySet[SyncRun]:
    """Those that no entry of the audit log and no gap of others refers to."""
    old = SyncRun.objects.filter(started_at__lt=what.before).exclude(state=SyncRun.State.RUNNING)
    return old.filter(audit=None, gap_records=None) if what.alone else old.none()


# In an order in which nothing goes before what refers to it.
STEPS: tuple[Step, ...] = (
    Step("Questions about gaps", AskedGap, lambda what: AskedGap.objects.filter(signal__source__in=what.left)),
    Step("Requests to the indicator", SyncRequest, lambda what: SyncRequest.objects.filter(source__in=what.left)),
    Step("Signals set aside", SetAside, lambda what: SetAside.objects.filter(signal__source__in=what.left)),
    Step("Audit entries of its signals", SyncAuditLog, entries),
    Step("Gaps", GapRecord, lambda what: GapRecord.objects.filter(signal__source__in=what.left)),
    Step("Filled values", Fill, lambda what: Fill.objects.filter(signal__source__in=what.left)),
    Step("Events", SignalEvent, lambda what: SignalEvent.objects.filter(source__in=what.left)),
    Step("Signals", AutomatedSignal, lambda what: AutomatedSignal.hidden_too.filter(source__in=what.left)),
    Step("Quarantine", Quarantine, lambda what: Quarantine.objects.filter(delivery__source__in=what.left)),
    Step(
        "Bodies of deliveries", DeliveryBody, lambda what: DeliveryBody.objects.filter(delivery__source__in=what.left)
    ),
    Step("Deliveries", Delivery, unreferred),
    Step("Formats taught for it", Format, lambda what: Format.objects.filter(source__in=what.left)),
    Step("Price bars", PriceBar, lambda what: PriceBar.objects.filter(symbol__in=what.own)),
    Step("Price bars of shared symbols", PriceBar, orphans),
    Step("Refused bars", RefusedBar, lambda what: RefusedBar.objects.filter(symbol__in=what.own)),
    Step("Replayed signals", ReplayedSignal, lambda what: ReplayedSignal.objects.filter(symbol__in=what.own)),
    Step("Replayed stretches", ReplayStretch, lambda what: ReplayStretch.objects.filter(symbol__in=what.own)),
    Step("States of the replay", ReplayState, lambda what: ReplayState.objects.filter(symbol__in=what.own)),
    Step("Uses of feeds", FeedUse, lambda what: FeedUse.objects.filter(symbol__in=what.own)),
    Step("Health after runs", SignalHealthMetric, lambda what: SignalHealthMetric.objects.filter(run__in=runs(what))),
    Step("Runs", SyncRun, runs),
)


def told_alone(what: Scope) -> QuerySet[PriceBar]:
    """Bars of shared symbols that a delivery of theirs told."""
    told_by = Delivery.objects.filter(checksum=Left(OuterRef("evidence"), CHECKSUM))
    bars = PriceBar.objects.filter(symbol__in=what.shared, origin=PriceBar.Origin.INDICATOR)
    others = Source.objects.filter(simulated=False)
    return bars.filter(Exists(told_by.filter(source__in=what.left)), ~Exists(told_by.filter(source__in=others)))


@cache
def steps() -> tuple[Step, ...]:
    """All steps: before those that are named what else belongs to a signal, a delivery or a source, as notes do."""
    named = {step.model for step in STEPS}
    fields = (field for model in apps.get_models() if model not in named for field in model._meta.get_fields())
    return (*filter(None, map(step_of, fields)), *STEPS)


def step_of(field: Any) -> Step | None:
    """For a model with a field that protects what goes; None for any other field."""
    way = {AutomatedSignal: "__source__in", Delivery: "__source__in", Source: "__in"}.get(field.related_model)
    if way is None or not isinstance(field, ForeignKey) or field.remote_field.on_delete is not PROTECT:
        return None
    model, path = field.model, f"{field.name}{way}"
    return Step(
        str(model._meta.verbose_name_plural).capitalize(),
        model,
        lambda what: model._base_manager.filter(**{path: what.left}),
    )


# What a step finds only once those before it are done is counted by what it will find.
COUNTED: Mapping[Rows, Rows] = {
    unreferred: lambda what: Delivery.objects.filter(source__in=what.left),
    orphans: told_alone,
}


def counts(what: Scope) -> Iterator[tuple[str, int]]:
    """How many rows of each table go."""
    for name, _, rows in steps():
        if number := COUNTED.get(rows, rows)(what).count():
            yield name, number
    if number := what.left.count():
        yield "Sources, with their addresses and what was learned of them", number


def close(what: Scope, now: datetime) -> None:
    """Let nobody send for them any more. What was acknowledged before is still taken from the spool, and goes then."""
    open_ended = Q(expires_at=None) | Q(expires_at__gt=now)
    SourceToken.objects.filter(open_ended, source__in=what.left).update(expires_at=now)
    what.left.update(open_on_loopback=False)


def remove_some(what: Scope, lease: Lease, actor: str = "") -> int:
    """Delete the next few rows. Returns how many; 0 once nothing but the sources is left."""
    for _, model, rows in steps():
        with transaction.atomic():
            lease.confirm()
            found = list(rows(what).order_by()[:AT_ONCE])
            if found:
                count_records([], [row for row in found if isinstance(row, GapRecord) and row.state == OPEN])
                delete(model, [row.pk for row in found], what, actor)
                if rows is orphans:
                    put_right(found)
                elif rows is entries and not what.alone:
                    recount({entry.run_id for entry in found if entry.run_id})
                return len(found)
    return 0


def delete(model: type[Model], keys: Sequence[Any], what: Scope, actor: str) -> None:
    """What is guarded goes through the door, which tells it."""
    why = f"What was simulated is removed: {', '.join(what.names)}."
    with door.opened(model, keys, why=why, actor=actor, now=timezone.now()) if is_guarded(model) else nullcontext():
        model._base_manager.filter(pk__in=keys).delete()


def put_right(gone: list[PriceBar]) -> None:
    """What they stood over comes back: others' own closes are stored again, and the twin reads the symbol anew."""
    by_symbol: dict[str, list[datetime]] = defaultdict(list)
    for bar in gone:
        by_symbol[bar.symbol].append(bar.time)
    for symbol, times in by_symbol.items():
        store_bars(closes_told(symbol, times))
        for model in (ReplayedSignal, ReplayStretch, ReplayState):
            model._base_manager.filter(symbol=symbol).delete()
        first = PriceBar.objects.filter(symbol=symbol).order_by("time").values("pk")[:1]
        PriceBar.objects.filter(pk__in=first).update(fresh=True)
        Source.objects.filter(symbol=symbol, simulated=False).update(switched=True)


def recount(keys: Collection[int]) -> None:
    """Runs that stay count what is left of their entries, so that `verify_audit` finds the two agreed."""
    stay = list(SyncRun.objects.filter(pk__in=keys))
    left = entries_of_runs(stay)
    for run in stay:
        told = counts_told(left[run.pk])
        told["withdrawn"] = min(run.withdrawn, told["withdrawn"])
        SyncRun.objects.filter(pk=run.pk).update(**told)


def remove_sources(what: Scope, lease: Lease) -> int:
    """Delete the sources themselves. Raises ProtectedError where something of theirs has come in meanwhile."""
    with transaction.atomic():
        lease.confirm()
        number = what.left.count()
        what.left.delete()
        return number
