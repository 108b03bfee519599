"""Imports go one way, and never in a circle: read from the source, inside functions too."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Lowest first: each imports those before it only.
APPS = ("signals", "reconciliation", "dashboard")
# Its folder configures the apps, and they use what the settings use; of it only circles are asked.
PROJECT = "signalsync_project"
# The same within each app. An entry covers what is below its name, but for what an entry of its own covers; what no
# entry covers is above them all.
LAYERS: Mapping[str, tuple[set[str], ...]] = {
    "signals": (
        {"vocabulary", "facts", "formats", "lines", "networks", "signing", "storage"},
        {"clock", "tiers", "symbols", "prices", "posting"},
        {"markets", "learning", "sessions"},
        {"rhythm"},
        {"calendars"},
        {"market"},
        {"timeframe"},
        {"models"},
        {"measuring"},
        {"receiving.masking", "bars"},
        {"dialects", "receiving.senders", "exporting", "signal"},
        {"teaching.known"},
        {"parcels"},
        {"intake"},
        {"receiving"},
        {"feeds", "teaching"},
    ),
    "reconciliation": (
        {"models", "findings", "intervals", "lateness"},
        {"gaps", "tiers", "guarding", "sealing"},
        {"audit", "health", "habits"},
        {"replay"},
        {"repainting"},
        {"asking", "health_windows"},
        {"cycle"},
        {"feeding"},
        {"simulation"},
        {"demo"},
    ),
    "dashboard": (
        {"models", "telling"},
        {"outbox", "replica"},
        {"outbound", "second_factor"},
        {"passkeys"},
        {"watching"},
        {"analysis"},
        {"api.filters"},
        {"asked", "analysis.telling", "datasets"},
        {"analysis.counting"},
        {"notifying"},
        {"console"},
        {"jobs"},
        {"teaching"},
        {"api"},
        {"console.pages"},
        {"console.urls"},
    ),
}

Graph = Mapping[str, frozenset[str]]


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def sources() -> Mapping[str, Path]:
    """Where each module is; without migrations, and without what is empty."""
    paths = (path for app in (*APPS, PROJECT) for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)
    return {module_of(path): path for path in paths if path.stat().st_size}


def ancestors(module: str) -> set[str]:
    parts = module.split(".")
    return {".".join(parts[:n]) for n in range(1, len(parts))}


def named(module: str, path: Path) -> Iterator[str]:
    """What its import statements name, as absolute names; of `from a import b` both a and a.b."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


@cache
def imports() -> Graph:
    """Every module of ours with those that it imports; with a module, the packages that it is in run, too."""
    graph = {}
    for module, path in sources().items():
        found = {name for name in named(module, path) if name in sources()}
        found |= {package for name in found for package in ancestors(name)} & sources().keys()
        graph[module] = frozenset(found - {module} - ancestors(module))
    return graph


def test_apps_import_those_below_them_only() -> None:
    order = {app: number for number, app in enumerate(APPS)} | {PROJECT: -1}
    upward = [
        f"{module} imports {other}"
        for module, others in imports().items()
        for other in others
        if not module.startswith(PROJECT) and order[other.split(".")[0]] > order[module.split(".")[0]]
    ]
    assert upward == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    try:
        TopologicalSorter(imports()).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' ← '.join(error.args[1])}")


def layer_of(module: str) -> tuple[int, str]:
    """The layer of a module within its app, and the entry that covers it."""
    app, _, name = module.partition(".")
    covering = [
        (len(entry), number, entry)
        for number, layer in enumerate(LAYERS[app])
        for entry in layer
        if f"{name}.".startswith(f"{entry}.")
    ]
    _, number, entry = max(covering, default=(0, len(LAYERS[app]), ""))
    return number, entry


@pytest.mark.parametrize("app", LAYERS)
def test_within_an_app_modules_import_lower_layers_and_their_own_folder_only(app: str) -> None:
    upward = []
    for module, others in imports().items():
        for other in others:
            if module.startswith(f"{app}.") and other.startswith(f"{app}."):
                (layer, entry), (its_layer, its_entry) = layer_of(module), layer_of(other)
                if its_layer >= layer and its_entry != entry:
                    upward.append(f"{module} imports {other}")
    assert upward == []


@pytest.mark.parametrize("app", LAYERS)
def test_every_layer_is_of_modules_that_exist(app: str) -> None:
    modules = [f"{module}." for module in sources()]
    entries = [entry for layer in LAYERS[app] for entry in layer]
    assert [entry for entry in entries if not any(name.startswith(f"{app}.{entry}.") for name in modules)] == []
