"""How an incident is told: a title, what is wrong, the one thing to do, where, and what else is wrong. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard.telling.addresses import public
from dashboard.telling.formats import duration, wall

from .incidents import Life, Symptom, Told

TITLE = 120  # characters
LISTED = 5
BEFORE = {
    Told.FIRST: "",
    Told.WORSE: "Worse: ",
    Told.STILL: "Still: ",
    Told.ESCALATED: "Nobody saw to it: ",
    Told.RECOVERED: "Recovered: ",
}
UNHEARD = "Was wrong, and recovered: "


@dataclass(frozen=True, slots=True)
class Wording:
    title: str
    body: str
    link: str


def worded(
    told: Told,
    symptoms: Sequence[Symptom],
    life: Life,
    *,
    others: Collection[str],
    page: str,
    now: datetime,
    unheard: bool = False,
) -> Wording:
    """`symptoms` are of one incident, its cause first; `others` say what else is wrong; `page` is the incident's.

    The end of one that was `unheard` of tells its beginning, too.
    """
    head, over = symptoms[0], told == Told.RECOVERED
    before = UNHEARD if over and unheard else BEFORE[told]
    lasted = duration((now - life.opened_at).total_seconds())
    since = wall(life.opened_at)
    if over:
        lines = [f"It lasted {lasted}, since {since} New York.", "Nothing is to be done."]
        lines += ["You were not told when it began: no message could be delivered then."] if unheard else []
    else:
        lines = [symptom.says for symptom in symptoms[:LISTED]]
        more = len(symptoms) - LISTED
        lines += [f"And {more} more."] if more > 0 else []
        lines.append(f"Since {since} New York{'' if told == Told.FIRST else f', for {lasted}'}.")
        lines.append(f"To do: {head.todo or 'look at it.'}")
    link = public(page if over else head.link or page)
    lines += ["", link]
    if not over and head.link:
        lines.append(f"Acknowledge or snooze: {public(page)}")
    lines += ["", *what_else(others)]
    return Wording(f"{before}{head.says}"[:TITLE], "\n".join(lines), link)


def what_else(others: Collection[str]) -> list[str]:
    if not others:
        return ["Nothing else is known to be wrong."]
    listed = [f"- {says}" for says in list(others)[:LISTED]]
    more = len(others) - LISTED
    return ["What else is wrong:", *listed, *([f"- and {more} more"] if more > 0 else [])]
