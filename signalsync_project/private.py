"""What only the service's user may read: the database's file, the spool, uploads, the secret key, and their folder.

Every start makes them so, for an older version or a copy may have left them open; what it may not change it reports.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

UMASK = 0o077
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def places(var_dir: Path, database: Path | None) -> Iterator[Path]:
    """What must be private, as far as it is there. `database` is SQLite's file, None for another database."""
    yield var_dir
    if database is not None:
        yield from (database.with_name(f"{database.name}{end}") for end in ("", "-wal", "-shm", "-journal"))
    yield var_dir / "secret_key"
    yield var_dir / "webhook_address"
    for folder in (var_dir / "spool", var_dir / "uploads"):
        yield folder
        yield from folder.rglob("*")


def open_to_others(var_dir: Path, database: Path | None) -> list[Path]:
    """Those that the group or anybody else may read, write or enter."""
    return [path for path in places(var_dir, database) if mode(path) & OTHERS]


def mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.lstat().st_mode)
    except OSError:  # not there yet, or not ours to look at
        return 0


def close_to_others(var_dir: Path, database: Path | None) -> None:
    """Take everybody else's rights to our files away. A folder that is shared by design (/tmp) stays so."""
    for path in open_to_others(var_dir, database):
        with suppress(OSError):
            found = path.lstat()
            if found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX and not path.is_symlink():
                path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)


def make_file(path: Path) -> None:
    """An empty private file, unless it is there: SQLite gives its journals the mode of its file."""
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o600))
