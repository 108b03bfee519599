"""`manage.py serve`: the whole system in one command. The web server and the worker, supervised."""

import os
import signal
import socket
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django.utils.module_loading import import_string

from reconciliation import bootstrap
from reconciliation.cycle import worker
from reconciliation.cycle.heartbeat import BEAT_EVERY
from signals.receiving.proxies import uncounted
from signalsync_project.answering import Answering, AnsweringSocket
from signalsync_project.front.worker import PAGES
from signalsync_project.gunicorn import LISTENING_FD, backlog, graceful_timeout, timeout
from signalsync_project.private import UMASK
from signalsync_project.run_folder import run_folder
from signalsync_project.supervised import die_with
from signalsync_project.supervisor import Child, Round, Supervisor
from signalsync_project.variables import value

CLUSTER_ASKED_EVERY = 15.0  # seconds
CLUSTER_ASKED_AFTER = 60.0  # it starts within seconds, but its scheduler first looks after 30
WEB_ASKED_EVERY = 10.0
WEB_ASKED_AFTER = 30.0
WEB_ANSWERS_WITHIN = 10.0  # a busy one answers late; one without workers never
PAGES_ASKED_EVERY = 10.0
PAGES_ASKED_AFTER = 30.0
PAGES_ANSWER_WITHIN = timeout + 5.0  # the question waits behind pages, each of which may take `timeout`
STAND_IN = "dashboard.notifying.step.stand_in"  # by its name: it stands above
STAND_IN_EVERY = 60.0
ANSWERED_WITHIN = (timeout - 5) * 1000  # milliseconds


class Command(BaseCommand):
    help = "Run the web server and the background worker until Ctrl-C, restarting what dies or wedges."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-worker", action="store_true", help="web server only")
        parser.add_argument("--no-web", action="store_true", help="background worker only")
        parser.add_argument(
            "--bind",
            default=f"{settings.HOST}:{settings.PORT}",
            metavar="HOST:PORT",
            help="address to listen on; port 0 takes a free one (default: %(default)s)",
        )
        parser.add_argument(
            "--stop-with-parent",
            action="store_true",
            help="stop gracefully when the process that started this one dies, as `make run` wants it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["no_web"] and options["no_worker"]:
            raise CommandError("--no-web and --no-worker together leave nothing to run.")
        if options["stop_with_parent"]:
            die_with(os.getppid(), signal.SIGTERM)
        os.umask(UMASK)  # for the children as well
        # Until the supervisor takes over, SIGTERM unwinds like Ctrl-C: a half-made demo is rolled back.
        previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            self.run(options)
        except KeyboardInterrupt:
            self.stdout.write("Stopped before it was started.")
        finally:
            signal.signal(signal.SIGTERM, previous)

    def run(self, options: dict[str, Any]) -> None:
        listener = None if options["no_web"] else listen(options["bind"])
        with run_folder() as folder:
            place = str(folder / "pages.sock")
            children = [] if listener is None else [web(listener, place), pages(place)]
            if not options["no_worker"]:
                children.append(cluster())
            if listener is not None and settings.DEMO:
                children.append(demo(listener))
            self.supervise(listener, children)

    def supervise(self, listener: socket.socket | None, children: list[Child]) -> None:
        self.prepare_database(listener)
        if proxy := uncounted(timezone.now()):
            self.stderr.write(
                f"TRUSTED_PROXIES is 0, and requests came through a proxy: {proxy}. Ask `manage.py doctor`."
            )
        if listener is not None:
            self.stdout.write(self.style.SUCCESS(f"\nSignalSync runs at {address(listener)} (Ctrl-C stops it)\n"))
        self.stdout.flush()
        connections.close_all()  # the supervisor needs none, and its children must not share one
        Supervisor(children, [telling()]).run()

    def prepare_database(self, listener: socket.socket | None) -> None:
        """Migrate outside production, then make what a first start needs."""
        try:
            connection.ensure_connection()
        except OperationalError as error:
            if connection.vendor == "sqlite":
                raise CommandError(f"The database file cannot be opened: {error}") from error
            self.stderr.write(f"The database does not answer ({error}).")
            self.stderr.write("Starting all the same: alerts are spooled until it does.")
            return
        if pending_migrations():
            if settings.PRODUCTION:
                raise CommandError("The database is behind the code: run `manage.py migrate`, then start again.")
            call_command("migrate", verbosity=0, stdout=self.stdout)
        bootstrap.prepare(self.stdout)
        if listener is not None:
            bootstrap.give_demo_address(address(listener), self.stdout)


def pending_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def listen(bind: str) -> socket.socket:
    """A listening socket at HOST:PORT. It outlives gunicorn's restarts: alerts wait in it instead of failing."""
    host, _, port = bind.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    try:
        family, _, _, _, place = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
        return socket.create_server((place[0], int(port)), family=family, backlog=backlog)
    except (OSError, ValueError, OverflowError) as error:
        raise CommandError(
            f"Cannot listen on {bind}: {error}. Is SignalSync running already? "
            "Another port: `make run PORT=8001`, or --bind 127.0.0.1:8001."
        ) from error


def address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - shown, not bound
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def environment(**more: str) -> dict[str, str]:
    """What a child needs beside the environment: the project on its path, wherever this was started from."""
    path = os.pathsep.join(filter(None, [str(settings.BASE_DIR), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **more}


def web(listener: socket.socket, place: str) -> Child:
    """The front door: takes every request and answers alerts. The pages answer the others, at `place`."""
    fd = listener.fileno()
    return Child(
        name="web",
        argv=("gunicorn", "-c", "python:signalsync_project.gunicorn", "signalsync_project.wsgi:application"),
        # A statement must end before gunicorn ends the worker for it: then there is an answer, and no lost worker.
        env=environment(
            **{LISTENING_FD: str(fd), PAGES: place, "DATABASE_STATEMENT_TIMEOUT": str(statement_timeout())}
        ),
        stop_grace_seconds=graceful_timeout + 5,
        watchdog=Answering(address(listener), within=WEB_ANSWERS_WITHIN),
        watchdog_every=WEB_ASKED_EVERY,
        watchdog_after=WEB_ASKED_AFTER,
        inherited_fds=(fd,),
    )


def pages(place: str) -> Child:
    """The console and the API, in processes of their own: nothing done there keeps an alert waiting."""
    return Child(
        name="pages",
        argv=("gunicorn", "-c", "python:signalsync_project.pages", "signalsync_project.wsgi:application"),
        env=environment(**{PAGES: place, "DATABASE_STATEMENT_TIMEOUT": str(statement_timeout())}),
        stop_grace_seconds=graceful_timeout + 5,
        watchdog=AnsweringSocket(place, within=PAGES_ANSWER_WITHIN),
        watchdog_every=PAGES_ASKED_EVERY,
        watchdog_after=PAGES_ASKED_AFTER,
    )


def statement_timeout() -> int:
    """Milliseconds: as set, but never as long as a request may take."""
    longest: int = value("DATABASE_STATEMENT_TIMEOUT")
    return min(longest or ANSWERED_WITHIN, ANSWERED_WITHIN)


def cluster() -> Child:
    return Child(
        name="worker",
        argv=("reconciliation.cycle.cluster", str(BEAT_EVERY)),
        env=environment(),
        # A stopping cluster waits for its tasks, a wedged one for ever. A cycle that is cut off rolls back, and the
        # next one makes up for it.
        stop_grace_seconds=30,
        watchdog=cluster_fault,
        watchdog_every=CLUSTER_ASKED_EVERY,
        watchdog_after=CLUSTER_ASKED_AFTER,
    )


def demo(listener: socket.socket) -> Child:
    """What the demo's markets go on telling. Without sources of the demo it does nothing."""
    return Child(name="demo", argv=("reconciliation.demo", address(listener)), env=environment(), stop_grace_seconds=5)


def telling() -> Round:
    """Whether the worker is another service or this one's child: who is left tells that it does nothing."""
    patience = worker.patience().total_seconds()
    return Round("telling what is wrong in the worker's place", stand_in, every=STAND_IN_EVERY, after=patience)


def stand_in() -> None:
    try:
        import_string(STAND_IN)()
    finally:
        connections.close_all()


def cluster_fault() -> str | None:
    """Asked in a thread of its own, whose connection nobody else would close."""
    try:
        return worker.cluster_fault(timezone.now())
    finally:
        connections.close_all()
