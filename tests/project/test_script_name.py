"""A header does not choose the path: a proxy's rules see the address that we answer."""

import http.client
import os
from collections.abc import Iterator

import pytest

from signalsync_project.variables import VARIABLES
from tests.processes import PATIENCE, wait_for

from .durability.web import Web

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("web")
    inherited = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    server = Web(folder, {**inherited, "VAR_DIR": str(folder / "var"), "WEB_WORKERS": "1"})
    server.start()
    wait_for(lambda: answer(server, "/healthz") == 200, "the web server answers")
    yield server
    server.close()


def answer(server: Web, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "PATH_INFO", "Script-Name", "SCRIPT-NAME"])
@pytest.mark.parametrize("told", ["/healthz", "/x", "/admin", ""])
def test_a_header_from_this_machine_neither_fails_nor_changes_the_path(web: Web, name: str, told: str) -> None:
    assert answer(web, "/healthz", **{name: told}) == 200
    assert answer(web, "/admin/healthz", **{name: told}) in (302, 404)
