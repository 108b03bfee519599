"""Whether a mail is TradingView's: by the word of the server that received it, and of no other. Pure.

A server that receives a mail checks its signature (DKIM) and the sender's domain (DMARC), and writes what it found into
a line on top, Authentication-Results (RFC 8601). Whoever sends can write such lines, too, but only beneath. So the
top-most line alone counts, and only where the server that is known for the mailbox has written it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .reading import Message

DOMAIN = "tradingview.com"
# Who vouches at providers that are known, by the host that their mail is read from.
KNOWN = {
    "imap.gmail.com": "mx.google.com",
    "imap.googlemail.com": "mx.google.com",
    "imap.fastmail.com": "messagingengine.com",
    "imap.mail.yahoo.com": "yahoo.com",
}
UNNAMED = "-"  # the server that writes no name, as Microsoft's
TOKEN = re.compile(r'"((?:\\.|[^"\\])*)"|([^\s;="]+)|([;=])')


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of the server: its method (dkim, dmarc, …), result, and properties, all in small letters."""

    method: str
    result: str
    properties: dict[str, str] = field(default_factory=dict)


def fault_of(message: Message, *, server: str, addressee: str = "") -> str:
    """Why the mail does not count; "" if it does. `addressee` "" is not asked for."""
    if len(message.senders) != 1 or not is_of(domain_of(message.senders[0])):
        return f"It is not from {DOMAIN}, or from more than one sender."
    # A signed mail stays signed when it is sent on. So it must have been written to this address.
    if addressee and bare(addressee) not in map(bare, message.recipients):
        return "It was written to somebody else: the address that TradingView mails to is set with the mailbox."
    if message.results is None:
        return "No server says whether it is authentic: it has no Authentication-Results."
    named, findings = read_results(message.results)
    if not is_named(named, server):
        wanted = "no name" if server == UNNAMED else server
        return f"Its authenticity is vouched for by {named or 'a server without a name'}, not by {wanted}."
    if not any(proves(each, domain_of(message.senders[0])) for each in findings):
        shown = ", ".join(f"{each.method}={each.result}" for each in findings if each.method in ("dkim", "dmarc"))
        return f"Its signature of {DOMAIN} is not confirmed ({shown or 'not checked'})."
    return ""


def proves(finding: Finding, sender: str) -> bool:
    if finding.result != "pass":
        return False
    if finding.method == "dkim":
        signer = finding.properties.get("header.d") or domain_of(finding.properties.get("header.i", ""))
        return is_of(signer)
    return finding.method == "dmarc" and is_of(finding.properties.get("header.from", sender))


def is_of(domain: str, owner: str = DOMAIN) -> bool:
    """Whether it is that domain or one below."""
    return domain == owner or domain.endswith(f".{owner}")


def is_named(named: str, server: str) -> bool:
    return named == "" if server == UNNAMED else is_of(named, server.lower())


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].strip(" .").lower()


def bare(address: str) -> str:
    """Without the tag behind a plus, which leads to the same mailbox."""
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def read_results(line: str) -> tuple[str, list[Finding]]:
    """The name of the server that wrote the line ("" where it gives none), and what it found."""
    statements = list(split(without_comments(line)))
    head = statements[0] if statements else []
    if head and "=" not in head:
        return head[0], [found for each in statements[1:] if (found := finding_of(each))]
    return "", [found for each in statements if (found := finding_of(each))]


def split(text: str) -> Iterator[list[str]]:
    """The statements of a line, each as its words and equals signs."""
    words: list[str] = []
    for quoted, word, sign in TOKEN.findall(text):
        if sign == ";":
            yield words
            words = []
        else:
            words.append((quoted or word or sign).lower())
    if words:
        yield words


def finding_of(words: list[str]) -> Finding | None:
    """Of `dkim = pass header.d = example.com`; a method may have its version behind a slash."""
    pairs = [(words[at - 1], words[at + 1]) for at in range(1, len(words) - 1) if words[at] == "="]
    if not pairs:
        return None
    (method, result), *others = pairs
    properties: dict[str, str] = {}
    for name, value in others:
        properties.setdefault(name, value)
    return Finding(method.partition("/")[0], result, properties)


def without_comments(text: str) -> str:
    """The line without what stands in brackets, nested ones included, but for quoted ones."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"' and not depth:
            quoted = not quoted
        elif not quoted and character == "(":
            depth += 1
            continue
        elif not quoted and character == ")" and depth:
            depth -= 1
            continue
        if not depth:
            kept.append(character)
    return "".join(kept)
