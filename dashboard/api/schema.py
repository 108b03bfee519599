"""What the OpenAPI schema says beside what it reads from the endpoints: problems anywhere, and lists as files."""

from inspect import cleandoc
from typing import Any

from drf_spectacular.openapi import AutoSchema

from signalsync_project.problems import CONTENT_TYPE

from .idempotency import HEADER
from .streaming import CsvLines, JsonLines

KEY = "^[0-9]{1,18}$"  # as dashboard/urls.py has it
WEBHOOK = "/api/automated-signals/webhook"
FILES = (CsvLines.media_type, JsonLines.media_type)
ANY = {
    "400": "A parameter, a field or the body means nothing; `errors` says which.",
    "401": "No credentials, or wrong ones.",
    "403": "Person or token may not do this, or the CSRF token is missing.",
    "429": "Too often; again after `Retry-After` seconds.",
}
ACTING = {
    "409": "Something else is under way, or somebody was faster.",
    "415": "The body is not said to be JSON.",
    "422": "The Idempotency-Key was used for another request.",
}
BOUNDS = frozenset({"minimum", "maximum", "format"})
PAGES = {"404": "No such page."}
ROWS = {"404": "No such row."}
PROBLEM = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


class OwnWords(AutoSchema):
    """Describes an endpoint by its own docstring; what a base class says is for those who write endpoints."""

    def get_description(self) -> str:  # type: ignore[override] # as drf-spectacular has it
        handler = getattr(self.view, self.method.lower(), None)
        return cleandoc(getattr(handler, "__doc__", None) or vars(type(self.view)).get("__doc__") or "")


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A hook of drf-spectacular. The webhook's answers are its own."""
    result["paths"] = {path.rstrip("/"): methods for path, methods in result["paths"].items()}
    for component in result["components"]["schemas"].values():
        if "properties" in component:
            component["properties"] = {name: unbound(told) for name, told in component["properties"].items()}
    for path, methods in result["paths"].items():
        if not path.startswith(WEBHOOK):
            for method, operation in methods.items():
                describe(method, operation)
    return result


def unbound(told: dict[str, Any]) -> dict[str, Any]:
    """A field without what its column can hold, which is another thing on every database."""
    return {name: value for name, value in told.items() if told.get("type") != "integer" or name not in BOUNDS}


def describe(method: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    for status, answer in answers.items():
        if status >= "400" and (told := answer.pop("content", None)):
            answer["content"] = {CONTENT_TYPE: next(iter(told.values()))}
        for file in FILES:
            if file in answer.get("content", {}):
                answer["content"][file] = {"schema": {"type": "string"}}
    if not operation.get("security"):
        return
    for each in operation.get("parameters", ()):
        if each["schema"].get("pattern") == KEY:
            each["schema"] = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
    names = {each["name"] for each in operation.get("parameters", ())}
    acts = ACTING if HEADER in names else {}
    pages = PAGES if names & {"page", "cursor"} else {}
    rows = ROWS if any(each["in"] == "path" for each in operation.get("parameters", ())) else {}
    for status, says in {**ANY, **acts, **pages, **rows}.items():
        answers.setdefault(status, {"description": says, "content": PROBLEM})
    if method == "get" and "200" in answers:
        answers.setdefault("304", {"description": "As the client has it already (`If-None-Match`)."})
    operation["responses"] = dict(sorted(answers.items()))
