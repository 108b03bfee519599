"""The mapper's form: a format as fields that can be filled in without knowing its JSON, and back. Pure.

`initial_of` and `spec_of` are each other's inverse. Lists are typed as people write them: words with commas between,
conditions as `action = buy, long; position = flat`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms

from reconciliation.gaps import CATALOGUE
from signals.dialects.numbers import GROUPS, POINTS
from signals.dialects.paths import MAX_LENGTH
from signals.dialects.spec import MAX_NAME
from signals.dialects.texts import BETWEEN as MARKS
from signals.dialects.texts import EQUALS
from signals.dialects.translation import STEPS
from signals.models import Source
from signals.vocabulary import REPORTS

RULES, RULES_SHOWN = 16, 6


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a message may tell, under its name in the format."""

    name: str
    label: str
    help: str = ""

    @property
    def field(self) -> str:
        return f"value_{self.name}"


FACTS: tuple[Fact, ...] = (
    Fact("action", "What happens", "The word that says buy, sell or exit. The rules below decide by it."),
    Fact("symbol", "Symbol", "Left empty: the source's own."),
    Fact("price", "Price", "Of the entry where it opens a trade, of the exit where it closes one."),
    Fact("stop_loss", "Stop loss"),
    Fact("tp1", "Target"),
    Fact("position", "Position afterwards", "Long, short or flat, or its size: tells an entry from an exit."),
    Fact("order", "Number or name of the order", "Where it stays the same from entry to exit, a trade is told by it."),
    Fact("direction", "Direction", "Where the rules do not say long or short."),
)
MORE_FACTS: tuple[Fact, ...] = (
    Fact("entry_price", "Price of the entry"),
    Fact("exit_price", "Price of the exit"),
    Fact("current_price", "Price now"),
    Fact("triangle_time", "Time of the signal's bar"),
    Fact("confirmation_time", "Time of the entry's bar"),
    Fact("signal_date", "Date of the signal"),
    Fact("signal_clock", "Time of day of the signal"),
    Fact("session", "Session"),
    Fact("tp2", "Second target"),
    Fact("tp3", "Third target"),
    Fact("be_price", "Break-even price"),
    Fact("be_mfe", "MFE in R, stop at break-even"),
    Fact("no_be_mfe", "MFE in R, original stop"),
    Fact("mae", "MAE in R"),
    Fact("exit_reason", "Reason of the exit"),
)
BAR: tuple[Fact, ...] = (
    Fact("time", "Time at which the bar opens"),
    Fact("open", "Open"),
    Fact("high", "High"),
    Fact("low", "Low"),
    Fact("close", "Close"),
    Fact("interval", "Length of the bar"),
    Fact("symbol", "Symbol"),
)
KNOWN = frozenset(fact.name for fact in (*FACTS, *MORE_FACTS))
TOLD: Mapping[str, str] = {
    "turn long": "closes a short, opens a long",
    "turn short": "closes a long, opens a short",
    "open long": "opens a long",
    "open short": "opens a short",
    "close": "closes what is open",
    "close long": "closes the long",
    "close short": "closes the short",
    "nothing": "means nothing",
    "SIGNAL_CREATED": "a signal appears",
    "ENTRY": "is an entry",
    "EXIT": "is an exit",
    "MFE_UPDATE": "tells how it is going",
    "BE_TRIGGERED": "break-even is reached",
    "EXIT_STOP_LOSS": "is stopped out",
    "EXIT_BREAK_EVEN": "ends at break-even",
    "CANCELLED": "is cancelled",
}
CHOICES = [("", ""), *((step, TOLD.get(step, step)) for step in STEPS if step not in REPORTS)]
# How a separator is chosen; a browser would change a line's end.
BETWEEN: Mapping[str, str] = {"line": "\n", "blank": " ", **{mark: mark for mark in MARKS if not mark.isspace()}}
# Decimal point and mark of thousands.
WRITTEN = [(point, group) for point in POINTS for group in GROUPS if point != group and point + group != "."]


def parts(text: str, mark: str = ",", most: int = 0) -> list[str]:
    """The parts of a text between marks, of which those within double quotes do not count."""
    found = re.split(rf'{re.escape(mark)}(?=(?:[^"]*"[^"]*")*[^"]*$)', text, maxsplit=most)
    return [part.strip() for part in found if part.strip()]


def unquoted(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word


def quoted(word: Any) -> str:
    """A word as it is typed: in double quotes where it is empty or holds what separates words."""
    text = str(word)
    return f'"{text}"' if text != text.strip() or not text or set(text) & set(",;:=\n") else text


def said(word: Any) -> str:
    """A word of a condition, where `=0` stands for a number that is zero, behind the sign that comes first."""
    return str(word) if word == "=0" else quoted(word)


def conditions(text: str) -> dict[str, list[str]]:
    """`action = buy, long; position = flat` as the words that each name may have."""
    pairs = (parts(part, "=", 1) for part in parts(text, ";"))
    return {name: [unquoted(word) for word in parts(words[0])] if words else [] for name, *words in pairs}


def as_conditions(found: Mapping[str, Sequence[Any]]) -> str:
    return "; ".join(f"{name} = {', '.join(map(said, words))}" for name, words in found.items())


def translations(text: str) -> dict[str, dict[str, str]]:
    """A line for each name, `direction: buy = Bullish, sell = Bearish`, as what each word means."""
    found = {}
    for line in parts(text, "\n"):
        name, *said = parts(line, ":", 1)
        pairs = (parts(word, "=", 1) for word in parts(said[0] if said else ""))
        found[name] = {unquoted(word): unquoted(meaning[0]) if meaning else "" for word, *meaning in pairs}
    return found


def as_translations(found: Mapping[str, Mapping[str, str]]) -> str:
    return "\n".join(
        f"{name}: {', '.join(f'{quoted(word)} = {quoted(meaning)}' for word, meaning in words.items())}"
        for name, words in found.items()
    )


class ForSource(forms.Form):
    source = forms.ModelChoiceField(
        Source.objects.all(),
        required=False,
        empty_label="every source",
        label="For",
        help_text="Whose alerts it reads.",
    )


class UseForm(ForSource):
    replay = forms.BooleanField(required=False, label="Read again what waits in this shape")


class MapperForm(UseForm):
    """A format as fields. What the JSON of a format may hold besides is kept as it is."""

    name = forms.SlugField(
        max_length=MAX_NAME,
        help_text=f"At most {MAX_NAME} letters, digits and hyphens; deliveries are told by it.",
    )
    title = forms.CharField(max_length=80, required=False, label="Title", help_text="If you like, in your own words.")
    templates = forms.CharField(
        required=False, label="Texts", help_text="One a line, with {{name}} where a value stands.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )  # fmt: skip
    between = forms.MultipleChoiceField(
        required=False, label="It is names and values, with between them", widget=forms.CheckboxSelectMultiple,
        choices=[(name, {"line": "a new line", "blank": "a blank"}.get(name, name)) for name in BETWEEN],
    )  # fmt: skip
    equals = forms.ChoiceField(
        required=False, label="Between name and value", choices=[(mark, mark) for mark in EQUALS]
    )
    first = forms.CharField(
        required=False, label="Values without a name", help_text="Names for those at the beginning, in their order."
    )
    within = forms.CharField(required=False, label="The message is within", help_text="For relays that wrap it.")
    has = forms.CharField(required=False, label="It has", help_text="Names that every such message has.")
    lacks = forms.CharField(required=False, label="It lacks", help_text="Names that none has.")
    marks = forms.CharField(required=False, label="Its words", help_text="As action = buy, sell, exit.")
    own = forms.CharField(
        required=False, label="Values under names of your own", help_text="One a line, as size = contracts.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )  # fmt: skip
    words = forms.CharField(
        required=False, label="What words mean", help_text="As direction: up = Bullish, down = Bearish.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )  # fmt: skip
    trade_id = forms.CharField(
        required=False, label="A trade is told by", help_text="Names whose values stay the same from entry to exit."
    )
    sides = forms.ChoiceField(
        choices=[("together", "one trade at a time: the opposite closes it"), ("apart", "long and short at once")],
        required=False, label="Long and short",
    )  # fmt: skip
    zone = forms.CharField(required=False, label="Zone of times without one", help_text="As America/New_York.")
    numbers = forms.ChoiceField(
        required=False, label="How numbers are written",
        choices=[("", "1234.5"), *((f"{point}{group}", f"1{group}234{point}5") for point, group in WRITTEN)],
    )  # fmt: skip
    gaps_off = forms.MultipleChoiceField(
        required=False, label="What it does not give, and what is then no gap", widget=forms.CheckboxSelectMultiple,
        choices=[(gap.name, gap.title) for gap in CATALOGUE.values()],
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for fact in (*FACTS, *MORE_FACTS):
            self.fields[fact.field] = path_field(fact)
        for fact in BAR:
            self.fields[f"bar_{fact.name}"] = path_field(fact)
        for number in range(RULES):
            self.fields[f"if_{number}"] = forms.CharField(required=False, label=f"Rule {number + 1}: where")
            self.fields[f"then_{number}"] = forms.CharField(required=False, label="it", widget=self.steps(number))

    def steps(self, number: int) -> forms.Select:
        """The steps to choose from, and what the format has now: it may be several."""
        given = self.data if self.is_bound else self.initial
        chosen = str(given.get(f"then_{number}") or "")
        more = (
            []
            if chosen in dict(CHOICES)
            else [(chosen, ", then ".join(TOLD.get(each, each) for each in parts(chosen)))]
        )
        return forms.Select(choices=[*CHOICES, *more])

    def clean(self) -> dict[str, Any]:
        """As it was shown: browsers send a line's end as two characters."""
        return {
            name: value.replace("\r\n", "\n") if isinstance(value, str) else value
            for name, value in self.cleaned_data.items()
        }

    def fields_named(self, *names: str) -> list[forms.BoundField]:
        return [self[name] for name in names]

    def naming(self) -> list[forms.BoundField]:
        return self.fields_named("name", "title", "source")

    def facts(self) -> list[forms.BoundField]:
        return self.fields_named(*(fact.field for fact in FACTS))

    def more_facts(self) -> list[forms.BoundField]:
        return self.fields_named(*(fact.field for fact in MORE_FACTS), "own")

    def rules(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        return [(self[f"if_{number}"], self[f"then_{number}"]) for number in range(RULES)]

    def first_rules(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        return self.rules()[:RULES_SHOWN]

    def more_rules(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        return self.rules()[RULES_SHOWN:]

    def identity(self) -> list[forms.BoundField]:
        return self.fields_named("trade_id", "sides")

    def recognising(self) -> list[forms.BoundField]:
        return self.fields_named("has", "lacks", "marks", "templates", "between", "equals", "first", "within")

    @property
    def is_text(self) -> bool:
        return bool(self["templates"].value() or self["between"].value())

    def writing(self) -> list[forms.BoundField]:
        return self.fields_named("words", "zone", "numbers")

    def bar(self) -> list[forms.BoundField]:
        return self.fields_named(*(f"bar_{fact.name}" for fact in BAR))

    def owing(self) -> list[forms.BoundField]:
        return self.fields_named("gaps_off")


def path_field(fact: Fact) -> forms.CharField:
    """Where a value is; the browser offers the paths of the sample (`<datalist id="paths">`)."""
    attributes = {"list": "paths", "autocomplete": "off", "spellcheck": "false"}
    return forms.CharField(
        required=False,
        max_length=MAX_LENGTH,
        label=fact.label,
        help_text=fact.help,
        widget=forms.TextInput(attrs=attributes),
    )


def initial_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields hold for a format."""
    values, recognise = spec.get("values", {}), spec.get("recognise", {})
    return {
        "name": spec.get("name", ""),
        "title": spec.get("title", ""),
        "within": spec.get("within", ""),
        "has": ", ".join(recognise.get("has", [])),
        "lacks": ", ".join(recognise.get("lacks", [])),
        "marks": as_conditions(recognise.get("words", {})),
        "own": "\n".join(f"{name} = {path}" for name, path in values.items() if name not in KNOWN),
        "words": as_translations(spec.get("words", {})),
        "trade_id": ", ".join(spec.get("trade_id", [])),
        "sides": spec.get("sides", "together"),
        "zone": spec.get("times", {}).get("zone", ""),
        "numbers": as_numbers(spec.get("numbers", {})),
        "gaps_off": list(spec.get("gaps_off", [])),
        **{fact.field: values.get(fact.name, "") for fact in (*FACTS, *MORE_FACTS)},
        **{f"bar_{fact.name}": spec.get("bar", {}).get(fact.name, "") for fact in BAR},
        **initial_text(spec.get("text", {})),
        **initial_rules(spec.get("events", [])),
    }


def as_numbers(numbers: Mapping[str, str]) -> str:
    written = f"{numbers.get('decimal', '.')}{numbers.get('group', '')}"
    return "" if written == "." else written


def initial_text(text: Mapping[str, Any]) -> dict[str, Any]:
    pairs = text.get("pairs", {})
    between = pairs.get("between", ",") if "pairs" in text else ""
    return {
        "templates": "\n".join(text.get("templates", [])),
        "between": [name for name, mark in BETWEEN.items() if mark in between],
        "equals": pairs.get("equals", "="),
        "first": ", ".join(pairs.get("first", [])),
    }


def initial_rules(rules: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found = {}
    nothing: Mapping[str, Any] = {}
    for number in range(RULES):
        rule = rules[number] if number < len(rules) else nothing
        found[f"if_{number}"] = as_conditions(rule.get("if", {}))
        found[f"then_{number}"] = ", ".join(rule.get("then", []))
    return found


def spec_of(given: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The format that the fields say; what they cannot say is as in `base`."""
    spec = dict(base) | {
        "name": given["name"],
        "title": given["title"],
        "text": text_of(given),
        "within": given["within"],
        "recognise": kept(
            {"has": parts(given["has"]), "lacks": parts(given["lacks"]), "words": conditions(given["marks"])}
        ),
        "values": values_of(given),
        "words": translations(given["words"]),
        "events": [*rules_of(given), *base.get("events", [])[RULES:]],
        "trade_id": parts(given["trade_id"]),
        "sides": "apart" if given["sides"] == "apart" else "",
        "times": kept({"zone": given["zone"]}),
        "numbers": kept({"decimal": given["numbers"][:1], "group": given["numbers"][1:]}),
        "bar": kept({fact.name: given[f"bar_{fact.name}"] for fact in BAR}),
        "gaps_off": given["gaps_off"],
    }
    return kept(spec)


def kept(found: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty."""
    return {name: value for name, value in found.items() if value}


def values_of(given: Mapping[str, Any]) -> dict[str, str]:
    own = (parts(line, "=", 1) for line in parts(given["own"], "\n"))
    facts = {fact.name: given[fact.field] for fact in (*FACTS, *MORE_FACTS)}
    return kept(facts) | {name: path[0] if path else "" for name, *path in own}


def text_of(given: Mapping[str, Any]) -> dict[str, Any]:
    if given["templates"]:
        return {"templates": [line.strip() for line in given["templates"].splitlines() if line.strip()]}
    if not given["between"]:
        return {}
    between = "".join(BETWEEN[name] for name in given["between"])
    pairs = {"between": between, "equals": given["equals"], "first": parts(given["first"])}
    return {"pairs": kept(pairs)}


def rules_of(given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for number in range(RULES):
        steps = parts(given[f"then_{number}"])
        if steps:
            yield kept({"if": conditions(given[f"if_{number}"])}) | {"then": steps}
