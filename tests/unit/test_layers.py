"""One way through the house: agent, bank, device, protocols, codecs; no import runs back up, none goes in a circle."""

from __future__ import annotations

import ast
from pathlib import Path

import berofos_agent

PACKAGE = Path(berofos_agent.__file__).parent

FLOORS = (
    {"agent"},
    {"actions"},
    {"verdict", "guard", "watchdog", "node", "ocf", "parameters", "metadata_xml", "cluster"},
    {"bank", "survey", "provisioning", "passwordchange"},
    {"device", "flashing"},
    {"webclient", "gbl4"},
    {"names"},
    {"settings", "frame", "bnfosconf", "confedit", "errors", "topology", "picture"},
    {"spans", "keeper", "kicker", "state"},
)
"""From the roof to the ground: a module imports only from its own floor and those below."""

CODECS = {"frame", "settings", "verdict", "errors", "topology", "picture", "heartbeat/decisions"}
CONNECTIONS = {"socket", "requests", "urllib3", "time", "os", "subprocess", "threading"}


def imports_of(module: str) -> set[str]:
    """Every module a module imports, also inside functions; those of the package by their short name."""
    found: set[str] = set()
    for statement in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
        if isinstance(statement, ast.Import):
            found |= {alias.name.split(".")[0] for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom) and statement.module == "berofos_agent":
            found |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            found.add(statement.module.replace("berofos_agent.", "").split(".")[0])
    return found


def test_imports_run_one_way() -> None:
    for height, floor in enumerate(FLOORS):
        above = set().union(*FLOORS[:height]) if height else set()
        for module in floor:
            assert not imports_of(module) & above, module


def test_codecs_and_decisions_know_no_connection_and_no_clock() -> None:
    for module in CODECS:
        assert not imports_of(module) & CONNECTIONS, module


def test_only_the_agent_knows_of_ocf() -> None:
    for floor in FLOORS[3:]:
        for module in floor:
            assert "ocf" not in imports_of(module), module
    assert "ocf" not in imports_of("watchdog")


def test_the_kicker_lives_on_the_standard_library_alone() -> None:
    assert not any((PACKAGE / f"{module}.py").exists() for module in imports_of("kicker"))
