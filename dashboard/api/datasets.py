"""Datasets for machines, a page of rows at a time: the same as export_signals writes, which has no such limit."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request

from dashboard.datasets import writing
from dashboard.datasets.fields import FIELDS, Field, chosen
from dashboard.datasets.knowing import Knowledge
from dashboard.datasets.rows import rows
from signals.models import AutomatedSignal

from .filters import LISTED, MomentField, SignalFilter, as_parameters
from .permissions import ProtectedView

# A worker of gunicorn serves nobody else meanwhile, and is ended after 30 seconds.
MOST_ROWS = 20_000
MOST_RESTATED = 2_000  # of which the events are read
IN_MEMORY = 16 * 2**20  # bytes of a Parquet file; a longer one goes to disk
TYPES: Mapping[str, str] = {
    "jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet",
}  # fmt: skip
OWN = ("observed_only", "as_of", "fields", "after")
# What a row of the past may be chosen by: of anything else the value of today would choose it.
OF_ALL_TIMES = frozenset({"source", "symbol"})
TRUE, FALSE = ("true", "1"), ("false", "0", "")


class AsTheAddressSays(BaseContentNegotiation):
    """The ending of the address says the format, whatever the client accepts."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        return next(iter(parsers))

    def select_renderer(self, request: Request, renderers: Iterable[Any], format_suffix: Any = None) -> Any:
        first = next(iter(renderers))
        return first, first.media_type


def asked_knowledge(request: Request, now: datetime) -> Knowledge:
    observed, text = request.query_params.get("observed_only", "").lower(), request.query_params.get("as_of", "")
    if observed not in (*TRUE, *FALSE):
        raise ValidationError({"observed_only": ["true or false."]})
    as_of = None
    if text:
        try:
            as_of = MomentField().clean(text)
        except Exception as error:
            raise ValidationError({"as_of": [f"{text!r} is no time: give one as 2025-12-11T14:40:00Z."]}) from error
        if as_of > now:
            raise ValidationError({"as_of": ["It lies in the future: nobody knows yet what will be known then."]})
    return Knowledge(observed in TRUE, as_of)


def asked_fields(request: Request) -> list[Field]:
    named = [name.strip() for name in request.query_params.get("fields", "").split(",")]
    try:
        return chosen([name for name in named if name])
    except ValueError as error:
        raise ValidationError({"fields": [str(error)]}) from error


def asked_signals(request: Request, how: Knowledge) -> "QuerySet[AutomatedSignal]":
    """Narrowed as All Signals. Raises ValidationError for what means nothing, or would look into the future."""
    known = set(LISTED)
    given = set(request.query_params) - set(OWN)
    if unknown := sorted(given - known):
        says = [f"Unknown parameter. Known: {', '.join(sorted({*known, *OWN}))}."]
        raise ValidationError(dict.fromkeys(unknown, says))
    past = how.observed or how.as_of is not None
    if past and (later := sorted(given - OF_ALL_TIMES)):
        says = ["It would choose by the value of today. Choose by the dataset's own columns, or leave as_of out."]
        raise ValidationError(dict.fromkeys(later, says))
    filtered = SignalFilter(request.query_params, AutomatedSignal.objects.all())  # type: ignore[no-untyped-call]
    if filtered.errors:
        raise ValidationError(filtered.errors)
    found: QuerySet[AutomatedSignal] = filtered.qs
    return found


def page_of(
    signals: "QuerySet[AutomatedSignal]", request: Request, most: int
) -> "tuple[QuerySet[AutomatedSignal], int | None]":
    """The next `most` signals by key, and the key to go on after, if there are more."""
    text = request.query_params.get("after", "0")
    if not text.isdecimal() or len(text) > 18:
        raise ValidationError({"after": [f"{text!r} is no key: follow the Link of the last answer."]})
    keys = list(signals.filter(pk__gt=int(text)).order_by("pk").values_list("pk", flat=True)[: most + 1])
    last = keys[:most][-1] if keys else 0
    return signals.filter(pk__gt=int(text), pk__lte=last), last if len(keys) > most else None


class Dataset(ProtectedView):
    content_negotiation_class = AsTheAddressSays

    @extend_schema(
        operation_id="dataset_of_signals",
        summary="What was known at each signal, and what came of it, with where each value came from",
        description=f"At most {MOST_ROWS:,} rows an answer ({MOST_RESTATED:,} of the past or of what was observed"
        " only); a header `Link` with rel=next leads to those that follow. docs/datasets.md tells the fields.",
        parameters=[
            OpenApiParameter("form", str, OpenApiParameter.PATH, enum=list(TYPES)),
            OpenApiParameter("observed_only", bool, description="By what was heard alone, without any fill."),
            OpenApiParameter("as_of", OpenApiTypes.DATETIME, description="As it was known then."),
            OpenApiParameter("fields", str, description=f"Only these, with commas between, of {', '.join(FIELDS)}."),
            OpenApiParameter("after", int, description="As the Link of the answer before says."),
            *as_parameters(LISTED),
        ],
        responses={
            (200, "application/x-ndjson"): OpenApiTypes.STR,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
            400: OpenApiResponse(description="A parameter means nothing, or Parquet cannot be written here."),
        },
    )
    def get(self, request: Request, form: str) -> HttpResponseBase:
        now = timezone.now()
        how, fields = asked_knowledge(request, now), asked_fields(request)
        past = how.observed or how.as_of is not None
        signals, after = page_of(asked_signals(request, how), request, MOST_RESTATED if past else MOST_ROWS)
        response = written(form, fields, rows(signals, fields, how, now))
        response["Content-Disposition"] = f'attachment; filename="signals.{form}"'
        if after is not None:
            query = request.query_params.copy()
            query["after"] = str(after)
            response["Link"] = f'<{request.path}?{query.urlencode()}>; rel="next"'
        return response


def written(form: str, fields: Sequence[Field], chunks: writing.Chunks) -> HttpResponseBase:
    if form != "parquet":
        lines = writing.as_csv if form == "csv" else writing.jsonl
        return StreamingHttpResponse(lines(fields, chunks), content_type=TYPES[form])
    file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the response closes it
    try:
        writing.write_parquet(fields, chunks, file)
    except writing.NoParquetError as error:
        raise ValidationError({"detail": str(error)}) from error
    file.seek(0)
    return FileResponse(file, content_type=TYPES[form])
