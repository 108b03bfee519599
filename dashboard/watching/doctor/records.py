"""Whether what is stored could be read, derived and synced."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

from django.db import transaction

from reconciliation.models import SetAside
from signals.models import AutomatedSignal, Quarantine
from signals.signal.rebuilding import differences, rederive

from .result import Result, bad, good

SAMPLE = 50


def quarantine(now: datetime) -> Result:
    waiting = Quarantine.objects.filter(state=Quarantine.State.OPEN).count()
    if waiting:
        return bad(
            f"{waiting} deliveries could not be read. Nothing is lost: mend and replay them, or dismiss them, in the"
            " console under Quarantine."
        )
    return good("No delivery waits in quarantine.")


def set_aside(now: datetime) -> Result:
    rows = SetAside.objects.order_by("retry_at")
    first = rows.select_related("signal").first()
    if first is None:
        return good("No signal is set aside.")
    return bad(
        f"{rows.count()} signals were set aside after an error, the next to be tried again is {first.signal.trade_id}:"
        f" {headline(first.error)} They are tried again by themselves, or now by"
        f" `manage.py runsync --trade-id {first.signal.trade_id}`; an error that stays is a bug to report."
    )


def rebuild_errors(now: datetime) -> Result:
    """Events whose signal could not be derived: they are stored, and its row knows less than they say."""
    rows = AutomatedSignal.objects.exclude(rebuild_error="")
    first = rows.order_by("pk").first()
    if first is None:
        return good("Every signal could be derived from its events.")
    return bad(
        f"{rows.count()} signals could not be derived from their events, the first is {first.trade_id}:"
        f" {headline(first.rebuild_error)} Each cycle tries again, as does `manage.py rebuild_signals`; an error that"
        " stays is a bug to report."
    )


def headline(error: str) -> str:
    return error.strip().split("\n")[0][:200] or "no reason was noted."


def derivation(now: datetime) -> Result:
    """Invariant 2 on the newest signals: each is what its events and fills add up to.

    An event may arrive between reading a signal and its events, so what differs is looked at a second time.
    """
    newest = list(AutomatedSignal.objects.order_by("-first_event_at", "-pk")[:SAMPLE])
    wrong = differing(newest)
    if wrong:
        wrong = differing(AutomatedSignal.objects.filter(pk__in=wrong))
    if wrong:
        return bad(
            f"Of the {len(newest)} newest signals, {len(wrong)} are not what their events and fills add up to, as"
            f" {min(wrong.values())}. `manage.py rebuild_signals --check` lists all, without --check it corrects them."
        )
    return good(f"The {len(newest)} newest signals are what their events and fills add up to.")


def differing(signals: Iterable[AutomatedSignal]) -> dict[int, str]:
    """Trade ids, by key, of signals whose rows differ from what is derived."""
    by_source = groupby(sorted(signals, key=lambda signal: signal.source_id), key=lambda signal: signal.source_id)
    with transaction.atomic():
        pairs = [pair for _, group in by_source for pair in rederive(list(group))]
    return {signal.pk: signal.trade_id for signal, fresh in pairs if differences(signal, fresh)}
