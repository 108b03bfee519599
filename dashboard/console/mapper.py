"""The mapper's form: a format as fields that can be filled in without knowing its JSON, and back. Pure.

`initial_of` and `spec_of` are each other's inverse. Lists are typed as people write them: words with commas between,
conditions as `action = buy, long; position = flat`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django import forms

from reconciliation.gaps import CATALOGUE
from signals.models import Source

RULES, RULES_SHOWN = 16, 6
NAME_LENGTH = 16


class Fact(NamedTuple):
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
    Fact("entry_price", "Price of the entry"),
    Fact("stop_loss", "Stop loss"),
    Fact("tp1", "Target"),
    Fact("exit_price", "Price of the exit"),
    Fact("position", "Position afterwards", "Long, short or flat, or its size: tells an entry from an exit."),
    Fact("order", "Number or name of the order", "If it stays the same from entry to exit, the id can be made of it."),
)
MORE_FACTS: tuple[Fact, ...] = (
    Fact("direction", "Direction"),
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
BAR: tuple[Fact, ...] = tuple(
    Fact(name, label)
    for name, label in (
        ("time", "Time of the bar"), ("open", "Open"), ("high", "High"), ("low", "Low"), ("close", "Close"),
        ("interval", "Length of the bar"),
    )
)  # fmt: skip
KNOWN = frozenset(fact.name for fact in (*FACTS, *MORE_FACTS))
STEPS: Mapping[str, str] = {
    "": "–",
    "open long": "opens a long",
    "open short": "opens a short",
    "close": "closes what is open",
    "close long": "closes the long",
    "close short": "closes the short",
    "nothing": "means nothing, and is read without an event",
    "SIGNAL_CREATED": "a signal appears (SIGNAL_CREATED)",
    "ENTRY": "it is entered (ENTRY)",
    "MFE_UPDATE": "it is followed (MFE_UPDATE)",
    "BE_TRIGGERED": "break-even is reached (BE_TRIGGERED)",
    "EXIT_STOP_LOSS": "it is stopped out (EXIT_STOP_LOSS)",
    "EXIT_BREAK_EVEN": "it ends at break-even (EXIT_BREAK_EVEN)",
    "CANCELLED": "it is cancelled (CANCELLED)",
}


def listed(text: str, mark: str = ",") -> list[str]:
    return [part.strip() for part in text.split(mark) if part.strip()]


def conditions(text: str) -> dict[str, list[str]]:
    """`action = buy, long; position = flat` as the words that each name may have."""
    found = {}
    for part in listed(text, ";"):
        name, _, words = part.partition("=")
        found[name.strip()] = listed(words)
    return found


def as_conditions(found: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{name} = {', '.join(words)}" for name, words in found.items())


def translations(text: str) -> dict[str, dict[str, str]]:
    """A line for each name, `direction: buy = Bullish, sell = Bearish`, as what each word means."""
    found = {}
    for line in listed(text, "\n"):
        name, _, words = line.partition(":")
        pairs = (word.partition("=") for word in listed(words))
        found[name.strip()] = {word.strip(): meaning.strip() for word, _, meaning in pairs}
    return found


def as_translations(found: Mapping[str, Mapping[str, str]]) -> str:
    return "\n".join(
        f"{name}: {', '.join(f'{word} = {meaning}' for word, meaning in words.items())}"
        for name, words in found.items()
    )


class MapperForm(forms.Form):
    """A format as fields. What the JSON of a format may hold besides is kept as it is."""

    name = forms.SlugField(
        max_length=NAME_LENGTH,
        help_text=f"At most {NAME_LENGTH} letters, digits and hyphens; deliveries are told by it.",
    )
    title = forms.CharField(max_length=80, required=False, label="Title", help_text="If you like, in your own words.")
    source = forms.ModelChoiceField(
        Source.objects.all(),
        required=False,
        empty_label="every source",
        label="For",
        help_text="Whose alerts it reads.",
    )
    templates = forms.CharField(
        required=False, label="Texts", help_text="One a line, with {{name}} where a value stands.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )  # fmt: skip
    between = forms.CharField(required=False, strip=False, label="Between the pairs", help_text="As , or ; or a blank.")
    equals = forms.CharField(required=False, strip=False, label="Between name and value", help_text="As = or :.")
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
        required=False, label="What words mean", help_text="A line a value, as direction: up = Bullish, down = Bearish.",
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
    decimal = forms.ChoiceField(
        required=False, choices=[("", "1,234.5"), (",", "1.234,5")], label="How numbers are written"
    )
    gaps_off = forms.MultipleChoiceField(
        required=False, label="What it does not give, and what is then no gap", widget=forms.CheckboxSelectMultiple,
        choices=[(gap.name, gap.title) for gap in CATALOGUE.values()],
    )  # fmt: skip
    replay = forms.BooleanField(required=False, label="Read again what waits in this shape")

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
        more = {} if chosen in STEPS else {chosen: chosen}
        return forms.Select(choices=[*STEPS.items(), *more.items()])

    def clean(self) -> dict[str, Any]:
        """As it was shown: browsers send a line's end as two characters."""
        return {
            name: value.replace("\r\n", "\n") if isinstance(value, str) else value
            for name, value in self.cleaned_data.items()
        }

    def group(self, *names: str) -> list[forms.BoundField]:
        return [self[name] for name in names]

    def naming(self) -> list[forms.BoundField]:
        return self.group("name", "title", "source")

    def facts(self) -> list[forms.BoundField]:
        return self.group(*(fact.field for fact in FACTS))

    def more_facts(self) -> list[forms.BoundField]:
        return self.group(*(fact.field for fact in MORE_FACTS), "own")

    def rules(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        return [(self[f"if_{number}"], self[f"then_{number}"]) for number in range(RULES)]

    def first_rules(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        return self.rules()[:RULES_SHOWN]

    def more_rules(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        return self.rules()[RULES_SHOWN:]

    def identity(self) -> list[forms.BoundField]:
        return self.group("trade_id", "sides")

    def recognising(self) -> list[forms.BoundField]:
        return self.group("has", "lacks", "marks", "templates", "between", "equals", "first", "within")

    def writing(self) -> list[forms.BoundField]:
        return self.group("words", "zone", "decimal")

    def bar(self) -> list[forms.BoundField]:
        return self.group(*(f"bar_{fact.name}" for fact in BAR))

    def owing(self) -> list[forms.BoundField]:
        return self.group("gaps_off")


def path_field(fact: Fact) -> forms.CharField:
    """Where a value is; the browser offers the paths of the sample (`<datalist id="paths">`)."""
    attributes = {"list": "paths", "autocomplete": "off", "spellcheck": "false"}
    return forms.CharField(
        required=False, max_length=200, label=fact.label, help_text=fact.help, widget=forms.TextInput(attrs=attributes)
    )


def initial_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields hold for a format."""
    values, text, recognise = spec.get("values", {}), spec.get("text", {}), spec.get("recognise", {})
    pairs = text.get("pairs", {})
    found = {
        "name": spec.get("name", ""),
        "title": spec.get("title", ""),
        "templates": "\n".join(text.get("templates", [])),
        "between": pairs.get("between", ""),
        "equals": pairs.get("equals", ""),
        "first": ", ".join(pairs.get("first", [])),
        "within": spec.get("within", ""),
        "has": ", ".join(recognise.get("has", [])),
        "lacks": ", ".join(recognise.get("lacks", [])),
        "marks": as_conditions(recognise.get("words", {})),
        "own": "\n".join(f"{name} = {path}" for name, path in values.items() if name not in KNOWN),
        "words": as_translations(spec.get("words", {})),
        "trade_id": ", ".join(spec.get("trade_id", [])),
        "sides": spec.get("sides", "together"),
        "zone": spec.get("times", {}).get("zone", ""),
        "decimal": spec.get("numbers", {}).get("decimal", "").replace(".", ""),
        "gaps_off": list(spec.get("gaps_off", [])),
        **{fact.field: values.get(fact.name, "") for fact in (*FACTS, *MORE_FACTS)},
        **{f"bar_{fact.name}": spec.get("bar", {}).get(fact.name, "") for fact in BAR},
    }
    rules = list(spec.get("events", []))[:RULES]
    for number in range(RULES):
        rule = rules[number] if number < len(rules) else {}
        found[f"if_{number}"] = as_conditions(rule.get("if", {}))
        found[f"then_{number}"] = ", ".join(rule.get("then", []))
    return found


def spec_of(given: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The format that the fields say; what they cannot say is as in `base`."""
    spec = dict(base) | {"name": given["name"], "title": given["title"]}
    spec["values"] = values_of(given)
    spec["text"] = text_of(given)
    spec["recognise"] = kept({
        "has": listed(given["has"]), "lacks": listed(given["lacks"]), "words": conditions(given["marks"]),
    })  # fmt: skip
    spec["words"] = translations(given["words"])
    spec["events"] = list(rules_of(given))
    spec["trade_id"] = listed(given["trade_id"])
    spec["sides"] = given["sides"] if given["sides"] != base.get("sides", "together") or "sides" in base else ""
    spec["times"] = kept({"zone": given["zone"]})
    spec["numbers"] = {"decimal": ",", "group": "."} if given["decimal"] else {}
    spec["bar"] = kept({fact.name: given[f"bar_{fact.name}"] for fact in BAR})
    spec["within"] = given["within"]
    spec["gaps_off"] = given["gaps_off"]
    return kept(spec)


def kept(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty."""
    return {name: value for name, value in parts.items() if value}


def values_of(given: Mapping[str, Any]) -> dict[str, str]:
    own = (line.partition("=") for line in listed(given["own"], "\n"))
    facts = {fact.name: given[fact.field] for fact in (*FACTS, *MORE_FACTS)}
    return kept(facts | {name.strip(): path.strip() for name, _, path in own})


def text_of(given: Mapping[str, Any]) -> dict[str, Any]:
    if given["templates"]:
        return {"templates": listed(given["templates"], "\n")}
    pairs = kept({"between": given["between"], "equals": given["equals"], "first": listed(given["first"])})
    return {"pairs": pairs} if pairs else {}


def rules_of(given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for number in range(RULES):
        steps = listed(given[f"then_{number}"])
        if steps:
            yield kept({"if": conditions(given[f"if_{number}"])}) | {"then": steps}
