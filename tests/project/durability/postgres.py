"""A PostgreSQL of a test's own: made with initdb, killed with SIGKILL, started again on the same files."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg2

from tests.processes import children_of, freeze, wait_for

OWNERS = ("postgres", "nobody")  # PostgreSQL refuses to run as root


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL installed, or None."""
    found = shutil.which("initdb")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    paths = [Path(found).resolve()] if found else installed[::-1]
    return next((path.parent for path in paths if path.with_name("postgres").exists()), None)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class PrivatePostgres:
    """One cluster in a temporary folder, listening on a port of 127.0.0.1 alone."""

    def __init__(self, folder: Path, primary: "PrivatePostgres | None" = None) -> None:
        self.folder = folder
        # Outside pytest's own folder, which only root may enter.
        self.data = Path(tempfile.mkdtemp(prefix="signalsync-postgres-"))
        self.port = free_port()
        self.identity = self._unprivileged()
        self.process: subprocess.Popen[bytes] | None = None
        self.log = (folder / "postgres.log").open("ab")
        if primary is None:
            self._run("initdb", "-D", str(self.data), "-U", "signalsync", "-A", "trust", "-E", "UTF8", "--no-sync")
        else:  # a streaming replica: its files, and where to follow them
            self._run("pg_basebackup", "-d", primary.url, "-D", str(self.data), "--write-recovery-conf", "--no-sync",
                      "--checkpoint=fast")  # fmt: skip

    def replica(self, folder: Path) -> "PrivatePostgres":
        """A copy of it that follows, once it is started."""
        return PrivatePostgres(folder, self)

    @property
    def url(self) -> str:
        return f"postgres://signalsync@127.0.0.1:{self.port}/postgres"

    def _unprivileged(self) -> dict[str, Any]:
        """What makes a subprocess run as somebody who is not root; the data become theirs."""
        if os.geteuid() != 0:
            return {}
        known = {user.pw_name: user for user in pwd.getpwall()}
        owner = next(known[name] for name in OWNERS if name in known)
        os.chown(self.data, owner.pw_uid, owner.pw_gid)
        return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._binary(program), *arguments], stdout=self.log, stderr=self.log, check=True, **self._place()
        )

    def _binary(self, program: str) -> str:
        folder = binaries()
        assert folder is not None
        return str(folder / program)

    def _place(self) -> dict[str, Any]:
        return {"cwd": self.data, "env": {"LC_ALL": "C", "PATH": os.defpath}, **self.identity}

    def start(self) -> None:
        """Start, or start again after `kill`; returns once it answers."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "synchronous_commit": "on",
            "fsync": "off",  # a killed process loses nothing that the kernel has; only a power cut would
            "shared_buffers": "16MB",
            "max_connections": 40,
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [self._binary("postgres"), "-D", str(self.data), *arguments]

        def answers() -> bool:
            # It refuses to start as long as a process of the killed one still holds the shared memory.
            if self.process is None or self.process.poll() is not None:
                self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, **self._place())
            try:
                psycopg2.connect(self.url, connect_timeout=1).close()
            except psycopg2.OperationalError:
                return False
            return True

        wait_for(answers, "PostgreSQL answers")

    def kill(self) -> None:
        """SIGKILL for the postmaster and every process under it."""
        assert self.process is not None
        self._signal(signal.SIGKILL)
        self.process.wait()

    def freeze(self) -> None:
        """It neither answers nor hangs up, as behind a network that swallows packets."""
        assert self.process is not None
        freeze(self.process.pid)  # first, so that it starts no other process
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        for pid in [self.process.pid, *children_of(self.process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self.url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()
        finally:
            connection.close()

    def remove(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.log.close()
        shutil.rmtree(self.data, ignore_errors=True)
