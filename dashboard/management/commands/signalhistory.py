"""`manage.py signalhistory TRADE_ID`: everything about one signal, in time order."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from dashboard.telling.history import AmbiguousSignalError, UnknownSignalError, find_signal, history, own_symbol
from signals.checks import SETTINGS

AMBIGUOUS = 2


class Command(BaseCommand):
    requires_system_checks = (SETTINGS,)
    help = "Show one signal, where each of its values came from, its events, fills, gaps and audit entries."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("trade_id", metavar="TRADE_ID")
        parser.add_argument("--source", metavar="NAME", default="", help="where several sources have the trade id")
        parser.add_argument(
            "--symbol", metavar="SYMBOL", default="", help="where a source has the id of several symbols"
        )
        parser.add_argument("--life", metavar="N", default="", help="where trades had the id one after the other")
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            signal = find_signal(*(options[name] for name in ("trade_id", "source", "symbol", "life")))
        except UnknownSignalError as error:
            raise CommandError(str(error)) from error
        except AmbiguousSignalError as error:
            if options["json"]:
                found = [
                    {"source": each.source.name, "symbol": own_symbol(each), "life": each.life}
                    for each in error.candidates
                ]
                self.stdout.write(json.dumps({"detail": str(error), "candidates": found}))
            raise CommandError(str(error), returncode=AMBIGUOUS) from error
        known = history(signal, now=timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps(known, ensure_ascii=False))
            return
        for line in lines(known):
            self.stdout.write(line)


def lines(known: Mapping[str, Any]) -> Iterator[str]:
    """The readable form: what is known, then what happened, then what is missing."""
    signal = known["signal"]
    yield f"{signal['trade_id']} of {signal['source']}: {signal['status']}, health {signal['health_score']}"
    numbered = f", no. {signal['life']} of its id" if signal["life"] > 1 else ""
    yield f"Symbol {signal['symbol'] or 'unknown'}{numbered}"
    yield ""
    yield "Values (UTC; prices in points, MFE and MAE in R)"
    for name, entry in known["provenance"].items():
        yield f"  {name:<22} {text(signal[name]):<34} {origin(entry)}"
    yield ""
    yield "What happened (UTC)"
    happened = [*known["events"], *known["fills"], *known["audit"]]
    for each in sorted(happened, key=lambda each: each["at"]):
        yield f"  {each['at']}  {happening(each)}"
    yield ""
    yield "Open gaps" if known["gaps"] else "No open gap"
    for gap in known["gaps"]:
        tiers = ", ".join(gap["tiers"])
        yield f"  {gap['title']} ({gap['gap']}, {gap['state']}; can be filled by tier {tiers}). {gap['remedy']}"


def text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return str(value)


def origin(entry: Mapping[str, Any]) -> str:
    """Where a value came from, in words: the owning event, or the tier and how far to trust it."""
    evidence = entry["evidence"]
    said = evidence.get("type") or evidence.get("fill") or ""
    if entry["tier"] is None:
        return f"{said} at {entry['at']}"
    return f"tier {entry['tier']}, confidence {entry['confidence']:g}, {entry['source']} {said}".rstrip()


def happening(each: Mapping[str, Any]) -> str:
    if "facts" in each:
        facts = ", ".join(f"{name} {text(value)}" for name, value in each["facts"].items())
        return f"{each['type']}: {facts or 'nothing more'} (delivery {each['delivery']})"
    if "action" in each:
        what = each["field"] or each["gap"]
        change = f": {text(each['old'])} → {text(each['new'])}" if each["field"] else ""
        return f"audit: {each['action']} {what}{change} {each['note']}".rstrip()
    return f"fill {each['state']}: {each['field']} = {text(each['value'])} by tier {each['tier']}, {each['method']}"
