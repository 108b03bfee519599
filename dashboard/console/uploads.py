"""Uploaded files, kept between the preview of what they would do and the word to do it. A day, then they go."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
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
    for old in folder().iterdir():
        if old.stat().st_mtime < (now - KEPT).timestamp():
            old.unlink(missing_ok=True)
    key = secrets.token_hex(16)
    name = re.sub(r"[^\w. ()-]", "_", file.name or "log.csv")[-80:]
    path = folder() / f"{key}-{name}"
    with path.open("xb") as target:
        for chunk in file.chunks():
            target.write(chunk)
    return Upload(key, path)


def find(key: str) -> Upload:
    """Raises UnknownUploadError."""
    paths = list(folder().glob(f"{key}-*")) if _KEY.fullmatch(key) else []
    if not paths:
        raise UnknownUploadError("This upload is gone: files are kept for a day. Upload it again.")
    return Upload(key, paths[0])
