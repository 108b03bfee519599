"""TradingView's alert log: its CSV export read row by row, and taken in like webhooks whose fire time is known."""

import csv
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from signals import measuring
from signals.dialects.values import MAX_SYMBOL
from signals.formats import quoted
from signals.intake import Taken, take_in
from signals.models import AlertId, Source
from signals.parcels import MAX_BODY, Incoming, checksum_of
from signals.storage.queries import batches
from signals.symbols import normalised
from signals.vocabulary import Channel, DeliveryStatus

from .evidence import evidence_of
from .logclock import against_the_source
from .logfile import ADVICE, NotAnAlertLogError
from .mail.settling import settle_span
from .retiming import retime
from .senders import default_source

log = logging.getLogger(__name__)
MOST_REASONS = 20
ROWS_AT_ONCE = 1000  # rows a transaction: a webhook waits at most about half a second for a signal of its own
ROWS_JUDGED = 5000  # of a log, before any is taken in, by which its clock is judged; exports have 2,000
COLUMNS = {
    "alert id": "alert_id",
    "ticker": "ticker",
    "description": "body",
    "time": "time",
    "webhook status": "log_status",
}
NEEDED = ("body", "time")
YEARS = range(2000, 2100)  # a time beyond them is a damaged one, and calendars end
SEPARATORS = ",;\t"
_SPREADSHEET_DATE = re.compile(r"\d{1,2}([/.-])\d{1,2}\1\d{2,4}\b.*", re.ASCII | re.DOTALL)
_OWN_WORDS = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")  # what differs between reasons of one kind


@dataclass(slots=True)
class Imported:
    """What an import did. `failed` are rows that even one by one could not be stored, with their reasons.

    `other_symbols` counts rows by their symbol where it is not their source's, `reasons` those in quarantine, now or
    before, by why (in the words of the first of each kind). `retimed` are webhooks that were received under a wrong
    clock and have the log's time now; `span` is from the first to the last alert, by source.
    """

    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    repaired: int = 0
    events: int = 0
    created: set[int] = field(default_factory=set)
    updated: set[int] = field(default_factory=set)
    sources: Counter[str] = field(default_factory=Counter)
    other_symbols: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    retimed: int = 0
    span: dict[int, tuple[datetime, datetime]] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        return {
            "rows": self.rows,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "quarantined": self.quarantined,
            "repaired": self.repaired,
            "events": self.events,
            "signals_created": len(self.created),
            "signals_updated": len(self.updated - self.created),
            "sources": dict(self.sources),
            "other_symbols": dict(self.other_symbols),
            "reasons": dict(self.reasons.most_common(MOST_REASONS)),
            "failed": self.failed,
            "retimed": self.retimed,
        }


def of_other_symbols(rows: Mapping[str, int]) -> str:
    """What to tell people of rows whose symbol is not their source's; "" when there are none."""
    if not rows:
        return ""
    listed = ", ".join(f"{symbol} ({number} rows)" for symbol, number in rows.items())
    return (
        f"Not of their source's symbol by the log's Ticker: {listed}. Their prices are kept as that symbol's and"
        " measure no trade of the source. Import them to a source of that symbol, or mend the source's symbol."
    )


def of_quarantined(reasons: Mapping[str, int]) -> str:
    """The reason why most rows are in quarantine; "" when none is."""
    if not reasons:
        return ""
    reason = max(reasons, key=reasons.__getitem__)
    return f"In quarantine, {reasons[reason]} of {sum(reasons.values())} because: {reason}"


def of_retimed(number: int) -> str:
    """What to say of webhooks that have the log's time now; "" when there are none."""
    if not number:
        return ""
    return (
        f"This machine's clock was off when {number} of these alerts were received by webhook: they have the log's time"
        " now. Set the clock; `manage.py doctor` says by how much."
    )


def read_log(
    lines: Iterable[str], *, now: datetime, keep: Callable[[bytes], bytes] | None = None
) -> Iterator[Incoming]:
    """The rows of an alert log, as they come; raises NotAnAlertLogError when the header is not one.

    `keep` gives the messages as they may be kept: without tokens of ours, unless it is said otherwise.
    """
    csv.field_size_limit(1 << 20)
    rows, header = columns_of(iter(lines))
    places = {COLUMNS[name]: index for index, name in enumerate(header) if name in COLUMNS}
    missing = [name for name, key in COLUMNS.items() if key in NEEDED and key not in places]
    if missing:
        raise NotAnAlertLogError(
            f"No column {', '.join(name.title() for name in missing)} in the first line. {ADVICE} Its columns are"
            f" Alert ID, Ticker, Name, Description, Time; this file's are {shown_columns(header)}."
        )
    keep = keep or evidence_of()
    try:
        for row in rows:
            if any(row):
                yield incoming_of(row, places, now, keep)
    except csv.Error as error:
        raise NotAnAlertLogError(
            f"Line {rows.line_num} is not CSV ({error}). Mend it and import the file again; nothing is taken in twice."
        ) from error


def columns_of(lines: Iterator[str]) -> tuple[Any, list[str]]:
    """A reader of the rows behind the first line, and the columns that this one names.

    Excel separates by semicolons or tabs where a comma is the decimal sign, and may say so in a line `sep=;` before.
    """
    first = next(lines, "").removeprefix("\ufeff")
    if re.match(r"\s*<(!doctype|html|\?xml)", first, re.IGNORECASE):
        raise NotAnAlertLogError(f"This file is a web page, no CSV. {ADVICE}")
    said = re.fullmatch(r'"?sep=(.)"?\s*', first)
    if said:
        first = next(lines, "")
    separator = said[1] if said else max(SEPARATORS, key=lambda each: known_columns(first.split(each)))
    rows = csv.reader(chain([first], lines), delimiter=separator)
    try:
        return rows, [name.strip().lower() for name in next(rows, [])]
    except csv.Error as error:
        raise NotAnAlertLogError(f"This is not a CSV file ({error}).") from error


def known_columns(names: Iterable[str]) -> int:
    return sum(name.strip(' "\r\n').lower() in COLUMNS for name in names)


def shown_columns(header: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in header[:10]) or "none"


def fired_at_of(cell: str) -> datetime:
    """The moment that a row's time names. Raises ValueError, saying why, where it could be more than one moment."""
    text = cell.strip()
    try:
        stated = datetime.fromisoformat(re.sub(r"\s*(UTC|GMT)$", "+00:00", text))
        if stated.tzinfo is not None and stated.astimezone(UTC).year in YEARS:
            return stated.astimezone(UTC)
    except (ValueError, OverflowError):
        stated = None
    shown = f"The row's time {cell[:40]!r}"
    if _SPREADSHEET_DATE.fullmatch(text):
        raise ValueError(f"{shown} is written as a spreadsheet does: nobody can tell its day, month and zone. {ADVICE}")
    if stated is None or stated.tzinfo is not None or stated.year not in YEARS:
        raise ValueError(f"{shown} is not a time such as 2025-12-11T05:59:01Z.")
    if ":" not in text and "T" not in text.upper():
        raise ValueError(f"{shown} is a date without a clock, and none is guessed. {ADVICE}")
    raise ValueError(f"{shown} names no time zone, and none is guessed: TradingView's end in Z. {ADVICE}")


def incoming_of(row: list[str], places: dict[str, int], now: datetime, keep: Callable[[bytes], bytes]) -> Incoming:
    cells = {key: row[index] if index < len(row) else "" for key, index in places.items()}
    body = keep(cells["body"].encode("utf-8", "surrogateescape"))
    fired_at, problem = None, ""
    try:
        fired_at = fired_at_of(cells["time"])
    except ValueError as error:
        problem = str(error)
    if len(body) > MAX_BODY:
        problem = problem or f"The message has {len(body)} bytes; no alert has more than {MAX_BODY}."
    return Incoming(
        body=body,
        received_at=now,
        channel=Channel.LOG,
        fired_at=fired_at,
        alert_id=plain(cells.get("alert_id", ""))[:32],
        log_status=plain(cells.get("log_status", "")),
        symbol=symbol_of(plain(cells.get("ticker", ""))),
        ticker=plain(cells.get("ticker", "")),
        problem=problem,
    )


def plain(cell: str) -> str:
    """A short cell as a text column can hold it, whatever bytes it came from."""
    return "".join(character for character in cell if character.isprintable()).strip()


def symbol_of(ticker: str) -> str:
    """The symbol of a ticker: MNQ1! of "CME_MINI:MNQ1!, 1m". What is no plain ticker, as a spread, stays as it is."""
    symbol = normalised(ticker)
    # Never cut: two symbols must not become one.
    return symbol if len(symbol) <= MAX_SYMBOL else checksum_of(symbol.encode())


def import_log(
    lines: Iterable[str],
    *,
    now: datetime,
    source: Source | None = None,
    dry_run: bool = False,
    progress: Callable[[int], object] = lambda rows: None,
) -> Imported:
    """Take in an alert log, in chunks and in flat memory. With `dry_run` everything is done, counted and undone.

    Rows go to `source`, else to the source that knows their Alert ID, else to the default source, which then knows it.
    """
    done = Imported()
    rows = read_log(lines, now=now)
    if dry_run:
        with transaction.atomic():
            import_rows(rows, done, source, now, progress)
            transaction.set_rollback(True)
    else:
        import_rows(rows, done, source, now, progress, measured=True)
        measuring.settle()
    return done


def import_rows(
    rows: Iterator[Incoming],
    done: Imported,
    source: Source | None,
    now: datetime,
    progress: Callable[[int], object],
    *,
    measured: bool = False,
) -> None:
    owners = Owners(source)
    first = list(islice(rows, ROWS_JUDGED))
    wrong = {owner.pk: says for owner, says in times_against(first, owners).items()}
    rows = chain(first, rows)
    for chunk in batches(rows, ROWS_AT_ONCE):
        before = counts_of(done)
        by_source: dict[int, list[Incoming]] = {}
        for item in chunk:
            owner = owners.remembered(item.alert_id)
            by_source.setdefault(owner.pk, []).append(untimed(item, wrong.get(owner.pk, "")))
        for key, items in by_source.items():
            owner = owners.by_key[key]
            import_chunk(owner, items, done, now)
            done.other_symbols.update(each.symbol for each in items if each.symbol not in ("", owner.symbol))
        for outcome, number in counts_of(done).items() if measured else ():
            measuring.observe(measuring.IMPORTED, number - before[outcome], "alert log", outcome)
        progress(len(chunk))
    for key, span in done.span.items():
        done.retimed += retime(owners.by_key[key], now=now, span=span).deliveries
        settle_span(owners.by_key[key], span, now)


def counts_of(done: Imported) -> dict[str, int]:
    """Rows by what became of them."""
    named = {name: getattr(done, name) for name in ("accepted", "duplicates", "quarantined")}
    return {**named, "failed": len(done.failed)}


class Owners:
    """Whose the rows of one log are: the given source's, else that which knows their Alert ID, else the default one."""

    def __init__(self, given: Source | None) -> None:
        self.given = given
        self.by_key: dict[int, Source] = {}
        self._found: dict[str, Source] = {}
        self._remembered: set[str] = set()

    def of(self, alert_id: str) -> Source:
        if alert_id not in self._found:
            known = AlertId.objects.select_related("source").filter(alert_id=alert_id).first() if alert_id else None
            if known:
                self._remembered.add(alert_id)
            owner = self.given or (known.source if known else default_source())
            self._found[alert_id] = self.by_key.setdefault(owner.pk, owner)
        return self._found[alert_id]

    def remembered(self, alert_id: str) -> Source:
        """The same; an Alert ID that is new is remembered for it."""
        owner = self.of(alert_id)
        if alert_id and alert_id not in self._remembered:
            AlertId.objects.get_or_create(alert_id=alert_id, defaults={"source": owner})
            self._remembered.add(alert_id)
        return owner


def times_against(rows: Iterable[Incoming], owners: Owners) -> dict[Source, str]:
    """The sources whose rows in this log have times that go against all of their others, with what to say."""
    by_source: dict[Source, list[Incoming]] = {}
    for row in rows:
        by_source.setdefault(owners.of(row.alert_id), []).append(row)
    found = {owner: against_the_source(own, owner) for owner, own in by_source.items()}
    return {owner: says for owner, says in found.items() if says}


def untimed(item: Incoming, problem: str) -> Incoming:
    """A row whose time is not believed has none, as one whose time cannot be read."""
    return replace(item, fired_at=None, problem=problem) if problem and not item.problem else item


def import_chunk(source: Source, items: list[Incoming], done: Imported, now: datetime) -> None:
    """One transaction for the chunk; row by row only when that fails, so that one bad row costs only itself.

    Raises OperationalError or InterfaceError when the database is gone.
    """
    try:
        count(items, take_in(source, items, now=now), source, done)
    except Exception as error:
        if isinstance(error, OperationalError | InterfaceError) and not connection.is_usable():
            raise
        if not isinstance(error, DatabaseError):
            log.exception("taking in %d rows failed", len(items))
        if len(items) == 1:
            done.rows += 1
            done.failed.append(f"alert of {items[0].fire_minute:%Y-%m-%d %H:%M}Z: {str(error).strip()}")
            return
        log.warning("a chunk of %d rows failed, going row by row: %s", len(items), error)
        for item in items:
            import_chunk(source, [item], done, now)


def count(items: Sequence[Incoming], taken: Taken, source: Source, done: Imported) -> None:
    done.created |= taken.created
    done.updated |= taken.updated
    done.sources[source.name] += len(taken.outcomes)
    if times := [*done.span.get(source.pk, ()), *(item.fired_at for item in items if item.fired_at)]:
        done.span[source.pk] = min(times), max(times)
    for item, outcome in zip(items, taken.outcomes, strict=True):
        done.rows += 1
        done.events += outcome.events
        done.repaired += outcome.repaired and outcome.status == DeliveryStatus.ACCEPTED
        done.accepted += outcome.status == DeliveryStatus.ACCEPTED
        done.duplicates += outcome.status == DeliveryStatus.DUPLICATE
        done.quarantined += outcome.status == DeliveryStatus.QUARANTINED
        # What cannot be taken in is there already when the file was imported before.
        reason = item.problem or (outcome.reason if outcome.status == DeliveryStatus.QUARANTINED else "")
        if reason:
            done.reasons[done.kinds.setdefault(_OWN_WORDS.sub("", reason), reason)] += 1
