"""Taking in files of price bars: idempotent, in flat memory, the dirty ones refused and kept with the reason."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q

from signals import measuring
from signals.clock import MINUTE, bar_of
from signals.market import Market
from signals.models import PriceBar, RefusedBar, SignalEvent
from signals.storage.queries import batches
from signals.symbols import normalised
from signals.vocabulary import EventType

from .judging import Judge, Judged
from .reading import BadRowError, FileBar, NotBarsError, Remedy, read_bars
from .storing import Bar, keep_refused, store_bars

AT_ONCE = 2_000  # bars in one transaction
DIRTY = 0.1  # share of a day's bars that were refused, from which on the day is called dirty
LEAST = 20  # bars of a day from which on its share tells something
MOST_ENTRIES = 20_000  # that are asked what a file's times mean, newest first
WITNESSES = 3  # ENTRYs whose price is the close of a bar: fewer prove nothing about the file's times


@dataclass(slots=True)
class ImportedBars:
    """What an import did. `unchanged` bars were stored before, by this file or by a better origin."""

    rows: int = 0
    stored: int = 0
    unchanged: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    by_day: dict[date, list[int]] = field(default_factory=dict)  # rows, refused

    def note(self, judged: Judged) -> None:
        day = self.by_day.setdefault(judged.bar.time.date(), [0, 0])
        day[0] += 1
        if judged.reason:
            day[1] += 1
            self.refuse(judged.reason)

    def refuse(self, reason: str) -> None:
        self.refused += 1
        self.reasons[reason] += 1

    @property
    def dirty_days(self) -> dict[str, str]:
        """Days on which many bars were refused: day, and how many of how many."""
        return {
            day.isoformat(): f"{bad} of {rows}"
            for day, (rows, bad) in sorted(self.by_day.items())
            if rows >= LEAST and bad > rows * DIRTY
        }

    def as_json(self) -> dict[str, Any]:
        counts = {name: getattr(self, name) for name in ("rows", "stored", "unchanged", "refused")}
        return {**counts, "reasons": dict(self.reasons.most_common()), "dirty_days": self.dirty_days}


def import_bars(
    read: Callable[[], Iterable[str]],
    *,
    symbol: str = "",
    hours: Market,
    closes: bool = False,
    dry_run: bool = False,
    skip: int = 0,
    done: ImportedBars | None = None,
    progress: Callable[[int], Any] = lambda rows: None,
) -> ImportedBars:
    """Take in one file of one-minute bars.

    `read` opens its lines anew each time, for it is read twice: what its times mean is settled before anything is
    stored. `symbol` is that of all its bars ("": the file names each bar's). A dry run counts and stores nothing.
    `skip` rows were stored before, by an import that was cut off after `progress` had told of so many. Counts are added
    to `done`, which `progress` may look at.
    Raises NotBarsError for a file that is none, that names no symbol, whose bars are longer than a minute, or whose
    times mean something else than was said.
    """
    check((row for row in rows_of(read(), symbol, closes) if isinstance(row, FileBar)), closes=closes)
    done = ImportedBars() if done is None else done
    for number, some in enumerate(batches(judged_of(rows_of(read(), symbol, closes), hours), AT_ONCE)):
        if number * AT_ONCE >= skip:
            store(some, done, dry_run=dry_run)
            progress(len(some))
    measuring.settle()
    return done


def rows_of(lines: Iterable[str], symbol: str, closes: bool) -> Iterator[FileBar | BadRowError]:
    """The bars with their symbol, and why a row is none."""
    for row in read_bars(lines, closes=closes):
        if isinstance(row, BadRowError):
            yield row
            continue
        named = normalised(symbol) or row.symbol
        if not named:
            raise NotBarsError("it does not name its symbol", Remedy.SYMBOL)
        yield row._replace(symbol=named)


def judged_of(rows: Iterable[FileBar | BadRowError], hours: Market) -> Iterator[Judged | BadRowError]:
    """Each row once, though not in their order: a bar is judged by those behind it."""
    judges: dict[str, Judge] = {}
    for row in rows:
        if isinstance(row, BadRowError):
            yield row
        else:
            yield from judges.setdefault(row.symbol, Judge(hours)).add(row)
    for judge in judges.values():
        yield from judge.finish()


def check(bars: Iterable[FileBar], *, closes: bool) -> None:
    """Raise NotBarsError when the file's bars are no one-minute bars in order, or its times are not what was said.

    ENTRY's price is the close of the bar that opened a minute before ENTRY fired: that tells what times mean.
    """
    entries: dict[str, dict[datetime, Decimal]] = {}
    last: dict[str, datetime] = {}
    steps: Counter[timedelta] = Counter()
    as_said = otherwise = 0
    shift = -MINUTE if closes else MINUTE  # of a bar whose time means the other thing
    for bar in bars:
        if bar.symbol in last:
            steps[bar.time - last[bar.symbol]] += 1
        last[bar.symbol] = bar.time
        if bar.symbol not in entries:
            entries[bar.symbol] = entries_of(bar.symbol)
        heard = entries[bar.symbol]
        as_said += heard.get(bar.time) == bar.close
        otherwise += heard.get(bar.time - shift) == bar.close
    if steps and min(steps) > MINUTE:
        raise NotBarsError(f"its bars are {min(steps) // MINUTE} minutes long or more: export the one-minute chart")
    if steps and sum(steps.values()) == sum(count for step, count in steps.items() if step < timedelta()):
        raise NotBarsError("its bars are newest first: sort it by time")
    if otherwise >= WITNESSES and otherwise > 2 * as_said:
        means, remedy = ("opens", Remedy.OPENS) if closes else ("closes", Remedy.CLOSES)
        fit = f"{otherwise} entry prices that were heard fit so, {as_said} as said"
        raise NotBarsError(f"its times are the bars' {means}: {fit}", remedy)


def entries_of(symbol: str, span: tuple[datetime, datetime] | None = None) -> dict[datetime, Decimal]:
    """Entry prices that the symbol's indicators have told, by the open of ENTRY's bar.

    With a `span` only those of bars that open in [start, end).
    """
    of_symbol = Q(signal__symbol=symbol) | Q(signal__symbol="", source__symbol=symbol)
    events = SignalEvent.objects.filter(of_symbol, type=EventType.ENTRY)
    if span:
        events = events.filter(fire_minute__gte=span[0] + MINUTE, fire_minute__lt=span[1] + MINUTE)
    told = events.order_by("-fire_minute").values_list("fire_minute", "facts")[:MOST_ENTRIES]
    return {bar_of(fired): Decimal(facts["entry_price"]) for fired, facts in told if "entry_price" in facts}


def store(
    rows: Sequence[Judged | BadRowError], done: ImportedBars, *, dry_run: bool, origin: int = PriceBar.Origin.FILE
) -> None:
    """Store what is believed and keep what is refused, in one transaction."""
    judged = [row for row in rows if isinstance(row, Judged)]
    believed = [Bar(**each.bar._asdict(), kind=PriceBar.Kind.BAR, origin=origin) for each in judged if not each.reason]
    refused = [RefusedBar(**each.bar._asdict(), reason=each.reason) for each in judged if each.reason]
    with transaction.atomic():
        stored = store_bars(believed)
        keep_refused(refused)
        transaction.set_rollback(dry_run)
    done.rows += len(rows)
    done.stored += stored
    done.unchanged += len(believed) - stored
    if not dry_run and origin == PriceBar.Origin.FILE:
        figures = {"stored": stored, "unchanged": len(believed) - stored, "refused": len(rows) - len(believed)}
        for outcome, number in figures.items():
            measuring.observe(measuring.IMPORTED, number, "bars", outcome)
    for row in rows:
        if isinstance(row, Judged):
            done.note(row)
        else:
            done.refuse(str(row))
