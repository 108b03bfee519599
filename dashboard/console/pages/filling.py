"""Having tiers fill gaps: of one signal, of those ticked, or all of a type.

Filling all gaps of a type goes in bounded chunks that the page itself asks for, one after the other. A background
task would need the worker, which may be what is broken, and somewhere to keep its progress; this needs neither, each
chunk is a run of its own, and leaving the page ends it between two chunks.
"""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from dashboard.console.actions import ActionError, Done, Preview
from dashboard.console.cycles import AT_ONCE, SAMPLED, Offer, carry_out, dry_run, dry_run_summary, run_summary, tried_on
from dashboard.console.forms import TiersForm
from dashboard.console.page import Page, address
from dashboard.console.roles import RECONCILE
from dashboard.console.selection import ACTIONABLE, NOTHING_PICKED, OnSelection, Selection, gap_named, with_gap
from dashboard.telling.formats import some
from reconciliation.gaps import GapView
from reconciliation.models import AskedGap, SyncRun
from reconciliation.tiers.table import PROPOSE, choices
from signals.models import AutomatedSignal


class FixGaps(OnSelection):
    """Run a cycle over some signals, or over all with a gap."""

    name = "fix-gaps"
    route = "console/gaps/fix/"
    title = "Fix gaps"
    verb = "Fix"
    template_name = "dashboard/gaps/fix.html"
    inputs = TiersForm
    binding = True

    def heading(self, subject: Selection) -> str:
        return f"Fix: {subject.gap.title}" if subject.gap else "Run a cycle over these signals"

    def initial(self, subject: Selection) -> dict[str, Any]:
        return {"tiers": []}

    def preview(self, subject: Selection, given: dict[str, Any], now: datetime) -> Preview:
        sample = subject.found.oldest(SAMPLED)
        if not sample:
            return NOTHING_PICKED
        total = len(sample) if len(sample) < SAMPLED else subject.found.count()
        offers, reports = dry_run(sample, now, given["tiers"] or None)
        tried = dry_run_summary(offers, reports, tried_on(sample, total))
        says = [f"A cycle would look at {some(total, 'signal')}. {tried}"]
        if total > AT_ONCE:
            chunks = -(-total // AT_ONCE)
            says.append(f"It takes {chunks} runs of {AT_ONCE} signals each; keep the page open until they are through.")
        warnings = []
        if subject.gap and not any(offer.proposal["gap"] == subject.gap.name for offer in offers):
            warnings = [f"No tier can close this gap here. {subject.gap.remedy}"]
        alone = {"tiers": asked_alone(sample[0], now), "asked": questions(sample[0])} if len(sample) == 1 else {}
        return Preview(says=says, warnings=warnings, more={"offers": offers, **alone})

    def perform(self, subject: Selection, given: dict[str, Any], now: datetime) -> Done:
        chunk = subject.signals
        if not chunk:
            raise ActionError("Nothing is left to do: the gaps have closed meanwhile.")
        total = subject.found.count() if len(chunk) == AT_ONCE else len(chunk)
        reports = carry_out(chunk, now, self.person.get_username(), given["tiers"] or None)
        if subject.whole and total > len(chunk):
            state = {"gap": subject.gap.name if subject.gap else "", "of": total, "first": reports[0].run_id}
            link = next_link(state | {"after": chunk[-1].pk, "tiers": given["tiers"]})
            return Done(f"The first {len(chunk)} of {total:,} are done.", link=link, level=messages.INFO)
        link = address("run", reports[0].run_id) if len(reports) == 1 else subject.back
        return Done(run_summary(reports), link=link)


def asked_alone(signal: AutomatedSignal, now: datetime) -> list[tuple[str, list[Offer]]]:
    """What each tier would do for this signal if it alone were asked, in order of trust."""
    return [(title, dry_run([signal], now, [tier])[0]) for tier, title in choices(PROPOSE)]


def questions(signal: AutomatedSignal) -> QuerySet[AskedGap]:
    """What tier 1 has asked the indicator about this signal, latest first."""
    return AskedGap.objects.filter(signal=signal).select_related("request").order_by("-pk")[:5]


class EachTier(Page):
    """What each tier would do for a signal, for everybody who may see it. A dry run, and nothing else."""

    name = "each-tier"
    route = "console/gaps/tiers/<int:pk>/"
    title = "What each tier would do"
    template_name = "dashboard/gaps/tiers.html"

    def content(self, now: datetime) -> dict[str, Any]:
        signal = get_object_or_404(AutomatedSignal.objects.select_related("source"), pk=self.kwargs["pk"])
        offers, reports = dry_run([signal], now)
        return {
            "title": f"{self.title}: {signal.trade_id}",
            "signal": signal,
            "offers": offers,
            "outcome": dry_run_summary(offers, reports, "A cycle"),
            "tiers": asked_alone(signal, now),
            "asked": questions(signal),
        }


def next_link(state: dict[str, Any]) -> str:
    return f"{address('fix-progress')}?{urlencode(state, doseq=True)}"


class FixProgress(Page):
    """The way through all gaps of a type: each POST does the next chunk, and the page goes on by itself."""

    name = "fix-progress"
    route = "console/gaps/fix/progress/"
    title = "Fixing"
    permission = RECONCILE
    template_name = "dashboard/gaps/progress.html"

    @property
    def state(self) -> dict[str, Any]:
        given = self.request.GET
        numbers = {name: int(given[name]) for name in ("of", "first", "after") if given.get(name, "").isdecimal()}
        tiers = [tier for tier in given.getlist("tiers") if tier in PROPOSE]
        return {"gap": given.get("gap", ""), "of": 0, "first": 0, "after": 0, "tiers": tiers} | numbers

    def rest(self, now: datetime) -> list[AutomatedSignal]:
        if not self.state["gap"]:
            return []
        gap = gap_named(self.state["gap"]).name
        return with_gap(gap, ACTIONABLE, GapView.at(now), after=self.state["after"]).oldest(AT_ONCE)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        now, state = timezone.now(), self.state
        chunk = self.rest(now)
        if chunk:
            try:
                carry_out(chunk, now, request.user.get_username(), state["tiers"] or None)
            except ActionError as error:
                messages.warning(request, str(error))
                return redirect(next_link(state))
        return redirect(next_link(state | {"after": chunk[-1].pk if chunk else state["after"]}))

    def content(self, now: datetime) -> dict[str, Any]:
        state = self.state
        runs = SyncRun.objects.filter(
            pk__gte=state["first"], started_by=self.request.user.get_username(), trigger=SyncRun.Trigger.CONSOLE
        )
        figures = runs.order_by().aggregate(looked=Sum("signals_examined"), fills=Sum("fills"), errors=Sum("errors"))
        looked = figures["looked"] or 0
        more = bool(self.rest(now))
        return {
            "gap": gap_named(state["gap"]) if state["gap"] else None,
            "figures": figures,
            "of": max(state["of"], looked),
            "percent": 100 if not more else min(99, 100 * looked // max(1, state["of"])),
            "more": more,
            "runs": runs.order_by("-pk")[:10],
        }
