"""Keeps webhook tokens out of the logs: Django's warnings, gunicorn's access lines, errors, tracebacks."""

import logging
import re

MASK = "***"

_NAME = r"\w*token"
_SECRETS = (
    # The webhook's address: what follows it up to the next part of the URL.
    re.compile(r"(?i)(/automated-signals/webhook/+)[^/?#&\s\"'<>\\]+"),
    # A query string or form: token=…
    re.compile(rf"(?i)(\b{_NAME}=)[^&\s\"'<>\\]+"),
    # JSON inside a quoted string: \"token\": \"…\"
    re.compile(rf'(?i)(\\"{_NAME}\\"\s*:\s*\\").*?(?=\\"|$)'),
    # JSON and Python's repr: "token": "…", whose value may hold escaped quotes of its own
    re.compile(rf'(?i)("{_NAME}"\s*:\s*")(?:\\.|[^"\\])*'),
    re.compile(rf"(?i)('{_NAME}'\s*:\s*')(?:\\.|[^'\\])*"),
    # A number: "token": 123
    re.compile(rf"(?i)([\"']{_NAME}\\?[\"']\s*:\s*)[^\s,}}\"'\\]+"),
)


def masked(text: str) -> str:
    """The text with every token that stands at a known place replaced by `***`."""
    for secret in _SECRETS:
        text = secret.sub(rf"\g<1>{MASK}", text)
    return text


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
