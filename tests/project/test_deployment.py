"""What docs/deployment.md hands out: it parses, and names what exists."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from signalsync_project.variables import VARIABLES, redis_address
from tests.listening import Handler, listening

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "docs" / "deployment"
UNITS = sorted(FILES.glob("*.service"))


def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return parsed


def platform() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((FILES / "render.yaml").read_text())
    return parsed


def template() -> dict[str, str]:
    lines = (FILES / "signalsync.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def image() -> list[str]:
    """The instructions of the Dockerfile, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def copied() -> list[str]:
    return [source for line in image() if line.startswith("COPY ") for source in line.split()[1:-1]]


def unit_lines(name: str) -> Iterator[tuple[str, str]]:
    for unit in UNITS:
        for line in unit.read_text().splitlines():
            if line.startswith(f"{name}="):
                yield unit.name, line.split("=", 1)[1]


def shell_lines() -> Iterator[tuple[str, str]]:
    """Every command line that is handed out, with where it stands."""
    yield "Dockerfile", " ".join(re.findall(r'"([^"]*)"', image()[-1]))
    for name, service in compose()["services"].items():
        if "command" in service:
            command = service["command"]
            yield f"compose.yaml, {name}", command[-1] if command[0] == "sh" else " ".join(command)
    for line in (ROOT / "Procfile").read_text().splitlines():
        yield "Procfile", line.split(": ", 1)[1]
    for service in platform()["services"]:
        yield "render.yaml", shlex.split(service["dockerCommand"])[-1]
    for name, line in unit_lines("ExecStart"):
        yield name, line


def test_every_command_exists_and_takes_its_arguments() -> None:
    found = [
        (place, shlex.split(call))
        for place, line in shell_lines()
        for call in re.findall(r"manage\.py ([^&'\"]+)", line)
    ]
    assert {place.partition(",")[0] for place, _ in found} >= {"Dockerfile", "compose.yaml", "Procfile", "render.yaml"}
    for _, (name, *arguments) in found:
        command = load_command_class(get_commands()[name], name)
        command.create_parser("manage.py", name).parse_args(arguments)


def test_every_variable_exists() -> None:
    services = compose()["services"]
    named = {
        *template(),
        *services["web"]["environment"],
        *(each["key"] for service in platform()["services"] for each in service["envVars"]),
        *re.findall(r"\b([A-Z_]+)=", next(line for line in image() if "VAR_DIR=" in line)),
        *(name for _, line in unit_lines("Environment") for name in re.findall(r"(\w+)=", line)),
    }
    ours = {name for name in named if not name.startswith(("PYTHON", "PIP_"))}
    assert ours - VARIABLES.keys() == set()
    assert {"SECRET_KEY", "WEBHOOK_TOKEN", "ALLOWED_HOSTS"} <= template().keys()


def test_the_template_holds_no_secret() -> None:
    assert (template()["SECRET_KEY"], template()["WEBHOOK_TOKEN"]) == ("", "")


def test_what_the_image_copies_exists_and_is_let_in() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for source in copied():
        assert (ROOT / source).exists()
        assert f"!{source}" in ignored


def test_web_and_worker_wait_for_the_migrations_and_share_their_files() -> None:
    services = compose()["services"]
    for half in ("web", "worker"):
        assert services[half]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert services[half]["volumes"] == ["var:/var/lib/signalsync"]
        assert services[half]["environment"]["VAR_DIR"] == "/var/lib/signalsync"
    assert services["web"]["ports"] == ["127.0.0.1:8000:8000"]
    assert set(compose()["volumes"]) == {"var", "database", "queue"}


def test_redis_is_there_for_who_asks_for_it_and_nothing_waits_for_it() -> None:
    services = compose()["services"]
    assert [name for name, service in services.items() if "profiles" in service] == ["redis"]
    assert [name for name, service in services.items() if "redis" in service.get("depends_on", {})] == []
    (address,) = re.findall(r"^# REDIS_URL=(\S+)$", (FILES / "signalsync.env").read_text(), re.M)
    assert redis_address(address) == address
    assert urlsplit(address).hostname == "redis"
    assert "requirements-redis.txt" in copied()


def test_a_stop_takes_no_longer_than_the_supervisor_may_need() -> None:
    assert {compose()["services"][half]["stop_grace_period"] for half in ("web", "worker")} == {"45s"}
    assert {line for _, line in unit_lines("TimeoutStopSec")} == {"45"}
    assert {line for _, line in unit_lines("KillMode")} == {"mixed"}


def test_the_health_check_of_the_container_holds_while_somebody_answers() -> None:
    *_, line = compose()["services"]["web"]["healthcheck"]["test"]

    class Refuses(Handler):
        def do_GET(self) -> None:
            self.send_response(400)
            self.end_headers()

    def status(address: str) -> int:
        asked = [sys.executable, "-c", line.replace("http://127.0.0.1:8000", address)]
        return subprocess.run(asked, cwd=ROOT, capture_output=True, check=False).returncode

    with listening(Refuses) as address:
        assert status(address) == 0
    assert status(address) == 1


@pytest.mark.slow
def test_the_files_of_the_image_are_enough(tmp_path: Path) -> None:
    place = tmp_path / "srv"
    place.mkdir()
    for source in copied():
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, place / source)
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES and name != "PYTHONPATH"}
    environment |= {"VAR_DIR": str(tmp_path / "var"), "PATH": os.environ["PATH"]}
    for command in ("check", "migrate", "collectstatic --no-input"):
        done = subprocess.run(
            [sys.executable, "manage.py", *command.split()],
            cwd=place, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
@pytest.mark.parametrize("unit", [*UNITS, FILES / "signalsync-backup.timer"], ids=lambda path: path.name)
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    for each in FILES.glob("signalsync*.*"):
        if each.suffix in (".service", ".timer"):
            text = each.read_text().replace("/srv/signalsync/.venv/bin/python", "/bin/true")
            (tmp_path / each.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / unit.name)], capture_output=True, text=True, check=False
    )
    told = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (told, done.returncode) == ([], 0)
