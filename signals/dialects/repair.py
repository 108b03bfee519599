"""Mending broken JSON without loss: quotes may be added or removed, and nothing else.

The indicator does send broken JSON: a stray quote behind a price without decimals, a missing one behind a timeframe.
json-repair proposes a mended text; it also guesses, so what it proposes is believed only when this proof succeeds:
split at the structural characters, the two texts have the same parts in the same order, each part differing in its
quotes only, and no mended text holds a structural character (it could have swallowed its neighbours).
"""

import re

import json_repair

from signals.dialects.jsontext import BrokenError, parsed
from signals.facts import Repair, UnreadableError
from signals.formats import quoted
from signals.receiving.masking import mask_tokens

# A colon between digits belongs to a time.
_STRUCTURE = re.compile(r"([{}\[\],]|(?<!\d):|:(?!\d))")
_BETWEEN = re.compile(r"(?<=\})\s*(?=\{)")  # two objects
_WHOLE = re.compile(r'\s*(?:"[^"]*"|-?\d[\d.eE+-]*|true|false|null)?\s*')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)

# Beyond so many damaged parts json-repair takes seconds, and no alert seen had more than a few.
MAX_DAMAGE = 200


def repaired(text: str, broken: BrokenError) -> Repair:
    """The mended text. Raises UnreadableError, with the proposal where there is one, when quotes are not enough.

    Several objects one behind the other are mended each by itself: json-repair would keep one of them.
    """
    pieces = _BETWEEN.split(text)
    if len(pieces) == 1 or damage(text) > MAX_DAMAGE:
        return _repaired(text, broken)
    mended = "\n".join(_piece(piece, number) for number, piece in enumerate(pieces, 1))
    return Repair(_masked(mended), _summary(text, mended))


def _piece(text: str, number: int) -> str:
    try:
        parsed(text)
    except BrokenError as broken:
        try:
            return _repaired(text, broken).text
        except UnreadableError as error:
            raise UnreadableError(f"Of several alerts number {number} cannot be read: {error.reason}") from None
    return text


def proved(sent: bytes, proposal: str) -> bool:
    """Whether a proposal has all that was sent, and differs from it in quotes only."""
    text = sent.decode(errors="replace").strip()
    return text.endswith(("}", "]")) and proposal in (text, _mended(text, proposal))


def _repaired(text: str, broken: BrokenError) -> Repair:
    if not text.startswith(("{", "[{")):
        raise UnreadableError(
            f"The body is not a JSON object ({broken.problem}). Send the indicator's message unchanged."
        )
    found = _proposal(text)
    proposal = _masked(found)
    if not text.endswith("}" if text[0] == "{" else "]"):
        raise UnreadableError(
            "The body was cut off: it does not end in '}' and may hold half a number. "
            "Complete a copy from the alert log and replay it.",
            proposal,
        )
    mended = _mended(text, found) if found else None
    if mended is None:
        raise UnreadableError(
            f"The body is not JSON ({broken.problem}), and mending its quotes does not make it so. "
            "Check the proposal, correct a copy and replay it.",
            proposal,
        )
    return Repair(_masked(mended), _summary(text, mended))


def _proposal(text: str) -> str:
    """What json-repair makes of the text, "" when it is too damaged to ask."""
    if damage(text) > MAX_DAMAGE or abs(text.count("{") - text.count("}")) > MAX_DAMAGE:
        return ""
    try:
        proposal = json_repair.repair_json(text, skip_json_loads=True, ensure_ascii=False)
    except (ValueError, RecursionError, ArithmeticError):
        return ""
    return str(proposal).encode("utf-8", "backslashreplace").decode().replace("\x00", "")


def damage(text: str) -> int:
    """How many of its parts are damaged."""
    return sum(1 for part in _STRUCTURE.split(text)[::2] if not _WHOLE.fullmatch(part))


def _masked(text: str) -> str:
    """Without the value of a token, whose name mending may have restored."""
    masked, _ = mask_tokens(text.encode())
    return masked.decode()


def _mended(text: str, proposal: str) -> str | None:
    """The text with the proposal's quotes and its own spelling of everything else, or None."""
    if "\\" in text:  # an escaped quote may be part of a value
        return None
    sent, offered = _STRUCTURE.split(text), _STRUCTURE.split(proposal)
    if sent[1::2] != offered[1::2]:  # the structural characters; between them stand names and values
        return None
    made = [_requoted(*pair) for pair in zip(sent[::2], offered[::2], strict=True)]
    parts = [part for part in made if part is not None]
    if len(parts) != len(made):
        return None
    sent[::2] = parts
    return "".join(sent)


def _requoted(sent: str, offered: str) -> str | None:
    """One value or name as it was sent, in quotes where the proposal has quotes; None where they differ in more."""
    offered, bare = offered.strip(), sent.replace('"', "").strip()
    if not _WHOLE.fullmatch(offered):
        return None
    if offered.startswith('"'):
        same = bare == offered[1:-1].strip() and ('"' in sent or bool(bare))
        return f'"{bare}"' if same else None
    if bare == offered:
        return bare
    is_number = _NUMBER.fullmatch(bare) and _NUMBER.fullmatch(offered)
    # json-repair reads numbers as floats: keep the digits that were sent, if they are the same number.
    return bare if is_number and float(bare) == float(offered) else None


def _summary(text: str, mended: str) -> str:
    """How many quotes went and came, and where the first."""
    added = removed = 0
    first = ""
    for sent, made in zip(_gaps(text), _gaps(mended), strict=True):
        difference = made[0] - sent[0]
        added += max(difference, 0)
        removed += max(-difference, 0)
        if difference and not first:
            first = text[max(0, sent[1] - 20) : sent[1] + 20]
    return f"{removed} quotes removed, {added} added; the first near {quoted(first)}"


def _gaps(text: str) -> list[tuple[int, int]]:
    """(quotes before it, its place) for each character that is neither quote nor white space."""
    gaps, quotes = [], 0
    for place, character in enumerate(text):
        if character == '"':
            quotes += 1
        elif not character.isspace():
            gaps.append((quotes, place))
            quotes = 0
    return gaps
