"""The figures of Analysis: from signals as columns to tables that pages, API and exports show alike. Pure."""

from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from signals.vocabulary import TIMEFRAMES, Session, Status

from .choices import END, TARGETS, Choice
from .outcomes import End, Flags, Floats, Leg
from .reading import Group, Signals
from .statistics import Figure, mean, quantile, records, share, total

LEGS = {"be": "break-even leg", "stop": "original stop"}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MFE_BINS = (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7, 10, 15, 20)
MAE_BINS = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
QUARTERS = {"Lower quartile": 0.25, "Median": 0.5, "Upper quartile": 0.75}

Row = dict[str, Any]
Table = dict[str, Any]
Query = dict[str, str | list[str]]


@dataclass(frozen=True)
class Result:
    """One leg with its results by the reader's choice: `worth` in R, of the signals that are `known`; which of them
    rest on a fill."""

    leg: Leg
    worth: Floats
    known: Flags
    filled: Flags


@dataclass(frozen=True)
class Chosen:
    """The signals and both legs' results by the reader's choice."""

    signals: Signals
    choice: Choice
    be: Result
    stop: Result

    @classmethod
    def of(cls, signals: Signals, choice: Choice) -> "Chosen":
        target = choice.target
        return cls(signals, choice, result(signals.be, target, choice), result(signals.stop, target, choice))

    @property
    def legs(self) -> Mapping[str, Result]:
        return {"be": self.be, "stop": self.stop}


def counts(filled: Floats, choice: Choice) -> Flags:
    """Which values may be counted: what was heard, and fills that are trusted enough."""
    heard = np.isnan(filled)
    return heard if choice.confidence is None else heard | (filled >= choice.confidence)


def result(leg: Leg, target: float | None, choice: Choice) -> Result:
    worth = leg.worth(target)
    return Result(leg, worth, ~np.isnan(worth) & counts(leg.filled, choice), ~np.isnan(leg.filled))


def told_counts(chosen: Chosen) -> dict[str, Any]:
    """How many signals there are, and of the completed ones which are left out, by leg and why."""
    status = chosen.signals.status
    completed = status == Status.COMPLETED
    by_status = {name: int(np.count_nonzero(status == name)) for name in Status.values}
    left_out = {}
    for name, each in chosen.legs.items():
        ended = ~np.isnan(each.leg.at_end)
        measured = ~np.isnan(each.worth)
        left_out[name] = {
            "counted": int(np.count_nonzero(each.known)),
            "end_unknown": int(np.count_nonzero(completed & ~ended)),
            "mfe_unknown": int(np.count_nonzero(completed & ended & ~measured)),
            "fills_not_trusted": int(np.count_nonzero(completed & measured & ~each.known)),
        }
    return {"signals": len(chosen.signals), "by_status": by_status, "legs": left_out}


def legs_of(results: Mapping[str, Result], among: Flags | None = None, also: Flags | None = None) -> dict[str, Figure]:
    """Expectancy and win rate of both legs. `among` narrows the signals; `also` says what else is filled of them."""
    found = {}
    for name, each in results.items():
        known = each.known if among is None else each.known & among
        filled = (each.filled if also is None else each.filled | also)[known]
        worth = each.worth[known]
        found[f"{name}_expectancy"] = mean(worth, filled)
        found[f"{name}_win_rate"] = share(worth > 0, filled)
    return found


def confirmed_of(chosen: Chosen, among: Flags, also: Flags | None = None) -> Figure:
    """Of the signals that are decided, how many were confirmed: what is pending is neither."""
    status, trusted = chosen.signals.status, counts(chosen.signals.status_filled, chosen.choice)
    confirmed = (status == Status.CONFIRMED) | (status == Status.COMPLETED)
    decided = (confirmed | (status == Status.CANCELLED)) & among & trusted
    filled = ~np.isnan(chosen.signals.status_filled)
    return share(confirmed[decided], (filled if also is None else filled | also)[decided])


LEG_COLUMNS = [
    ["be_expectancy", "Expectancy, break-even leg", "r"],
    ["be_win_rate", "Win rate, break-even leg", "share"],
    ["stop_expectancy", "Expectancy, original stop", "r"],
    ["stop_win_rate", "Win rate, original stop", "share"],
]
CONFIRMED = ["confirmed", "Confirmed", "share"]


def table(name: str, title: str, of: str, columns: list[list[str]], rows: list[Row]) -> Table:
    """`columns` are key, title and kind: `r`, or `share` of 1."""
    return {"name": name, "title": title, "of": of, "columns": columns, "rows": rows, "says": ""}


def row(
    key: str, label: str, figures: Mapping[str, Figure], query: Query | None = None, narrow: Mapping[str, Query] = {}
) -> Row:
    """`query` narrows All Signals to the signals behind the row, `narrow` further to those behind a column of it."""
    return {"key": key, "label": label, "query": query or {}, "narrow": dict(narrow), "figures": records(figures)}


def ended(leg: str) -> Query:
    """Narrows All Signals to those whose leg's end is known."""
    return {"status": Status.COMPLETED.value, f"{leg}_end": [End.STOPPED.value, End.BREAK_EVEN.value, End.ORDER.value]}


DONE: Query = {"status": Status.COMPLETED.value}
MFE_OF = {"be": "be_mfe", "stop": "no_be_mfe"}


def scratched_query(target: float | None) -> Query:
    """Narrows All Signals to those that break-even ended before the target."""
    before: Query = {} if target is None else {"be_mfe_max": f"{target:g}"}
    return DONE | {"be_end": End.BREAK_EVEN.value} | before


def leg_queries(target: float | None) -> dict[str, Query]:
    """What narrows All Signals to the signals behind each leg's columns: of the win rate to those that won."""
    found: dict[str, Query] = {"confirmed": {"status": [Status.CONFIRMED.value, Status.COMPLETED.value]}}
    for leg, mfe in MFE_OF.items():
        won: Query = {} if target is None else {f"{mfe}_min": f"{target:g}"}
        found |= {f"{leg}_expectancy": ended(leg), f"{leg}_total": ended(leg), f"{leg}_win_rate": ended(leg) | won}
    return found


def overall(chosen: Chosen) -> Table:
    """What each leg came to."""
    rows = []
    for name, each in chosen.legs.items():
        worth, filled = each.worth[each.known], each.filled[each.known]
        figures = {
            "expectancy": mean(worth, filled),
            "win_rate": share(worth > 0, filled),
            "scratched": share(worth == 0, filled),
            "total": total(worth, filled),
        }
        narrow = {"win_rate": leg_queries(chosen.choice.target)[f"{name}_win_rate"]}
        if name == "be":
            narrow["scratched"] = scratched_query(chosen.choice.target)
        rows.append(row(name, LEGS[name].capitalize(), figures, ended(name), narrow))
    columns = [
        ["expectancy", "Expectancy", "r"], ["win_rate", "Win rate", "share"], ["scratched", "Ended at 0 R", "share"],
        ["total", "Sum of results", "r"],
    ]  # fmt: skip
    return table("overall", "Both legs", "Leg", columns, rows)


def by_target(signals: Signals, choice: Choice) -> Table:
    rows = []
    for target in (*TARGETS, None):
        results = {name: result(leg, target, choice) for name, leg in (("be", signals.be), ("stop", signals.stop))}
        label = "none, to its end" if target is None else f"{target:g} R"
        key = END if target is None else f"{target:g}"
        rows.append(row(key, label, legs_of(results), DONE, leg_queries(target)))
    return table("target", "R by target", "Target", LEG_COLUMNS, rows)


GROUP_TITLES = {
    "session": "By session", "direction": "By direction", "weekday": "By weekday", "hour": "By hour",
    "source": "By source", "symbol": "By symbol",
}  # fmt: skip
SESSIONS = {session.value: str(session.label) for session in Session}
FRAME_NAMES = dict(zip(TIMEFRAMES, ("Daily", "4 h", "1 h", "15 min", "5 min", "1 min"), strict=True))


def group_label(name: str, value: str) -> str:
    if name == "session":
        return SESSIONS.get(value, value)
    if name == "weekday":
        return WEEKDAYS[int(value) - 1]
    return f"{int(value):02}:00" if name == "hour" else value


def in_order(name: str, group: Group) -> list[str]:
    """The group's values as people expect them: sessions of a day, hours and weekdays by number."""
    if name == "session":
        known = list(SESSIONS)
        return sorted(group.values, key=lambda value: (known.index(value) if value in known else len(known), value))
    return sorted(group.values, key=int) if name in ("weekday", "hour") else list(group.values)


def group_rows(chosen: Chosen, name: str, label: Callable[[str], str], values: list[str]) -> Iterator[Row]:
    """A row for each value; what it follows from may be filled, and then counts as far as it is trusted."""
    group = chosen.signals.groups[name]
    trusted, filled = counts(group.filled, chosen.choice), ~np.isnan(group.filled)
    for value in values:
        among = (group.code == group.values.index(value)) & trusted
        figures = legs_of(chosen.legs, among, filled) | {"confirmed": confirmed_of(chosen, among, filled)}
        yield row(value, label(value), figures, {name: value}, leg_queries(chosen.choice.target))
    rest = (group.code == -1) | ~trusted
    if np.any(rest):
        figures = legs_of(chosen.legs, rest) | {"confirmed": confirmed_of(chosen, rest)}
        yield row("", label("") if name.startswith("htf") else "not known", figures)


def by_group(chosen: Chosen, name: str) -> Table:
    values = in_order(name, chosen.signals.groups[name])
    rows = list(group_rows(chosen, name, lambda value: group_label(name, value), values))
    return table(name, GROUP_TITLES[name], GROUP_TITLES[name].removeprefix("By ").capitalize(),
                 [*LEG_COLUMNS, CONFIRMED], rows)  # fmt: skip


def timeframes(chosen: Chosen) -> Table:
    rows = []
    for frame, name in FRAME_NAMES.items():
        key = f"htf_{frame}"
        values = list(chosen.signals.groups[key].values)
        found = list(group_rows(chosen, key, lambda value, name=name: f"{name}: {value or 'not known'}", values))  # type: ignore[misc]
        rows += [each | {"key": f"{frame}:{each['key']}"} for each in found]
    return table("htf", "By higher timeframe", "Timeframe", [*LEG_COLUMNS, CONFIRMED], rows)


def break_even(chosen: Chosen) -> Table:
    """Trades that break-even ended: what the leg with the original stop made of them."""
    be, stop = chosen.be, chosen.stop
    both = be.known & stop.known
    scratched = both & (be.leg.end == End.BREAK_EVEN) & (be.worth == 0)
    filled = be.filled | stop.filled
    won, lost = stop.worth[scratched] > 0, stop.worth[scratched] < 0
    kept = (be.worth - stop.worth)[scratched]
    query, target = scratched_query(chosen.choice.target), chosen.choice.target
    won_too, lost_too = query, query | {"stop_end": End.STOPPED.value}
    if target is not None:
        won_too, lost_too = query | {"no_be_mfe_min": f"{target:g}"}, lost_too | {"no_be_mfe_max": f"{target:g}"}
    rows = [
        row("scratched", "Ended at break-even before the target",
            {"share": share(scratched[both], filled[both])}, query),
        row("won", "of these, the original stop reached the target", {"share": share(won, filled[scratched])}, won_too),
        row("saved", "of these, the original stop was hit: a loss saved", {"share": share(lost, filled[scratched])},
            lost_too),
        row("kept", "What break-even kept of each, in R: less than 0 is what it cost",
            {"r": mean(kept, filled[scratched])}, query),
    ]  # fmt: skip
    columns = [["share", "Share", "share"], ["r", "R a trade", "r"]]
    return table("break_even", "Break-even", "Trades", columns, rows)


@dataclass(frozen=True)
class Measured:
    """A measurement of some of the signals: its values, and which of them are filled."""

    values: Floats
    filled: Flags

    @classmethod
    def of(cls, values: Floats, filled: Floats, among: Flags, choice: Choice) -> "Measured":
        known = among & ~np.isnan(values) & counts(filled, choice)
        return cls(values[known], ~np.isnan(filled)[known])


def measurements(chosen: Chosen) -> dict[str, tuple[str, str, Measured]]:
    """Excursions by key: which kind each is, what it is called, and its values."""
    signals, choice = chosen.signals, chosen.choice
    completed = signals.status == Status.COMPLETED
    won, lost = {}, {}
    for name, each in chosen.legs.items():
        won[name], lost[name] = each.known & (each.worth > 0), each.known & (each.worth < 0)

    def mae(among: Flags) -> Measured:
        return Measured.of(signals.mae, signals.mae_filled, among, choice)

    def mfe(leg: Leg, among: Flags) -> Measured:
        return Measured.of(leg.mfe, leg.filled, among, choice)

    return {
        "mfe_be": ("mfe", "MFE, break-even leg", mfe(signals.be, completed)),
        "mfe_stop": ("mfe", "MFE, original stop", mfe(signals.stop, completed)),
        "mfe_be_losers": ("mfe", "MFE of losers, break-even leg", mfe(signals.be, lost["be"])),
        "mfe_stop_losers": ("mfe", "MFE of losers, original stop", mfe(signals.stop, lost["stop"])),
        "mae_all": ("mae", "MAE", mae(completed)),
        "mae_be_winners": ("mae", "MAE of winners, break-even leg", mae(won["be"])),
        "mae_stop_winners": ("mae", "MAE of winners, original stop", mae(won["stop"])),
        "mae_stop_losers": ("mae", "MAE of losers, original stop", mae(lost["stop"])),
    }


def excursions(chosen: Chosen) -> Table:
    """How far trades went for and against, by quartiles."""
    columns = [[title.lower().replace(" ", "_"), title, "r"] for title in QUARTERS]
    rows = []
    for key, (_, label, each) in measurements(chosen).items():
        found = [quantile(each.values, each.filled, part) for part in QUARTERS.values()]
        rows.append(row(key, label, dict(zip([name for name, *_ in columns], found, strict=True)), DONE))
    return table("excursions", "Excursions", "In R", columns, rows)


def distribution(chosen: Chosen, kind: str, title: str, edges: tuple[float, ...], sign: float = 1) -> Table:
    """The share of trades in each stretch of an excursion, of each measurement of the kind.

    `edges` are sizes; the first stretch also takes what lies on the wrong side of 0.
    """
    found = {key: (label, each) for key, (its, label, each) in measurements(chosen).items() if its == kind}
    columns = [[key, label, "share"] for key, (label, _) in found.items()]
    stretch = {key: np.digitize(sign * each.values, edges[1:]) for key, (_, each) in found.items()}
    rows = []
    for n, start in enumerate(edges):
        figures = {key: share(stretch[key] == n, each.filled) for key, (_, each) in found.items()}
        end = edges[n + 1] if n + 1 < len(edges) else None
        begins = f"{sign * start:g}" if start else "0"
        label = f"{begins} and beyond" if end is None else f"{begins} to {sign * end:g}"
        narrow = {key: stretch_query(key, start if n else None, end) for key in found}
        rows.append(row(begins, label, figures, DONE, narrow))
    return table(kind, f"Distribution of {title}", "R", columns, rows)


def stretch_query(key: str, start: float | None, end: float | None) -> Query:
    """What narrows All Signals to those whose measurement lies in the stretch; sizes, of MAE too."""
    kind, leg = key.split("_")[:2]
    if kind == "mae":
        ends = {"mae_max": start and -start, "mae_min": end and -end}
    else:
        ends = {f"{MFE_OF[leg]}_min": start, f"{MFE_OF[leg]}_max": end}
    return {name: f"{value:g}" for name, value in ends.items() if value is not None}


def by_month(chosen: Chosen) -> Table:
    """By the month of the signal."""
    group = chosen.signals.groups["month"]
    trusted, also = counts(group.filled, chosen.choice), ~np.isnan(group.filled)
    rows = []
    for n, month in enumerate(group.values):
        among = (group.code == n) & trusted
        figures = legs_of(chosen.legs, among, also)
        for name, each in chosen.legs.items():
            known = each.known & among
            figures[f"{name}_total"] = total(each.worth[known], (each.filled | also)[known])
        year, number = map(int, month.split("-"))
        last = monthrange(year, number)[1]
        dates: Query = {"date_from": f"{month}-01", "date_to": f"{month}-{last}"}
        rows.append(row(month, month, figures, dates, leg_queries(chosen.choice.target)))
    columns = [
        ["be_total", "Sum, break-even leg", "r"], ["be_expectancy", "Expectancy", "r"],
        ["stop_total", "Sum, original stop", "r"], ["stop_expectancy", "Expectancy", "r"],
    ]  # fmt: skip
    return table("month", "Over time", "Month", columns, rows)
