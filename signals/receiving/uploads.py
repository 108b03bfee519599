"""Uploaded files, kept between the preview of what they would do and the word to do it. Then they go.

An alert log holds its messages as they were sent, tokens included: nobody else may read it, and nothing keeps it.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from signals.receiving.logfile import opened

KEPT = timedelta(days=1)
MAX_BYTES = 100 * 1024 * 1024  # of recorded rows about 100,000; TradingView exports 2,000 at a time
_KEY = re.compile(r"[0-9a-f]{32}")


class UnknownUploadError(LookupError):
    """It was never uploaded here, or it is gone after a day."""


@dataclass(frozen=True, slots=True)
class Upload:
    key: str
    path: Path

    @property
    def name(self) -> str:
        """The file's name as the person called it."""
        return self.path.name.split("-", 1)[1]

    def used(self) -> None:
        """What it holds is stored now: the worker's next turn deletes it, and until then it can be looked at again."""
        with suppress(FileNotFoundError):
            os.utime(self.path, (0, 0))

    @contextmanager
    def lines(self) -> Iterator[TextIO]:
        """Its text as the import reads it. Raises NotAnAlertLogError for what is no text."""
        with self.path.open("rb") as file:
            yield opened(file)


def folder() -> Path:
    path = Path(settings.VAR_DIR) / "uploads"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def keep(file: "UploadedFile[bytes]", now: datetime) -> Upload:
    """Store an upload under a key that cannot be guessed; those of more than a day ago are deleted."""
    forget_old(now)
    key = secrets.token_hex(16)
    name = re.sub(r"[^\w. ()-]", "_", file.name or "log.csv")[-80:]
    path = folder() / f"{key}-{name}"
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as target:
        for chunk in file.chunks():
            target.write(chunk)
    return Upload(key, path)


def forget_old(now: datetime) -> None:
    """Delete what was imported, or uploaded more than a day ago. Every turn of the worker does."""
    for old in folder().iterdir():
        with suppress(FileNotFoundError):
            if old.stat().st_mtime < (now - KEPT).timestamp():
                old.unlink()


def find(key: str) -> Upload:
    """Raises UnknownUploadError."""
    paths = list(folder().glob(f"{key}-*")) if _KEY.fullmatch(key) else []
    if not paths:
        raise UnknownUploadError("This upload is gone: files are kept for a day. Upload it again.")
    return Upload(key, paths[0])
