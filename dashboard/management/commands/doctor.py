"""`manage.py doctor`: what is wrong, and what to do about it."""

import json as json_format
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict
from textwrap import fill
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from dashboard.watching.doctor import Diagnosis, examine

WIDTH = 100


class Command(BaseCommand):
    help = "Walk the troubleshooting list: say what is wrong and what to do. Exit status 1 when a check fails."
    # They are among what it looks at: they must not keep it from starting.
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *, json: bool, **options: Any) -> None:
        diagnoses = examine(timezone.now())
        shown = json_format.dumps([asdict(diagnosis) for diagnosis in diagnoses]) if json else as_text(diagnoses)
        self.stdout.write(shown)
        if not all(diagnosis.ok for diagnosis in diagnoses):
            raise SystemExit(1)


def as_text(diagnoses: Sequence[Diagnosis]) -> str:
    """What holds, a line each; then what does not, with its advice; then the sum."""
    failed = [diagnosis for diagnosis in diagnoses if not diagnosis.ok]
    lines = [paragraph("ok", diagnosis) for diagnosis in diagnoses if diagnosis.ok]
    lines += [paragraph("WRONG", diagnosis) for diagnosis in failed]
    lines += ["", f"{len(diagnoses)} checks, {len(failed) or 'none'} failed."]
    return "\n".join(lines)


def paragraph(mark: str, diagnosis: Diagnosis) -> str:
    start = f"{mark:<6}{diagnosis.check:<19}"
    indent = " " * len(start)
    return fill(diagnosis.advice, WIDTH, initial_indent=start, subsequent_indent=indent, break_long_words=False)
