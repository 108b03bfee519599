"""The file: a zip with a member of JSON lines for each table, the spool's files, and a manifest that proves them all.

The manifest is written last, as a zip's list of members is: a file that was cut off has neither.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile
from zlib import error as ZlibError  # noqa: N812

FORMAT = 1
MANIFEST = "manifest.json"
LEVEL = 3  # of compression: half the time of the usual 6, for a twentieth more bytes


class BackupError(Exception):
    """What is wrong with a file, and what to do about it."""


@contextmanager
def new(path: Path) -> Iterator[ZipFile]:
    """A file that has its name once it is whole and on disk. For our user alone: it holds all that is stored.

    Raises BackupError when none can be made there.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError as error:
        why = error.strerror or error
        raise BackupError(f"no file can be made in {path.absolute().parent}: {why}. Name another folder.") from error
    try:
        with os.fdopen(fd, "wb") as file:
            with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=LEVEL) as archive:
                yield archive
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def opened(path: Path) -> Iterator[tuple[ZipFile, dict[str, Any]]]:
    """The file and its manifest. Raises BackupError when it is none, or broken, wherever that shows."""
    try:
        with ZipFile(path) as archive:
            try:
                manifest = json.loads(archive.read(MANIFEST))
            except KeyError as error:
                raise BackupError(f"{path} is a zip file, and no backup of SignalSync's.") from error
            if manifest["format"] != FORMAT:
                raise BackupError(f"{path} is of format {manifest['format']}; this version reads format {FORMAT}.")
            yield archive, manifest
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (BadZipFile, ZlibError, EOFError, ValueError) as error:
        raise BackupError(f"{path} is broken or was cut off ({error}): take another copy of it.") from error


def table(label: str) -> str:
    return f"tables/{label}.jsonl"


def lines(archive: ZipFile, label: str) -> Iterator[bytes]:
    with archive.open(table(label)) as member:
        yield from member


def write_file(archive: ZipFile, name: str, source: Path) -> None:
    with source.open("rb") as read, archive.open(name, "w", force_zip64=True) as member:
        copy(read, member)


def copy(read: IO[bytes], write: IO[bytes]) -> None:
    while block := read.read(1 << 20):
        write.write(block)
