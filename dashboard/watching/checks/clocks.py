"""Whether this machine's clock is right, by what others say of it."""

from datetime import datetime, timedelta

from django.conf import settings

from dashboard.telling.formats import duration
from signals.receiving.clocknotes import Noted, Witness, noted

from .result import Problem, Result, Severity, judged

UNANSWERED = timedelta(hours=3)
SAYS = {
    Witness.LOG: "by TradingView's alert log",
    Witness.PAYLOAD: "for alerts came before the bars that they tell of had closed",
    Witness.SERVER: "by the time server",
}
TODO = (
    "Set the clock (`timedatectl` shows whether NTP does). Then import the alert log of that time: what was received"
    " under the wrong clock gets the log's times (docs/clocks.md)."
)


def clock_offset(now: datetime) -> Result:
    """What is received is judged by the minute: a clock that is off puts events into bars that they are not of."""
    said = list(noted(now))
    faults = [
        Problem(told(each), TODO, Severity.BAD if each.witness == Witness.SERVER else Severity.WARN)
        for each in said
        if each.is_off
    ]
    answered = any(each.witness == Witness.SERVER and now - each.at < UNANSWERED for each in said)
    if settings.TIME_SERVER and not answered:
        says = "The time server has not answered in the last hours."
        faults.append(Problem(says, "Check TIME_SERVER, and that the worker runs.", Severity.INFO))
    return judged(
        faults, "Nobody says that the clock is off." if said else "Nobody has said anything of the clock yet."
    )


def told(each: Noted) -> str:
    side = "ahead" if each.ahead > timedelta(0) else "behind"
    much = duration(abs(each.ahead).total_seconds())
    return f"This machine's clock was {much} {side} at {each.at:%Y-%m-%d %H:%M}Z, {SAYS[each.witness]}."
