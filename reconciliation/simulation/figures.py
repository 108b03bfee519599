"""The figures of a truth test: summed over its days, as a table and as a drawing. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Self

from .judging import EVENTS, Outcome

# In the order in which they are told: who heard or filled a value.
GROUPS = (EVENTS, "0", "1", "3", "2", "replay", "inference")
TITLES = {EVENTS: "events", "replay": "replay", "inference": "inference"} | {n: f"tier {n}" for n in "0123"}
# Shares of all values, from the left: what they are called, and their colours.
PARTS = {
    "told": ("told by alerts", "#1d4ed8"),
    "filled": ("filled, right", "#0d9488"),
    "bound": ("filled, at least", "#99d5cd"),
    "open": ("open", "#e5e7eb"),
    "unknown": ("of unknown signals", "#9ca3af"),
    "wrong": ("wrong", "#dc2626"),
}
WIDTH, LEFT, BAR, ROW, TOP = 760, 90, 480, 20, 64


@dataclass
class Figures:
    """All days of one means and one level. `seeds` has each day's share of values that are right, `wrong` which fields
    were not."""

    means: str
    level: float
    signals: int = 0
    heard: int = 0
    found: int = 0
    lost: int = 0
    invented: int = 0
    certain_and_wrong: int = 0
    by: dict[str, Counter[str]] = field(default_factory=dict)  # who: outcomes
    seeds: dict[str, float] = field(default_factory=dict)
    wrong: dict[str, int] = field(default_factory=dict)

    def add(self, day: Mapping[str, Any]) -> None:
        for name in ("signals", "heard", "found", "lost", "invented"):
            setattr(self, name, getattr(self, name) + day[name])
        self.certain_and_wrong += len(day["certain_and_wrong"])
        outcomes: Counter[str] = Counter()
        for who, name, outcome, count in day["values"]:
            self.by.setdefault(who, Counter())[outcome] += count
            outcomes[outcome] += count
            if outcome == Outcome.WRONG:
                self.wrong[name] = self.wrong.get(name, 0) + count
        self.seeds[str(day["seed"])] = round(outcomes[Outcome.RIGHT] / (outcomes.total() or 1), 4)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**{**stored, "by": {who: Counter(counts) for who, counts in stored["by"].items()}})

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "by": {who: dict(sorted(counts.items())) for who, counts in sorted(self.by.items())}}

    @property
    def values(self) -> int:
        return sum(counts.total() for counts in self.by.values())

    def shares(self) -> dict[str, float]:
        """The parts of all values, by the names of PARTS; they add up to 1."""
        told = self.by.get(EVENTS, Counter())
        every: Counter[str] = sum(self.by.values(), Counter())
        counts = {
            "told": told[Outcome.RIGHT],
            "filled": every[Outcome.RIGHT] - told[Outcome.RIGHT],
            "bound": every[Outcome.BOUND],
            "open": every[Outcome.OPEN],
            "unknown": every[Outcome.UNKNOWN],
            "wrong": every[Outcome.WRONG],
        }
        return {name: count / (self.values or 1) for name, count in counts.items()}


def summed(days: Iterable[Mapping[str, Any]]) -> list[Figures]:
    """By means and level, in the order in which they were measured."""
    found: dict[tuple[str, float], Figures] = {}
    for day in days:
        key = day["means"], day["level"]
        found.setdefault(key, Figures(*key)).add(day)
    return list(found.values())


def table(rows: Sequence[Figures]) -> Iterator[str]:
    """For people: of each means and level how it went, and under it what each tier put in."""
    for row in rows:
        shares = row.shares()
        yield (
            f"{row.means}, {row.level:.0%} lost: {row.heard} of {row.signals} signals heard, {row.found} found by"
            f" replay, {row.lost} lost, {row.invented} invented"
        )
        yield "  " + ", ".join(f"{PARTS[name][0]} {share:.1%}" for name, share in shares.items())
        by_seed = ", ".join(f"{seed}: {share:.1%}" for seed, share in row.seeds.items())
        yield f"  right by seed: {by_seed}; at 1.0 and wrong: {row.certain_and_wrong}"
        for who in GROUPS:
            if counts := row.by.get(who):
                told = ", ".join(f"{counts[each]} {each}" for each in (Outcome.RIGHT, Outcome.BOUND, Outcome.WRONG))
                yield f"    {TITLES[who]:10} {told}"
        if row.wrong:
            worst = sorted(row.wrong.items(), key=lambda pair: -pair[1])
            yield "    wrong are " + ", ".join(f"{name} {count}" for name, count in worst)


def drawing(rows: Sequence[Figures]) -> str:
    """An SVG: a panel for each means, in it a bar for each level."""
    panels: dict[str, list[Figures]] = {}
    for row in rows:
        panels.setdefault(row.means, []).append(row)
    shapes, y = list(legend()), TOP
    for means, levels in panels.items():
        shapes.append(text(16, y, means, weight="600"))
        for row in levels:
            y += ROW
            shapes.append(text(LEFT - 8, y + 2, f"{row.level:.0%} lost", anchor="end"))
            shapes += bar(row, y - 11)
        y += 2 * ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" font-family="sans-serif" font-size="12"'
        ' role="img" aria-label="What became of every value, by share of alerts lost">'
        f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>{"".join(shapes)}</svg>\n'
    )


def legend() -> Iterator[str]:
    x = 16.0
    for title, colour in PARTS.values():
        yield f'<rect x="{x:g}" y="18" width="12" height="12" fill="{colour}"/>'
        yield text(x + 17, 28, title)
        x += 42 + 7.0 * len(title)


def bar(row: Figures, y: int) -> Iterator[str]:
    x = float(LEFT)
    shares = row.shares()
    for name, (title, colour) in PARTS.items():
        width = BAR * shares[name]
        yield (
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="15" fill="{colour}">'
            f"<title>{escape(title)}: {shares[name]:.1%}</title></rect>"
        )
        x += width
    right = shares["told"] + shares["filled"]
    yield text(LEFT + BAR + 8, y + 12, f"{right:.1%} right, {shares['wrong']:.1%} wrong")


def text(x: float, y: float, said: str, *, anchor: str = "start", weight: str = "400") -> str:
    place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text {place} fill="#111827">{escape(said)}</text>'
