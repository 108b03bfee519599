"""Which steps of a signal's life have not been told yet. Pure."""

from dataclasses import dataclass

from signals.models import AutomatedSignal
from signals.vocabulary import SHOWN_ORIGINS, Approval, Origin, Status

from .kinds import Kind

RUNNING = (Status.CONFIRMED, Status.COMPLETED)
SURE = "sure"


@dataclass(frozen=True, slots=True)
class Told:
    """What was last told: its status, as what replay's find it was told, and how often anything was."""

    status: str = Status.PENDING
    found: str = ""
    revision: int = 0


def found_as(signal: AutomatedSignal) -> str:
    """How sure replay is of it: `waiting` for approval, `sure`, or "" for one that alerts told of."""
    if signal.origin != Origin.REPLAY:
        return ""
    return Approval.WAITING.value if signal.approval == Approval.WAITING else SURE


def is_shown(signal: AutomatedSignal) -> bool:
    return signal.origin in SHOWN_ORIGINS


def current(signal: AutomatedSignal, revision: int = 0) -> Told:
    """All that there is to tell, told. What waits for approval is no signal yet: its status is told when it is."""
    found = found_as(signal)
    counts = is_shown(signal) and found != Approval.WAITING
    return Told(signal.status if counts else Status.PENDING, found, revision)


def untold(told: Told, signal: AutomatedSignal) -> list[Kind]:
    """What has to be told, in the order in which it happened."""
    now, kinds = current(signal), []
    if now.found and now.found != told.found:
        kinds.append(Kind.FOUND)
    if told.found and not is_shown(signal):
        kinds.append(Kind.WITHDRAWN)
    if now.status in RUNNING and told.status not in RUNNING:
        kinds.append(Kind.CONFIRMED)
    if now.status == Status.COMPLETED and told.status != Status.COMPLETED:
        kinds.append(Kind.COMPLETED)
    if now.status == Status.CANCELLED and told.status != Status.CANCELLED:
        kinds.append(Kind.CANCELLED)
    return kinds
