"""Whether what is stored could be read, derived and synced."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

from django.db import connection, transaction

from dashboard.telling.addresses import address
from dashboard.telling.formats import some, were
from reconciliation.guarding import triggers
from reconciliation.models import SetAside
from reconciliation.sealing.checking import check
from signals.models import AutomatedSignal, Quarantine
from signals.signal.rebuilding import differences, rederive
from signals.storage.paging import counted

from .result import Problem, Result, Severity, bad, good, judged

SAMPLE = 50
NEWEST_LINKS = 20


def quarantine(now: datetime) -> Result:
    """What could not be read: damaged messages of the indicator, and apart from them messages of other alerts."""
    return judged([*damaged(), *foreign()], "No delivery waits in quarantine.")


def unread(*, foreign: bool) -> int:
    return counted(Quarantine.objects.filter(state=Quarantine.State.OPEN, foreign=foreign))


def damaged() -> Iterator[Problem]:
    if not (number := unread(foreign=False)):
        return
    plural = "delivery" if number == 1 else "deliveries"
    yield Problem(
        f"{number:,} {plural} could not be read and {were(number)} quarantined.",
        "Nothing is lost: mend and replay, or dismiss, in the console under Quarantine.",
        severity=Severity.WARN,
        link=address("quarantine"),
        label="Mend and replay",
    )


def foreign() -> Iterator[Problem]:
    if not (number := unread(foreign=True)):
        return
    are = "is no message" if number == 1 else "are no messages"
    yield Problem(
        f"{some(number, 'alert')} could not be read: {'it' if number == 1 else 'they'} {are} of the indicator.",
        "Nothing is lost: use or teach the format, or dismiss, in the console under Unknown formats.",
        severity=Severity.WARN,
        link=address("unknown-formats"),
        label="Unknown formats",
    )


def set_aside(now: datetime) -> Result:
    rows = SetAside.objects.order_by("retry_at")
    first = rows.select_related("signal").first()
    if first is None:
        return good("No signal is set aside.")
    number = counted(rows)
    return bad(
        f"{some(number, 'signal')} {were(number)} set aside after an error.",
        f"They are tried again by themselves, or now by `manage.py runsync --trade-id {first.signal.trade_id}`; an"
        " error that stays is a bug to report.",
        severity=Severity.WARN,
        link=address("set-aside"),
        label="Set aside",
        detail=f"First {first.signal.trade_id}: {headline(first.error)}",
    )


def rebuild_errors(now: datetime) -> Result:
    """Events whose signal could not be derived: they are stored, and its row knows less than they say."""
    rows = AutomatedSignal.objects.exclude(rebuild_error="")
    first = rows.order_by("pk").first()
    if first is None:
        return good("Every signal could be derived from its events.")
    return bad(
        f"{some(counted(rows), 'signal')} could not be derived from the events.",
        "Each cycle tries again, as does `manage.py rebuild_signals`; an error that stays is a bug to report.",
        link=address("signal", first.pk),
        label=first.trade_id,
        detail=f"First {first.trade_id}: {headline(first.rebuild_error)}",
    )


def audit_chain(now: datetime) -> Result:
    """Whether the newest entries of the audit log are what was sealed, and the guards stand."""
    found, faults = check(newest=NEWEST_LINKS), []
    if found.found:
        faults.append(
            Problem(
                f"The audit log is not what was sealed: {found.faults[0]}",
                "Somebody's hand was in the database. `manage.py verify_audit` names all that differs;"
                " docs/security.md, Seals, says what that proves.",
            )
        )
    if lacking := triggers.lacking(connection):
        faults.append(
            Problem(
                f"{some(len(lacking), 'guard')} {were(len(lacking))} taken away: what was received can be changed.",
                "`manage.py migrate` puts them up again; then see `manage.py verify_audit` and `verify_deliveries`.",
                detail=f"Missing: {', '.join(sorted(lacking))}.",
            )
        )
    return judged(faults, f"The {found.entries:,} newest sealed entries of the audit log are as they were.")


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
            f" {min(wrong.values())}.",
            "`manage.py rebuild_signals --check` lists all, without --check it corrects them.",
        )
    return good(f"The {len(newest)} newest signals are what their events and fills add up to.")


def differing(signals: Iterable[AutomatedSignal]) -> dict[int, str]:
    """Trade ids, by key, of signals whose rows differ from what is derived."""
    by_source = groupby(sorted(signals, key=lambda signal: signal.source_id), key=lambda signal: signal.source_id)
    with transaction.atomic():
        pairs = [pair for _, group in by_source for pair in rederive(list(group))]
    return {signal.pk: signal.trade_id for signal, fresh in pairs if differences(signal, fresh)}
