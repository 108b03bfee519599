"""What the schema says of answers that are no rows, and of the problems that any endpoint may answer with."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

from dashboard.telling.serializers import AuditRecord, EventRecord, FillRecord

from .problems import Problem


def refused(says: str) -> OpenApiResponse:
    return OpenApiResponse(Problem, says)


GONE = {409: refused("It cannot be done as things stand (any more); `detail` says why.")}
MISSING = {404: refused("There is no such row.")}


class Candidate(serializers.Serializer[Any]):
    source: Any = serializers.CharField()  # DRF itself has a `source`
    symbol = serializers.CharField(required=False)
    life = serializers.IntegerField(required=False)
    trade_id = serializers.CharField()
    status = serializers.CharField()
    url = serializers.CharField()


class SeveralProblem(Problem):
    candidates = Candidate(many=True, required=False, help_text="The first of several, and where each is.")


class MendedEvent(serializers.Serializer[Any]):
    """An event that a mended copy holds."""

    type = serializers.CharField()
    trade_id = serializers.CharField()
    stored = serializers.BooleanField(help_text="Whether its signal is stored already.")
    values = serializers.DictField(child=serializers.JSONField(allow_null=True))


class MendPreview(serializers.Serializer[Any]):
    problem = serializers.CharField(help_text="Why it cannot be replayed so; empty if it can.")
    dialect = serializers.CharField()
    events = MendedEvent(many=True)
    faults = serializers.ListField(child=serializers.CharField())


class Replayed(serializers.Serializer[Any]):
    delivery = serializers.UUIDField(help_text="The mended copy's, stored as a delivery of its own.")
    events = serializers.IntegerField()


class UndoneRun(serializers.Serializer[Any]):
    values = serializers.IntegerField(help_text="Values undone, or to be undone by the job.")
    job = serializers.IntegerField(allow_null=True, help_text="The job that does it, where it is too much for now.")


class GapState(serializers.Serializer[Any]):
    trade_id = serializers.CharField()
    gap = serializers.CharField()
    state = serializers.ChoiceField(choices=["dismissed", "reopened"])


class TagsOfSignal(serializers.Serializer[Any]):
    trade_id = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField(), help_text="All that it has now.")


class FindingAnswer(serializers.Serializer[Any]):
    finding = serializers.CharField()
    title = serializers.CharField()
    advice = serializers.CharField()
    corrected = serializers.BooleanField(help_text="What is shown is put right already.")
    count = serializers.IntegerField(help_text="Signals with it, but for sources whose habit it is, as counted last.")
    habit_of = serializers.ListField(child=serializers.CharField(), help_text="Sources with it on nearly every signal.")
    signals = serializers.CharField(help_text="Where they are listed.")


class FindingsAnswer(serializers.Serializer[Any]):
    as_of = serializers.DateTimeField(allow_null=True, help_text="When the worker counted them; null: not yet.")
    results = FindingAnswer(many=True)


class TrendPoint(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    health = serializers.FloatField(allow_null=True)
    actionable_gaps = serializers.IntegerField()
    waiting_gaps = serializers.IntegerField()


class TrendAnswer(serializers.Serializer[Any]):
    period = serializers.CharField()
    results = TrendPoint(many=True)


class BarDay(serializers.Serializer[Any]):
    """Minutes of a day of New York: how many were traded, of how many there are bars and from where."""

    date = serializers.DateField()
    expected = serializers.IntegerField()
    files = serializers.IntegerField()
    feeds = serializers.IntegerField()
    indicator = serializers.IntegerField()
    closes = serializers.IntegerField()
    refused = serializers.IntegerField()
    missing = serializers.IntegerField()
    dirty = serializers.BooleanField()


class CoverageAnswer(serializers.Serializer[Any]):
    symbols = serializers.ListField(child=serializers.CharField(), help_text="Those of which there are bars.")
    symbol = serializers.CharField()
    results = BarDay(many=True)


class TokenAnswer(serializers.Serializer[Any]):
    name = serializers.CharField()
    scope = serializers.CharField()
    expires_at = serializers.DateTimeField()


class MeAnswer(serializers.Serializer[Any]):
    """As whom a request is made, and what it may do."""

    username = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    may_act = serializers.BooleanField(help_text="Reconcile, undo, approve, dismiss gaps.")
    may_replay = serializers.BooleanField(help_text="Mend, replay and dismiss what is in quarantine.")
    token = TokenAnswer(allow_null=True)


class OpenGap(serializers.Serializer[Any]):
    gap = serializers.CharField()
    title = serializers.CharField()
    state = serializers.ChoiceField(choices=["actionable", "waiting"])
    weight = serializers.IntegerField()
    tiers = serializers.ListField(child=serializers.CharField())
    remedy = serializers.CharField()


class Timeline(serializers.Serializer[Any]):
    """Everything about one signal, in time order."""

    signal = serializers.DictField(help_text="All its fields, as a single signal's, less what is computed on asking.")
    provenance = serializers.DictField()
    events = EventRecord(many=True)
    fills = FillRecord(many=True)
    gaps = OpenGap(many=True)
    audit = AuditRecord(many=True)


class KindOfGap(serializers.Serializer[Any]):
    gap = serializers.CharField()
    title = serializers.CharField()
    weight = serializers.IntegerField()
    actionable = serializers.IntegerField(help_text="As the last run left them.")
    waiting = serializers.IntegerField(help_text="Now.")
    tiers = serializers.ListField(child=serializers.CharField(), help_text="Those that can fill it.")
    remedy = serializers.CharField(help_text="What an operator can do.")
    signals = serializers.CharField(help_text="Where its signals are listed.")


class GapsAnswer(serializers.Serializer[Any]):
    total_gaps = serializers.IntegerField()
    results = KindOfGap(many=True)


class RunReport(serializers.Serializer[Any]):
    """As `runsync --json` prints it. `proposals` are a dry run's."""

    run_id = serializers.IntegerField(allow_null=True, help_text="Null of a dry run.")
    signals_examined = serializers.IntegerField()
    gaps_before = serializers.IntegerField()
    gaps_after = serializers.IntegerField()
    gaps_before_by_type = serializers.DictField(child=serializers.IntegerField())
    gaps_after_by_type = serializers.DictField(child=serializers.IntegerField())
    fills = serializers.IntegerField()
    fills_by_tier = serializers.DictField(child=serializers.IntegerField())
    proposed = serializers.IntegerField()
    withdrawn = serializers.IntegerField()
    healed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    conflicts = serializers.IntegerField()
    errors: Any = serializers.IntegerField(help_text="Signals set aside.")  # DRF itself has `errors`
    health_before = serializers.FloatField(allow_null=True)
    health_after = serializers.FloatField(allow_null=True)
    seconds = serializers.FloatField()
    phases = serializers.DictField(child=serializers.FloatField())
    proposals = serializers.ListField(child=serializers.DictField())
