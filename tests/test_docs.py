"""The documents name what exists."""

import re
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class

from dashboard.watching.checks import CHECKS
from reconciliation.gaps import CATALOGUE

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_files_of_the_project_that_are_named_exist(document: Path) -> None:
    named = set(
        re.findall(
            r"(?<![\w/-])((?:signals|reconciliation|dashboard|signalsync_project|benchmarks)/[\w/.]*\w/?)",
            document.read_text(),
        )
    )
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


@cache
def options_of(command: str) -> frozenset[str]:
    """The options that a command knows; raises KeyError when there is no such command."""
    application = get_commands()[command]
    found = load_command_class(application, command) if isinstance(application, str) else application
    return frozenset(found.create_parser("manage.py", command)._option_string_actions)


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_commands_that_are_named_exist_with_their_options(document: Path) -> None:
    named = re.findall(r"manage\.py ([a-z_]+)([^`\n#|]*)", document.read_text())
    wrong = [
        f"{command} {option}"
        for command, rest in named
        for option in ["", *re.findall(r"--[a-z][a-z-]*", rest)]
        if command not in get_commands() or (option and option not in options_of(command))
    ]
    assert wrong == []


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_targets_of_make_that_are_named_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = re.findall(r"(?:`|^ *)make ([a-z-]+)", document.read_text(), re.M)
    assert set(named) - targets == set()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


def test_the_page_of_gaps_has_each_with_its_weight() -> None:
    rows = re.findall(r"^\| `(no_\w+)` \| (\d+) \|", (ROOT / "docs" / "gaps.md").read_text(), re.M)
    assert rows == [(gap.name, str(gap.weight)) for gap in CATALOGUE.values()]


def test_the_runbook_names_checks_that_there_are() -> None:
    named = re.findall(r"`([a-z_]+)`", (ROOT / "docs" / "runbook.md").read_text())
    words = {"doctor"}
    assert [name for name in named if name not in {check.name for check in CHECKS} | words] == []


def test_every_document_stands_in_the_site() -> None:
    nav = (ROOT / "mkdocs.yml").read_text()
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f": {page.name}" not in nav] == []


class TestLinksOfTheSite:
    """Documents are written for the repository; the site's hook makes its links of theirs."""

    @pytest.mark.parametrize(
        ("here", "written", "linked"),
        [
            ("docs/gaps.md", "[tiers](tiers.md#rules)", "[tiers](tiers.md#rules)"),
            ("README.md", "[the API](docs/api.md)", "[the API](api.md)"),
            ("README.md", "![Overview](docs/screenshots/overview.png)", "![Overview](screenshots/overview.png)"),
            ("docs/start.md", "[contributing](../CONTRIBUTING.md)", "[contributing](contributing.md)"),
            ("docs/start.md", "[gaps.py](../reconciliation/gaps.py)", "gaps.py"),
        ],
    )
    def test_they_lead_to_the_same_document(self, here: str, written: str, linked: str) -> None:
        hook = hook_of_the_site()
        assert hook.LINK.sub(lambda found: hook.linked(found, PurePosixPath(here), ""), written) == linked

    def test_files_of_the_source_are_where_it_is_browsed(self) -> None:
        hook = hook_of_the_site()
        found = hook.LINK.search("[gaps.py](../reconciliation/gaps.py)")
        told = hook.linked(found, PurePosixPath("docs/start.md"), "https://git.example.org/main/")
        assert told == "[gaps.py](https://git.example.org/main/reconciliation/gaps.py)"


def hook_of_the_site() -> Any:
    spec = spec_from_file_location("documents_hook", ROOT / ".ci" / "documents.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_package_that_runs_is_explained() -> None:
    names = re.findall(r"^([\w-]+(?:\[\w+\])?)[><=]", (ROOT / "requirements.txt").read_text(), re.M)
    explained = (ROOT / "docs" / "dependencies.md").read_text()
    assert [name for name in names if f"| {name} |" not in explained] == []
