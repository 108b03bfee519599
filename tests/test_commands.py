"""Every command that a document tells people to type works: it is run here, or it is listed why it is not."""

import io
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.contrib.auth.models import User
from django.core.management import call_command, get_commands, load_command_class
from django.test import Client
from django.utils import timezone

from benchmarks.__main__ import BENCHMARKS
from signals.models import AutomatedSignal, Source
from signals.receiving.senders import default_source
from signals.receiving.tokens import rotate
from tests.builders import TRADE_ID, at, created, send
from tests.commands import Command, commands

ROOT = Path(__file__).resolve().parent.parent
# The examples of docs/api.md need each other, and a server: tests/dashboard/api/test_documented.py runs them.
DOCUMENTS = sorted(page for page in (ROOT / "docs").glob("*.md") if page.name != "api.md")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCUMENTS]
TYPED = {page: commands(page) for page in PAGES}
SHELL = {"cp", "mv", "chmod", "export", "set", ".", "=", "sqlite3"}

TOOLS = {"bench": "benchmarks", "torture": "tests.torture"}  # what takes minutes, by its target of make
PROGRAMS = ("make", "openssl", "sqlite3")

NOT_RUN = {
    "docker": "needs a daemon and images; compose.yaml is read by tests/project/test_deployment.py",
    "grep": "reads what docker says",
    "systemctl": "changes the machine; tests/project/test_deployment.py has systemd judge the units",
    "install": "makes a folder of another user's",
    "git": "fetches from where the project is kept; tests/project/test_first_run.py clones it",
    "cd": "leads into that clone",
    "venv": "takes long; make does the same in that test",
    "pip": "takes long and a network; make does the same in that test",
    "createuser": "asks for a password, and changes the machine's PostgreSQL",
    "createdb": "changes the machine's PostgreSQL",
    "pytest": "runs the tests, of which this is one",
    "benchmarks.filling": "fills a database for an hour; tests/test_benchmarks.py fills a small one",
    "benchmarks": "measures for as long; tests/test_benchmarks.py measures the small one",
    "truthtest": "takes minutes; tests/reconciliation/simulation/ proves on small markets",
    "simulate --to http": "takes as long as the market; tests/reconciliation/simulation/test_simulate.py sends, too",
    "restore": "needs an empty database; tests/reconciliation/backups/ restores into one",
    "pollmail --test": "needs a mailbox; tests/signals/receiving/mail/test_commands.py has one",
}


def key_of(command: Command) -> str:
    """What it is run by, or its name in NOT_RUN."""
    if command.program != "manage.py":
        return command.program
    said = " ".join(command.arguments)
    left_out = (key for key in NOT_RUN if said.startswith(key) and "--figures" not in said)
    return next(left_out, "manage.py")


def manage(command: Command, place: Path) -> None:
    """Days that are invented take their time: a tenth of one proves as much."""
    invents = command.arguments[0] == "simulate"
    days = {at for at, word in enumerate(command.arguments, 1) if invents and word == "--days"}
    arguments = ["0.1" if at in days else rooted(word, place) for at, word in enumerate(command.arguments)]
    with suppress(SystemExit):  # 1 is a finding, as the doctor's
        call_command(*arguments, stdout=io.StringIO(), stderr=io.StringIO())


def make(command: Command, place: Path) -> None:
    """Nothing is installed and started, but make knows how to."""
    ran = subprocess.run([*command.words, "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    arguments = shlex.split(next((word.removeprefix("ARGS=") for word in command.words if "ARGS=" in word), ""))
    target = next((word for word in command.words[1:] if "=" not in word), "help")
    if target in TOOLS:
        known = help_of(TOOLS[target])
        assert [word for word in arguments if word.startswith("--") and word not in known] == []
    for before, name in pairwise(["", *arguments]):
        if target == "bench" and not name.startswith("-"):
            assert name in BENCHMARKS
        elif target in {"test", "cover"} and not name.startswith("-") and before != "-k":
            assert (ROOT / name).exists()


@cache
def help_of(module: str) -> str:
    asked = [sys.executable, "-m", module, "--help"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def curl(command: Command, place: Path) -> None:
    """It is asked without a network. The token in the address of a webhook is one of this database's."""
    words, client = command.words, Client()
    if "-d" in words:
        token = rotate(default_source(), overlap=timedelta(1), label="typed", now=timezone.now())
        address = f"/api/automated-signals/webhook/{token}"
        answer = client.post(address, words[words.index("-d") + 1], content_type="application/json")
    else:
        client.force_login(User.objects.get_or_create(username="operator", is_superuser=True)[0])
        (address,) = [word.removeprefix("http://127.0.0.1:8000") for word in words if word.startswith("http")]
        answer = client.get(address)
    assert answer.status_code in {200, 202}, answer.content


def rooted(text: str, place: Path) -> str:
    return text.replace("/etc/", f"{place}/etc/").replace("/var/lib/", f"{place}/var/lib/")


def in_a_shell(command: Command, place: Path) -> None:
    """In a folder that stands for the machine's root, too."""
    text = rooted(command.text, place)
    ran = subprocess.run(["sh", "-eu", "-c", text], cwd=place, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, (text, ran.stderr)


RUN: dict[str, Callable[[Command, Path], None]] = {
    "manage.py": manage,
    "make": make,
    "curl": curl,
    **dict.fromkeys(SHELL, in_a_shell),
}


@pytest.fixture
def place(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as the documents think of it: with files to take in, the settings' template, and what is stored."""
    place = tmp_path / "clone"
    for folder in (
        "clone/etc/systemd/system",
        "clone/var/lib/signalsync/spool",
        "clone/FOLDER",
        "clone/static",
        "shared/recorded",
    ):
        (tmp_path / folder).mkdir(parents=True)
    (place / "docs").symlink_to(ROOT / "docs")
    shutil.copyfile(ROOT / "docs/deployment/signalsync.env", place / "etc/signalsync.env")
    for log in (place / "alerts.csv", tmp_path / "shared/recorded/strategy.csv"):
        log.write_text("Alert ID,Ticker,Name,Description,Time\n")
    (place / "CME_MINI_MNQ1.csv").write_text("time,open,high,low,close\n1765463400,25740,25741,25739,25740.5\n")
    settings.STATIC_ROOT = place / "static"
    monkeypatch.chdir(place)
    Source.objects.create(name="mnq")
    send([(created(), at(1)), (created("20251212_144100000_BULLISH"), at(5))])
    call_command("runsync", stdout=io.StringIO())
    call_command("verify_audit", "--seal", stdout=io.StringIO())
    with (place / "heads.jsonl").open("w") as heads:
        call_command("verify_audit", "--head", stdout=heads)
    return place


@pytest.mark.django_db
@pytest.mark.parametrize("page", [page for page in PAGES if TYPED[page]], ids=lambda page: page.name)
def test_commands_to_type_work(page: Path, place: Path) -> None:
    absent = {name for name in PROGRAMS if not shutil.which(name)}
    missed = {name for command in TYPED[page] for name in absent if name in command.text}
    for command in TYPED[page]:
        if (key := key_of(command)) not in NOT_RUN and not any(name in command.text for name in missed):
            RUN[key](command, place)
    assert AutomatedSignal.objects.filter(trade_id=TRADE_ID).exists()
    if missed:
        pytest.skip(f"all but what needs {', '.join(missed)}, which is not here")


def test_what_is_not_run_is_typed_and_could_not_be() -> None:
    assert NOT_RUN.keys() - {key_of(command) for page in PAGES for command in TYPED[page]} == set()
    assert NOT_RUN.keys() & RUN.keys() == set()


def test_commands_that_are_not_run_take_their_arguments() -> None:
    said = [each.arguments for page in PAGES for each in TYPED[page] if each.program == "manage.py"]
    for name, *arguments in said:
        load_command_class(get_commands()[name], name).create_parser("manage.py", name).parse_args(arguments)


def test_services_and_units_that_are_named_exist() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    units = {path.name for path in (ROOT / "docs/deployment").iterdir()}
    named = [command.words for page in PAGES for command in TYPED[page]]
    asked = [words[3] for words in named if words[0] == "docker" and words[2] in {"logs", "exec"}]
    assert set(asked) == {"web", "worker"}
    assert set(asked) <= services.keys()
    switched = [words[-1] for words in named if words[0] == "systemctl"]
    assert {unit if "." in unit else f"{unit}.service" for unit in switched} <= units


def test_files_that_are_installed_from_or_tested_exist() -> None:
    told = [command for page in PAGES for command in TYPED[page] if command.program in {"pip", "pytest"}]
    files = [word for command in told for word in command.words if word.startswith("tests/") or word.endswith(".txt")]
    assert files
    assert [name for name in files if not (ROOT / name).exists()] == []
