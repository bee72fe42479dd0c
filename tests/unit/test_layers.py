"""A folder imports from itself and from the folders below it, never from one above."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import berofos_agent

PACKAGE = Path(berofos_agent.__file__).parent

LAYERS = (
    "__main__",
    "commands",
    "panel",
    "doctor",
    "report",
    "history",
    "alert",
    "cluster",
    "agent",
    "heartbeat",
    "simulator",
    "page",
    "sentences",
    "watchdog",
    "device",
    "config",
    "errors",
    "systemlog",
    "__init__",
)
"""From top to bottom. A new folder needs a row here."""

STANDS_ALONE = {"watchdog/kickd", "watchdog/paths"}
"""Modules on the standard library alone: the kick daemon lives as long as the resource does."""

WITHOUT_INPUT = {
    "agent/decisions",
    "alert/event",
    "alert/story",
    "commands/picture",
    "device/frame",
    "device/reading",
    "device/settings",
    "device/topology",
    "errors",
    "heartbeat/decisions",
    "history/events",
    "history/records",
    "page/card",
    "report/redaction",
    "sentences/__init__",
}
"""Codecs and decisions use no connection, no file and no clock."""

INPUT = {"os", "requests", "socket", "subprocess", "threading", "time", "urllib3"}

SERVES_THE_SIMULATOR = {"simulator", "commands/simulate"}


def modules() -> list[str]:
    return sorted(str(path.relative_to(PACKAGE).with_suffix("")) for path in PACKAGE.rglob("*.py"))


def imports_of(module: str) -> Iterator[str]:
    """Every module that this one imports, also inside functions; those of the package as folder/module."""
    for statement in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            name = statement.module or ""
            if name.split(".")[0] != "berofos_agent":
                yield name.split(".")[0]
                continue
            path = name.replace(".", "/").partition("/")[2]
            for alias in statement.names:
                inner = f"{path}/{alias.name}".lstrip("/")
                yield inner if (PACKAGE / f"{inner}.py").exists() else path or "__init__"


def layer_of(module: str) -> int:
    return LAYERS.index(module.split("/")[0])


def is_ours(name: str) -> bool:
    return (PACKAGE / f"{name}.py").exists() or (PACKAGE / name / "__init__.py").exists()


def test_every_folder_and_root_module_has_its_row() -> None:
    assert {module.split("/")[0] for module in modules()} == set(LAYERS)


def test_the_root_of_the_package_has_only_what_every_folder_needs() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py", "errors.py", "systemlog.py"}


def test_every_folder_is_in_the_package() -> None:
    text = (PACKAGE.parent / "pyproject.toml").read_text()
    folders = {path.parent.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("__init__.py")}
    assert [name for name in sorted(".".join(path.parts) for path in folders) if f'"{name}",' not in text] == []


@pytest.mark.parametrize("module", modules())
def test_imports_run_downwards(module: str) -> None:
    above = [name for name in imports_of(module) if is_ours(name) and layer_of(name) < layer_of(module)]
    assert above == []


def test_no_imports_go_in_a_circle() -> None:
    graph = {module: {name for name in imports_of(module) if is_ours(name)} - {module} for module in modules()}
    while True:
        ends = {module for module, names in graph.items() if not names & set(graph)}
        if not ends:
            break
        for module in ends:
            del graph[module]
    assert graph == {}


@pytest.mark.parametrize("module", modules())
def test_clients_never_import_the_simulator(module: str) -> None:
    if not any(module == name or module.startswith(f"{name}/") for name in SERVES_THE_SIMULATOR):
        assert not [name for name in imports_of(module) if name.split("/")[0] == "simulator"]


@pytest.mark.parametrize("module", [module for module in modules() if layer_of(module) > LAYERS.index("agent")])
def test_only_the_agent_knows_of_ocf(module: str) -> None:
    assert not [name for name in imports_of(module) if name in ("ocf", "agent/ocf")]


@pytest.mark.parametrize("module", sorted(WITHOUT_INPUT))
def test_codecs_and_decisions_have_no_connection_and_no_clock(module: str) -> None:
    assert not set(imports_of(module)) & INPUT


@pytest.mark.parametrize("module", sorted(STANDS_ALONE))
def test_the_kick_daemon_lives_on_the_standard_library_alone(module: str) -> None:
    assert not [name for name in imports_of(module) if is_ours(name)]
