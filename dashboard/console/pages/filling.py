"""Having tiers fill gaps: of one signal, of those ticked, or all of a type.

A request deals with as many signals as one cycle does in a few seconds; all gaps of a type are a job's.
"""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from dashboard import jobs
from dashboard.console.actions import ActionError, Done, Preview
from dashboard.console.cycles import AT_ONCE, SAMPLED, Offer, carry_out, dry_run, dry_run_summary, run_summary, tried_on
from dashboard.console.forms import TiersForm
from dashboard.console.page import Page
from dashboard.console.selection import NOTHING_PICKED, OnSelection, Selection
from dashboard.telling.addresses import address
from dashboard.telling.formats import some
from reconciliation.cycle.worker import wedged
from reconciliation.models import AskedGap
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
        warnings = []
        if total > AT_ONCE:
            chunks = -(-total // AT_ONCE)
            says.append(f"It takes {chunks} runs of {AT_ONCE} signals each. The worker does it; a page shows how far.")
            warnings = [f"But the worker is down: {fault}." for fault in [wedged(now)] if fault]
        if subject.gap and not any(offer.proposal["gap"] == subject.gap.name for offer in offers):
            warnings.append(f"No tier can close this gap here. {subject.gap.remedy}")
        alone = {"tiers": asked_alone(sample[0], now), "asked": questions(sample[0])} if len(sample) == 1 else {}
        return Preview(says=says, warnings=warnings, more={"offers": offers, **alone})

    def perform(self, subject: Selection, given: dict[str, Any], now: datetime) -> Done:
        chunk = subject.signals
        if not chunk:
            raise ActionError("Nothing is left to do: the gaps have closed meanwhile.")
        total = subject.found.count() if len(chunk) == AT_ONCE else len(chunk)
        if subject.gap and subject.whole and total > len(chunk):
            asked = {"gap": subject.gap.name, "tiers": given["tiers"]}
            job = jobs.start(jobs.FIX, f"Fixing: {subject.gap.title}", asked, total=total, by=self.person, now=now)
            return Done("The worker does it.", link=address("job", job.pk), level=messages.INFO)
        reports = carry_out(chunk, now, self.person.get_username(), given["tiers"] or None)
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
