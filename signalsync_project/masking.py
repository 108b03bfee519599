"""Keeps webhook tokens out of the logs: Django's warnings, gunicorn's access lines, errors, tracebacks.

An address is judged as it reads when it is decoded, however often it was encoded: by what stands before a segment, and
by whether the segment looks like a token. So a mistyped address keeps no token either.
"""

import logging
import re
from urllib.parse import unquote

MASK = "***"
MOST_ENCODED = 8

_NAME = r"[\w-]*(?:token|pass(?:phrase|word|wd)|secret|api[_-]?key)"
_SECRETS = (
    # JSON inside a quoted string: \"token\": \"…\"
    re.compile(rf'(?i)(\\"{_NAME}\\"\s*:\s*\\").*?(?=\\"|$)'),
    # JSON and Python's repr: "token": "…", whose value may hold escaped quotes of its own
    re.compile(rf'(?i)("{_NAME}"\s*:\s*")(?:\\.|[^"\\])*'),
    re.compile(rf"(?i)('{_NAME}'\s*:\s*')(?:\\.|[^'\\])*"),
    # A number: "token": 123
    re.compile(rf"(?i)([\"']{_NAME}\\?[\"']\s*:\s*)[^\s,}}\"'\\]+"),
)

# What may be an address, or a part of one; what separates its segments, and its query's values, once it is decoded.
_RUN = re.compile(r"""[^\s"'<>\\]+""")
_SEPARATORS = re.compile(r"(?i)((?:/|[?&;#=]|%(?:25)*(?:2f|5c|3f|26|3b|23|3d))+)")
_LONGEST_NAME = 19  # of anything of ours in an address; a token that production accepts has 24 characters or more
_KNOWN = re.compile(
    r"""(?ix)
      \d{8}_\d{9}_(?:BULLISH|BEARISH)                     # a trade id
    | [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}         # a delivery, a sync request
    | .*\.[a-z][a-z0-9]{0,5}                              # a file, a host
    """
)


def masked(text: str) -> str:
    """The text with every token that stands at a known place, or looks like one in an address, replaced by `***`."""
    text = _RUN.sub(lambda run: masked_address(run[0]), text)
    for secret in _SECRETS:
        text = secret.sub(rf"\g<1>{MASK}", text)
    return text


def masked_address(run: str) -> str:
    parts = _SEPARATORS.split(run)
    if len(parts) == 1:
        return run
    traceback = run.rstrip(":,").endswith(".py")
    before = ""
    for index in range(0, len(parts), 2):
        segment, end = decoded(parts[index]), parts[index - 1] if index else ""
        if not segment:
            continue
        if follows_name_of_secret(before, end) or (end and not traceback and looks_like_token(segment)):
            parts[index] = MASK
        before = segment.lower()
    return "".join(parts)


def decoded(text: str) -> str:
    """Without percent-encoding, also where it was applied several times. What is left of more looks like a token."""
    for _ in range(MOST_ENCODED):
        if (plain := unquote(text)) == text:
            break
        text = plain
    return text


def follows_name_of_secret(before: str, separator: str) -> bool:
    """Behind a `webhook` in the path, however it is mistyped, or behind a `token=`."""
    if "=" in decoded(separator):
        return before.endswith("token")
    return "hook" in before and not set(decoded(separator)) & set("?&;#")


def looks_like_token(segment: str) -> bool:
    return len(segment) > _LONGEST_NAME and not _KNOWN.fullmatch(segment)


class TokenFilter(logging.Filter):
    """Masks a record's message, arguments and traceback; lets every record through.

    It belongs on handlers: a logger's filter does not see what its children log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if (clean := masked(message)) != message:
            record.msg, record.args = clean, None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = masked(record.exc_text)
        return True
