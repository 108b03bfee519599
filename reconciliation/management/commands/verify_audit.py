"""`manage.py verify_audit`: whether the audit log is what was sealed, and agrees with fills, gaps and runs."""

import json as json_format
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from reconciliation.guarding import triggers
from reconciliation.sealing.checking import Checked, check, heads_in, lines
from reconciliation.sealing.sealing import head, seal
from reconciliation.verifying import verify
from signals.checks import SETTINGS

SHOWN = 100


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = (
        "Compare the audit log with its seals, and with fills, lives of gaps and what runs counted. Exit status 1 when "
        "anything differs."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="machine-readable result")
        parser.add_argument(
            "--head", action="store_true", help="only print the head of the seals, to be kept elsewhere"
        )
        parser.add_argument(
            "--against", metavar="FILE|TEXT", help="heads that were kept elsewhere: the log must still hold all of them"
        )
        parser.add_argument("--seal", action="store_true", help="first seal all entries that are not sealed yet")

    def handle(self, *, json: bool, **options: Any) -> None:
        if options["seal"]:
            seal()
        if options["head"]:
            self.print_head()
            return
        sealed = check(kept(options["against"]))
        checked, found = Counter(signals=0, runs=0), 0
        shown: list[dict[str, str]] = [{"about": "seals", "says": says} for says in sealed.faults[:SHOWN]]
        for kind, count, faults in verify():
            checked[kind] += count
            found += len(faults)
            shown += [fault._asdict() for fault in faults[: SHOWN - len(shown)]]
        told = f"{checked['signals']:,} signals, {checked['runs']:,} runs"
        told += f", {found:,} faults." if found else ": the audit log agrees."
        lacking = sorted(triggers.lacking(connection))
        if json:
            figures = {"sealed": sealed.entries, "links": sealed.links, "unsealed": sealed.unsealed}
            faults_of_all = {"faults": found + sealed.found, "guards_lacking": lacking, "first": shown}
            self.stdout.write(json_format.dumps({**checked, **figures, **faults_of_all}))
        else:
            for line in self.texts(sealed, shown, told, lacking):
                self.stdout.write(line)
        if found or sealed.found:
            raise SystemExit(1)

    def texts(self, sealed: Checked, shown: list[dict[str, str]], told: str, lacking: list[str]) -> Iterator[str]:
        yield from lines(sealed)
        yield from (f"{fault['about']}: {fault['says']}" for fault in shown if fault["about"] != "seals")
        yield told
        if lacking:
            yield "Guards are missing, so that rows can be changed unhindered: `manage.py migrate` puts them up again."

    def print_head(self) -> None:
        found = head()
        if found is None:
            raise CommandError("Nothing is sealed yet: a cycle does, or --seal.")
        self.stdout.write(json_format.dumps(found))


def kept(told: str | None) -> set[str]:
    """The seals in a file or text. Raises CommandError when there is none in it: that would prove nothing."""
    if told is None:
        return set()
    file = Path(told)
    try:
        text = file.read_text() if len(told) < 1000 and file.is_file() else told
    except OSError as error:
        raise CommandError(f"{told} cannot be read: {error}.") from error
    if not (found := heads_in(text)):
        raise CommandError(f"There is no seal in {told[:80]!r}: give the line that --head printed, or a file of them.")
    return found
