"""What is tortured: `manage.py serve` with everything under it, its database, its clock and its spool's disk."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from tests.project.durability.postgres import PrivatePostgres, free_port

from .clock import Clock

ROOT = Path(__file__).resolve().parents[2]
INTERVAL = 60  # seconds: the shortest that SYNC_INTERVAL takes
DISK = 4 << 20  # bytes that the spool's disk has
RESTART_AFTER = 0.5  # seconds, as a service manager would


class TorturedPostgres(PrivatePostgres):
    """Under the tortured clock, too."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.clock = clock
        super().__init__(folder)

    def _place(self) -> dict[str, Any]:
        place = super()._place()
        return {**place, "env": {**place["env"], **self.clock.environment}}


class Serve:
    """One life of `manage.py serve`. Everything below it writes to one pipe, which ends when all of it is gone."""

    def __init__(self, port: int, environment: dict[str, str], log: Path) -> None:
        reader, writer = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{port}", "--stop-with-parent"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
        )
        os.close(writer)
        self.gone = threading.Event()
        threading.Thread(target=self._copy, args=(reader, log), daemon=True).start()

    def _copy(self, reader: int, log: Path) -> None:
        with log.open("ab") as file, os.fdopen(reader, "rb", buffering=0) as pipe:
            while part := pipe.read(65536):
                file.write(part)
                file.flush()
        self.gone.set()


class Machine:
    """Everything in one folder. `database` is sqlite or postgresql; `stack` removes all, however far it has come."""

    def __init__(self, folder: Path, database: str, stack: ExitStack) -> None:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        self.folder, self.database = folder, database
        self.var, self.log = folder / "var", folder / "serve.log"
        self.clock = Clock(folder)
        self.port = free_port()
        self.postgres = TorturedPostgres(folder, self.clock) if database == "postgresql" else None
        if self.postgres:
            stack.callback(self.postgres.remove)
        self.spool = self.var / "spool"
        self.spool.mkdir(parents=True)
        self.has_disk = mounted(self.spool)
        if self.has_disk:
            stack.callback(subprocess.run, ["umount", "--lazy", str(self.spool)], check=False)
        self.file = self.var / "signalsync.sqlite3"
        url = self.postgres.url if self.postgres else f"sqlite:///{self.file}"
        self.own_environment = {
            "DATABASE_URL": url,
            "VAR_DIR": str(self.var),
            "DJANGO_SETTINGS_MODULE": "signalsync_project.settings",
            "DEMO": "0",
            "PRODUCTION": "0",
            "WEB_WORKERS": "3",
            "SYNC_INTERVAL": str(INTERVAL),
            "LOG_LEVEL": "WARNING",
            "TMPDIR": str(folder),
            "PYTHONPATH": str(ROOT),
        }
        self.serve: Serve | None = None
        self.orphans = 0
        self.starts = 0
        self.wanted = True
        self.stopped_at = 0.0
        self.keeper = threading.Thread(target=self._keep, daemon=True)
        stack.callback(self.kill)
        if self.postgres:
            self.postgres.start()

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.own_environment, **self.clock.environment}

    @property
    def supervisor(self) -> int | None:
        serve = self.serve
        return serve.process.pid if serve and serve.process.poll() is None else None

    def start(self) -> None:
        self.keeper.start()

    def _keep(self) -> None:
        """Start it again whenever it has ended, as a service manager does: once nothing of the last one is left."""
        while self.wanted:
            self.starts += 1
            self.serve = Serve(self.port, self.environment, self.log)
            self.serve.process.wait()
            # Killed, it takes all with it at once; and what was told to stop has stopped before it.
            if not self.serve.gone.wait(20):
                self.orphans += 1
                self.serve.gone.wait()
            if self.wanted:
                time.sleep(RESTART_AFTER)

    def stop(self) -> int:
        """Stop it as a service manager does; returns its exit status. Raises TimeoutExpired."""
        self.wanted, self.stopped_at = False, time.time()
        serve = self.serve
        assert serve is not None
        serve.process.terminate()
        status = serve.process.wait(90)
        self.keeper.join(30)
        return status

    # -- the disk

    def fill_disk(self) -> None:
        with suppress(OSError), (self.spool / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def free_disk(self) -> None:
        (self.spool / "filler").unlink(missing_ok=True)

    # -- the database

    def lock_sqlite(self) -> sqlite3.Connection:
        """SQLite freezes when another process keeps its lock."""
        connection = sqlite3.connect(self.file, timeout=20, isolation_level=None, check_same_thread=False)
        connection.execute("BEGIN IMMEDIATE")
        return connection

    def kill(self) -> None:
        """For want of a stop: all that it started dies with it."""
        self.wanted = False
        if self.serve and self.serve.process.poll() is None:
            self.serve.process.kill()
            self.serve.gone.wait(20)


def mounted(place: Path) -> bool:
    """Whether the folder is now a small disk of its own, which only root can make of it."""
    if os.geteuid() != 0 or sys.platform != "linux":
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=700", "tmpfs", str(place)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
