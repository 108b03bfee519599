"""`manage.py simulate`: invented markets, told by the indicator, to a server, into this database or into a file."""

import json
import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from reconciliation.simulation.importing import as_file, import_simulated
from reconciliation.simulation.planning import Simulated, in_order, planned
from reconciliation.simulation.posting import client
from reconciliation.simulation.sending import Line, Sending, UnheardError
from signals.checks import SETTINGS
from signals.clock import floor_minute
from signals.simulator import DIALECTS, write_log
from signals.simulator.faults import Faults

from .runsync import moment

IMPORT = "import"
ZERO = timedelta(0)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


def duration(text: str) -> timedelta:
    match = re.fullmatch(r"(\d+)([smh])", text)
    if match is None:
        raise ArgumentTypeError(f"{text} is no duration: give it as 90s, 20m or 2h")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def speed(text: str) -> float:
    try:
        number = inf if text == "max" else float(text)
    except ValueError:
        number = 0
    if not number > 0:
        raise ArgumentTypeError(f"{text} is no speed: give how many times as fast (60), or max")
    return number


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = (
        "Invent markets, let the indicator's twin trade them, and send its alerts: to webhooks (--to http://…, once for"
        " each source), into this database (--to import) or into an alert log (--to FILE). The same seed and time give"
        " the same alerts. What really happened is written beside, a line for each signal."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", action="append", required=True, help="a webhook address, import, or a file")
        parser.add_argument("--days", type=float, default=1.0, help="how long (1)")
        parser.add_argument("--sources", type=int, default=1, help="how many, each of a market of its own (1)")
        parser.add_argument("--dialect", choices=DIALECTS, default="mixed", help="what the indicator speaks (mixed)")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--start", type=moment, help="when it begins; by default so that it ends, or begins, now")
        parser.add_argument(
            "--speed", type=speed, help="to webhooks: 1 is real time (default), 60 a minute a second, max"
        )
        parser.add_argument("--truth", type=Path, help="the file that says what really happened (JSONL)")
        parser.add_argument("--bars", action="store_true", help="the charts' bars as well: imported, or files beside")
        parser.add_argument("--json", action="store_true", help="machine-readable result")
        faults = parser.add_argument_group("what goes wrong")
        faults.add_argument("--drop", type=float, default=0.0, metavar="SHARE", help="of the alerts that never arrive")
        faults.add_argument("--duplicate", type=float, default=0.0, metavar="SHARE", help="that arrive twice")
        faults.add_argument("--reorder", type=float, default=0.0, metavar="SHARE", help="that others overtake")
        faults.add_argument(
            "--corrupt", type=float, default=0.0, metavar="SHARE", help="that are cut off or miss a quote"
        )
        faults.add_argument(
            "--delay", type=duration, nargs="?", const=timedelta(minutes=3), default=ZERO,
            help="a tenth arrives up to so much later (3m)",
        )  # fmt: skip
        faults.add_argument("--outage", type=duration, default=ZERO, help="nothing arrives for so long, each day")
        faults.add_argument("--restart", action="store_true", help="the alert is made anew in the middle")
        faults.add_argument("--clock-change", action="store_true", help="ids are of another zone from the middle on")
        faults.add_argument(
            "--unheard-every", type=int, default=0, metavar="N", help="lose each N-th signal altogether"
        )
        companion = parser.add_argument_group("answering what the indicator is asked, while posting to webhooks")
        companion.add_argument("--no-companion", action="store_true", help="answer nothing")
        companion.add_argument("--answer-for", type=duration, default=ZERO, help="and so long after the last alert")

    def handle(self, **options: Any) -> None:
        to: list[str] = options["to"]
        posting = to[0].startswith(("http://", "https://"))
        check(options, posting=posting)
        try:
            done = self.done(options, plan(options, posting=posting), posting=posting)
        except (ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(done) if options["json"] else as_text(done))
        if done.get("failed"):
            raise CommandError(f"{done['failed']} alerts were not taken.")

    def done(self, options: dict[str, Any], simulated: list[Simulated], *, posting: bool) -> dict[str, Any]:
        target = options["to"][0]
        truth = options["truth"] or beside(target, posting=posting, seed=options["seed"])
        write(truth, simulated)
        if posting:
            done = post_all(simulated, options)
        elif target == IMPORT:
            done = import_all(simulated, options)
        else:
            done = write_all(simulated, Path(target), bars=options["bars"])
        signals = sum(len(one.simulation.truth) for one in simulated)
        return {**done, "sources": len(simulated), "signals": signals, "truth": str(truth)}


def check(options: dict[str, Any], *, posting: bool) -> None:
    """Refuse what does not go together. Raises CommandError."""
    to = options["to"]
    if posting and len(to) != options["sources"]:
        raise CommandError(f"--sources {options['sources']} needs as many webhook addresses, and --to gives {len(to)}.")
    if not posting and len(to) > 1:
        raise CommandError("--to can be given more than once for webhook addresses only.")
    if not posting and options["speed"] is not None:
        raise CommandError("--speed is for webhooks: an import or a file has no time of its own.")
    if posting and options["bars"]:
        raise CommandError("--bars goes with import or a file: a webhook has no place for a chart's export.")


def live(options: dict[str, Any]) -> bool:
    """Whether it happens now, if it is posted: in real time, and not of some other day."""
    return options["speed"] in (None, 1.0) and options["start"] is None


def plan(options: dict[str, Any], *, posting: bool) -> list[Simulated]:
    now, days = floor_minute(timezone.now()), timedelta(days=options["days"])
    names = ("duplicate", "reorder", "corrupt", "delay", "outage", "restart")
    return planned(
        start=options["start"] or (now if posting and live(options) else now - days),
        days=options["days"],
        sources=options["sources"],
        dialect=options["dialect"],
        seed=options["seed"],
        faults=Faults(**{name: options[name] for name in names}),
        drop=options["drop"],
        unheard_every=options["unheard_every"],
        clock_change=options["clock_change"],
    )


def beside(target: str, *, posting: bool, seed: int) -> Path:
    if posting or target == IMPORT:
        return Path(settings.VAR_DIR) / f"simulated-{seed}.truth.jsonl"
    return Path(target).with_suffix(".truth.jsonl")


def write(path: Path, simulated: list[Simulated]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for one in simulated for line in one.truth())


def write_all(simulated: list[Simulated], path: Path, *, bars: bool) -> dict[str, Any]:
    with path.open("w", encoding="utf-8", newline="") as file:
        alerts = sorted((arrival.alert for arrival, _ in in_order(simulated)), key=lambda alert: alert.fire_time)
        rows = write_log(alerts, file, newest_first=True)
    files = []
    for one in simulated if bars else ():
        files.append(path.with_suffix(f".{one.symbol.rstrip('!')}.bars.csv"))
        files[-1].write_text("".join(as_file(one.simulation.bars)), encoding="utf-8")
    return {"alerts": rows, "file": str(path), "bars": [str(file) for file in files]}


def import_all(simulated: list[Simulated], options: dict[str, Any]) -> dict[str, Any]:
    now = timezone.now()
    taken = [import_simulated(one, bars=options["bars"], now=now) for one in simulated]
    return {"alerts": sum(alerts for _, alerts in taken), "imported": [source.name for source, _ in taken]}


def post_all(simulated: list[Simulated], options: dict[str, Any]) -> dict[str, Any]:
    lines = [Line.to(one, address) for one, address in zip(simulated, options["to"], strict=True)]
    with client() as http:
        sending = Sending(lines, http, speed=options["speed"] or 1.0, companion=not options["no_companion"])
        try:
            # Real time is told as it happens: a minute that has begun has partly passed.
            since = timezone.now() if live(options) else simulated[0].scenario.start
            sent = sending.run(since, options["answer_for"])
        except UnheardError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            sent = sending.sent
    return {
        "alerts": sent.by_status.total(), "taken": sent.taken, "failed": sent.failed,
        "statuses": {str(status): count for status, count in sorted(sent.by_status.items())},
        "answered": sent.answered, "unanswered": sent.unanswered,
    }  # fmt: skip


def as_text(done: dict[str, Any]) -> str:
    told = f"{done['signals']} signals of {done['sources']} sources, told in {done['alerts']} alerts"
    lines = [f"{told}. What really happened: {done['truth']}"]
    if "file" in done:
        lines += [f"Alert log: {done['file']}", *(f"Bars: {name}" for name in done["bars"])]
    if "imported" in done:
        lines.append(f"Taken in as {', '.join(done['imported'])}. Now `manage.py runsync`.")
    if "taken" in done:
        lines.append(f"{done['taken']} were taken, {done['failed']} not; {done['answered']} requests were answered.")
    return "\n".join(lines)
