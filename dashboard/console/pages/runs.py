"""Runs: every cycle with its figures and phases; start one, compare two, undo one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, QuerySet, Sum
from django.shortcuts import get_object_or_404
from django_q.tasks import async_task

from dashboard import jobs
from dashboard.console.actions import ActionError, ActionPage, Done, Preview
from dashboard.console.cycles import SAMPLED, dry_run, dry_run_summary, run_summary, tried_on
from dashboard.console.page import Page, picked
from dashboard.console.roles import RECONCILE
from dashboard.telling.addresses import address
from dashboard.telling.formats import some, tier_name
from reconciliation.cycle.lease import BusyError
from reconciliation.cycle.run import run_sync
from reconciliation.cycle.work import Scope, due, find_work, put_off
from reconciliation.cycle.worker import wedged
from reconciliation.gaps import CATALOGUE, GapView
from reconciliation.models import SyncAuditLog, SyncRun
from reconciliation.tiers.table import PROPOSE, choices
from signals.formats import EMPTY
from signals.models import AutomatedSignal, Source
from signals.storage.paging import COUNTED_ROWS, BoundedPaginator

ROWS = 30
ENTRIES = 25
SHARDS = 60  # are listed
# More is the worker's: a request must end within its time, and closing the page must not end the work.
SIGNALS_AT_ONCE = 300
REST = "rest"  # what no phase measures: the lease, and what is noted of the run
FIGURES: Mapping[str, str] = {
    "signals_examined": "Signals looked at",
    "fills": "Values filled",
    "withdrawn": "Fills withdrawn",
    "healed": "Signals healed",
    "cancelled": "Signals cancelled",
    "conflicts": "Conflicts",
    "errors": "Signals set aside",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A run as the pages show it."""

    run: SyncRun

    @property
    def gaps_before(self) -> int:
        return sum(self.run.gaps_before.values())

    @property
    def gaps_after(self) -> int:
        return sum(self.run.gaps_after.values())

    @property
    def total(self) -> float | None:
        seconds = self.run.seconds.get("total")
        return None if seconds is None else float(seconds)

    @property
    def seconds(self) -> dict[str, float]:
        """By phase, in the order in which they take place; with the rest, so that they add up to the total."""
        phases = {name: float(seconds) for name, seconds in self.run.seconds.items() if name != "total"}
        rest = round((self.total or 0) - sum(phases.values()), 4)
        return phases | ({REST: rest} if rest > 0 else {})

    @property
    def phases(self) -> list[tuple[str, float, float]]:
        """Name, seconds and percentage of all phases."""
        whole = sum(self.seconds.values()) or 1
        return [(name, seconds, round(100 * seconds / whole, 1)) for name, seconds in self.seconds.items()]

    @property
    def gaps(self) -> list[tuple[str, str, int, int]]:
        """Name, title, before and after, of the gaps that there were."""
        counted = (
            (gap, self.run.gaps_before.get(name, 0), self.run.gaps_after.get(name, 0))
            for name, gap in CATALOGUE.items()
        )
        return [(gap.name, gap.title, before, after) for gap, before, after in counted if before or after]

    @property
    def figures(self) -> list[tuple[str, int]]:
        return [(title, getattr(self.run, name)) for name, title in FIGURES.items()]

    @property
    def scope(self) -> str:
        tiers, named = self.run.options.get("tiers"), self.run.options.get("trade_ids") or []
        only = f" by {', '.join(tiers)} only" if tiers else ""
        if not named:
            return f"everything due{only}"
        return (named[0] if len(named) == 1 else some(len(named), "signal")) + only


class RunFilter(forms.Form):
    trigger = forms.ChoiceField(
        required=False, label="Started by", choices=[("", "anything"), *SyncRun.Trigger.choices]
    )
    state = forms.ChoiceField(required=False, choices=[("", "any"), *SyncRun.State.choices])
    filled = forms.BooleanField(required=False, label="Only those that filled something")

    def matching(self) -> QuerySet[SyncRun]:
        self.full_clean()
        wanted = self.cleaned_data
        runs = SyncRun.objects.order_by("-pk").filter(
            **{name: wanted[name] for name in ("trigger", "state") if wanted.get(name)}
        )
        return runs.filter(fills__gt=0) if wanted.get("filled") else runs


class Runs(Page):
    name = "runs"
    keeps_views = True
    route = "console/runs/"
    title = "Runs"
    icon = "autorenew"
    place = 50
    key = "r"
    template_name = "dashboard/runs/page.html"
    fragment = "dashboard/runs/live.html"

    def content(self, now: datetime) -> dict[str, Any]:
        form = RunFilter(self.request.GET)
        page = BoundedPaginator(form.matching(), ROWS).get_page(self.request.GET.get("page"))
        return {
            "form": form,
            "filtered": any(form.data.get(name) for name in form.fields),
            "rows": page,
            "listed": [Shown(run) for run in page],
            "may_act": self.request.user.has_perm(RECONCILE),
        }


class Run(Page):
    """One run: what it was asked, found and did, where its time went, and what of it still stands."""

    name = "run"
    route = "console/runs/<int:pk>/"
    title = "Run"
    template_name = "dashboard/runs/run_page.html"
    fragment = "dashboard/runs/run.html"

    def content(self, now: datetime) -> dict[str, Any]:
        run = get_object_or_404(SyncRun, pk=self.kwargs["pk"])
        entries = SyncAuditLog.objects.filter(run=run).select_related("signal__source").order_by("-pk")
        return {
            "title": f"Run {run.pk}",
            "run": run,
            "shown": Shown(run),
            "standing": standing(run),
            "shards": run.shards.select_related("source").defer("keys", "results")[:SHARDS],
            "workers": workers_of(run),
            "rows": BoundedPaginator(entries, ENTRIES).get_page(self.request.GET.get("page")),
            "may_act": self.request.user.has_perm(RECONCILE),
        }


def workers_of(run: SyncRun) -> list[Mapping[str, Any]]:
    """Of a shared run who did how much: worker, shards and signals."""
    taken = run.shards.exclude(worker="").order_by("worker")
    return list(taken.values("worker").annotate(shards=Count("pk"), signals=Sum("done")))


def standing(run: SyncRun) -> int:
    """How many values that the run put in still stand, or still wait for approval; counted to COUNTED_ROWS."""
    return jobs.fills_of({"run": run.pk})[:COUNTED_ROWS].count()


class Compare(Page):
    """Two runs beside each other (`?pick=1&pick=2`), the earlier one first."""

    name = "compare-runs"
    route = "console/runs/compare/"
    title = "Compare two runs"
    template_name = "dashboard/runs/compare.html"

    def content(self, now: datetime) -> dict[str, Any]:
        runs = list(SyncRun.objects.filter(pk__in=picked(self.request, 20)).order_by("pk"))
        if len(runs) != 2:
            return {"problem": f"Tick two runs in the list; {len(runs)} of those ticked are there."}
        one, other = map(Shown, runs)
        return {"one": one, "other": other, "figures": list(compared(one, other))}


def compared(one: Shown, other: Shown) -> Iterator[tuple[str, Any, Any, Any]]:
    """Rows of figure, first, second, difference; None as difference where one is unknown. Pure."""
    pairs: list[tuple[str, float | None, float | None]] = [
        *((title, getattr(one.run, name), getattr(other.run, name)) for name, title in FIGURES.items()),
        ("Gaps before", one.gaps_before, other.gaps_before),
        ("Gaps after", one.gaps_after, other.gaps_after),
        *(
            (f"{gap.title}, after", one.run.gaps_after.get(name, 0), other.run.gaps_after.get(name, 0))
            for name, gap in CATALOGUE.items()
            if one.run.gaps_after.get(name) or other.run.gaps_after.get(name)
        ),
        ("Health after, %", one.run.health_after, other.run.health_after),
        *(
            (f"Filled by {tier_name(tier)}", one.run.fills_by_tier.get(tier, 0), other.run.fills_by_tier.get(tier, 0))
            for tier in sorted({*one.run.fills_by_tier, *other.run.fills_by_tier})
        ),
        *(
            (f"Seconds: {name}", one.seconds.get(name), other.seconds.get(name))
            for name in sorted({**one.seconds, **other.seconds}, key=lambda name: name == REST)
        ),
        ("Seconds: total", one.total, other.total),
    ]
    for title, first, second in pairs:
        difference = None if first is None or second is None else round(second - first, 3)
        yield title, written(first), written(second), None if difference is None else signed(difference)


def written(value: float | None) -> str:
    if value is None:
        return EMPTY
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def signed(value: float) -> str:
    return "=" if not value else f"{value:+,}" if isinstance(value, int) else f"{value:+,.2f}"


class StartForm(forms.Form):
    trade_ids = forms.CharField(
        required=False,
        label="Only these signals",
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3, "class": "short", "spellcheck": "false"}),
        help_text="Trade ids, separated by spaces or lines. Empty: everything that is due, and all open gaps.",
    )
    source = forms.ModelChoiceField(
        Source.objects.all(), required=False, empty_label="every", to_field_name="name", label="Only this source"
    )
    tiers = forms.MultipleChoiceField(
        required=False,
        choices=choices(PROPOSE),
        widget=forms.CheckboxSelectMultiple,
        label="Ask only these tiers",
        help_text="None ticked: all of them, in order of trust.",
    )

    def clean_trade_ids(self) -> str:
        named = list(dict.fromkeys(self.cleaned_data["trade_ids"].replace(",", " ").split()))
        if len(named) > SIGNALS_AT_ONCE:
            raise forms.ValidationError(f"Give at most {SIGNALS_AT_ONCE}, or none for everything.")
        return " ".join(named)


class StartRun(ActionPage[None]):
    """Start a cycle: for everything, some tiers, a source, or some signals."""

    name = "start-run"
    route = "console/runs/start/"
    title = "Start a run"
    permission = RECONCILE
    template_name = "dashboard/gaps/fix.html"
    inputs = StartForm
    binding = True
    verb = "Run"
    back = "runs"

    def subject(self) -> None:
        return None

    def initial(self, subject: None) -> dict[str, Any]:
        return {"trade_ids": "", "source": None, "tiers": []}

    def preview(self, subject: None, given: dict[str, Any], now: datetime) -> Preview:
        named, source = given["trade_ids"].split(), given["source"]
        try:
            keys = examined(named, source, now)
        except ValueError as error:
            return Preview(problem=f"{sentence(error)} Check the spelling{' and the source' if source else ''}.")
        long = not named and len(keys) > SIGNALS_AT_ONCE
        sample = list(AutomatedSignal.objects.filter(pk__in=keys[:SAMPLED]).select_related("source"))
        offers, reports = dry_run(sample, now, given["tiers"] or None)
        looked = f"more than {SIGNALS_AT_ONCE} signals" if long else some(len(keys), "signal")
        says = [
            f"It would look at {looked}. {dry_run_summary(offers, reports, tried_on(sample, len(keys)))}"
            if keys
            else ""
        ]
        warnings = []
        if long:
            says.append("That takes longer than a page may: the worker does it, and Runs shows it under way.")
            warnings = [f"But the worker is down: {fault}." for fault in [wedged(now)] if fault]
        problem = "" if keys else "There is nothing to look at: nothing is due, and no gap is open."
        return Preview(says=list(filter(None, says)), warnings=warnings, problem=problem, more={"offers": offers})

    def perform(self, subject: None, given: dict[str, Any], now: datetime) -> Done:
        asked = {
            "now": now,
            "trigger": SyncRun.Trigger.CONSOLE,
            "actor": self.person.get_username(),
            "tiers": given["tiers"] or None,
            "trade_ids": given["trade_ids"].split(),
            "source": given["source"],
        }
        if not given["trade_ids"] and len(examined((), given["source"], now)) > SIGNALS_AT_ONCE:
            async_task(  # type: ignore[no-untyped-call]
                "dashboard.console.cycles.run_when_free", group="started by hand", **asked
            )
            return Done("The worker does it: it appears here as soon as it is under way.", level=messages.INFO)
        try:
            report = run_sync(**asked)
        except BusyError as error:
            raise ActionError(f"A cycle is running already: {error}. Try again in a moment.") from error
        except ValueError as error:
            raise ActionError(sentence(error)) from error
        return Done(run_summary([report]), link=address("run", report.run_id))


def sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def examined(trade_ids: Sequence[str], source: Source | None, now: datetime) -> list[int]:
    """Keys of the signals that a run by hand would look at, in order; of more than a page can deal with, only some.

    Raises ValueError for an unknown trade id.
    """
    scope, view = Scope(now, by_hand=True, trade_ids=tuple(trade_ids), source=source), GapView.at(now)
    if not trade_ids:
        signals = AutomatedSignal.objects.all() if source is None else AutomatedSignal.objects.filter(source=source)
        some_keys: set[int] = set()
        for rows in (*due(signals, scope), *put_off(signals, view)):
            some_keys.update(rows.order_by().values_list("pk", flat=True)[: SIGNALS_AT_ONCE + 1])
        if len(some_keys) > SIGNALS_AT_ONCE:
            return sorted(some_keys)
    work = find_work(scope, view, mark=False)
    return sorted(key for keys in work.values() for key in keys)
