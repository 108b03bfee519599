"""Cycles over named signals: as a dry run, to show what they would do, or for good, in the person's name.

Both are `run_sync`, as the command and the schedule call it. It knows trade ids within one source, hence one call for
each source that the signals are of.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.telling.formats import some
from reconciliation.cycle.lease import BusyError
from reconciliation.cycle.report import TAKEN_BACK, WAITS, Report
from reconciliation.cycle.run import run_sync
from reconciliation.models import SyncRun
from signals.models import AutomatedSignal, Source

from .actions import ActionError

# A cycle of so many takes a few seconds, well within the time that a request may take.
AT_ONCE = 100
# What a preview works out; the rest is as likely.
SAMPLED = 40
# Seconds. Cycles mostly take less, and a task of the worker may take 100 in all (settings.Q_CLUSTER).
WAITED_FOR = 30


@dataclass(frozen=True, slots=True)
class Offer:
    """A value that a tier would put in."""

    signal: AutomatedSignal
    proposal: Mapping[str, Any]  # as in the report

    @property
    def waits(self) -> bool:
        """Whether it would wait for somebody's approval."""
        return bool(self.proposal["outcome"] == WAITS)


Which = tuple[str, str, int]


def by_source(signals: Iterable[AutomatedSignal]) -> Iterator[tuple[Source, dict[Which, AutomatedSignal]]]:
    """The signals of each source, by what tells them apart there."""
    grouped: dict[Source, dict[Which, AutomatedSignal]] = defaultdict(dict)
    for signal in signals:
        grouped[signal.source][signal.trade_id, signal.symbol, signal.life] = signal
    yield from sorted(grouped.items(), key=lambda item: item[0].name)


def ids_of(named: Iterable[Which]) -> list[str]:
    return list(dict.fromkeys(trade_id for trade_id, *_ in named))


def dry_run(
    signals: Sequence[AutomatedSignal], now: datetime, tiers: Collection[str] | None = None
) -> tuple[list[Offer], list[Report]]:
    """What a cycle over these signals would fill. Writes nothing."""
    offers, reports = [], []
    for source, named in by_source(signals):
        report = run_sync(
            now=now, trigger=SyncRun.Trigger.CONSOLE, tiers=tiers, trade_ids=ids_of(named), source=source, dry_run=True
        )
        reports.append(report)
        for each in report.proposals:
            signal = named.get((each["trade_id"], each["symbol"], each["life"]))
            if signal and each["outcome"] != TAKEN_BACK:
                offers.append(Offer(signal, each))
    return offers, reports


def carry_out(
    signals: Sequence[AutomatedSignal],
    now: datetime,
    actor: str,
    tiers: Collection[str] | None = None,
    run: Callable[..., Report] = run_sync,
) -> list[Report]:
    """Cycles over these signals; one where they are of one source. Raises ActionError when another is running."""
    try:
        return [
            run(
                now=now,
                trigger=SyncRun.Trigger.CONSOLE,
                actor=actor,
                tiers=tiers,
                trade_ids=ids_of(named),
                source=source,
            )
            for source, named in by_source(signals)
        ]
    except BusyError as error:
        raise ActionError(f"A cycle is running already: {error}. Try again in a moment.") from error


def run_when_free(**asked: Any) -> Report:
    """`run_sync` for the worker: while another cycle runs, wait for it. Raises BusyError when that takes too long."""
    for _ in range(WAITED_FOR):
        try:
            return run_sync(**asked)
        except BusyError:
            time.sleep(1)
    return run_sync(**asked)


def tried_on(sample: Sequence[AutomatedSignal], total: int) -> str:
    """How a sentence about a dry run begins, where it was one of the first signals only."""
    return f"Tried on the first {len(sample)} of them only, it" if len(sample) < total else "It"


def dry_run_summary(offers: Sequence[Offer], reports: Sequence[Report], it: str = "It") -> str:
    before, after = sum(each.gaps_before for each in reports), sum(each.gaps_after for each in reports)
    if not offers:
        return f"{it} would fill nothing: no tier knows a value that is missing."
    approval = sum(offer.waits for offer in offers)
    waiting = f", of which {approval} would wait for approval" if approval else ""
    gaps = f"Open gaps of these signals: {before} now, {after} then."
    return f"{it} would fill {some(len(offers), 'value')}{waiting}. {gaps}"


def run_summary(reports: Sequence[Report]) -> str:
    looked, filled = (sum(getattr(each, name) for each in reports) for name in ("signals_examined", "fills"))
    before, after = sum(each.gaps_before for each in reports), sum(each.gaps_after for each in reports)
    aside = sum(each.errors for each in reports)
    trouble = f" {some(aside, 'signal')} had to be set aside." if aside else ""
    return f"{some(looked, 'signal')} looked at, {some(filled, 'value')} filled, gaps {before} → {after}.{trouble}"
