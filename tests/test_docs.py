"""The documents name what exists."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

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


def test_the_readme_names_no_command_that_does_not_exist() -> None:
    named = set(re.findall(r"manage\.py (\w+)", (ROOT / "README.md").read_text()))
    assert named - set(get_commands()) == set()


def test_every_package_that_runs_is_explained() -> None:
    names = re.findall(r"^([\w-]+(?:\[\w+\])?)[><=]", (ROOT / "requirements.txt").read_text(), re.M)
    explained = (ROOT / "docs" / "dependencies.md").read_text()
    assert [name for name in names if f"| {name} |" not in explained] == []
