"""Which port a node is cabled to: names match exactly, without regard to case, short against full if unambiguous."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest

from berofos_agent.agent import node
from berofos_agent.agent.node import relay_mode_for, set_attribute, this_node


@pytest.mark.parametrize(
    ("name", "b", "d", "mode"),
    [
        pytest.param("xivo-1", "xivo-1", "xivo-2", "1", id="at-b"),
        pytest.param("xivo-2", "xivo-1", "xivo-2", "0", id="at-d"),
        pytest.param("XiVO-2", "xivo-1", "xivo-2", "0", id="case"),
        pytest.param("xivo-3", "xivo-1", "xivo-2", None, id="neither"),
        pytest.param("xivo-2", "xivo-1", None, None, id="d-leads-to-a-pbx"),
        pytest.param("xivo-1.example.org", "xivo-1", "xivo-2", "1", id="full-against-short"),
        pytest.param("xivo-1", "xivo-1.example.org", "xivo-2.example.org", "1", id="short-against-full"),
        pytest.param("xivo.a", "xivo.b", "other", None, id="two-full-names-that-differ"),
        pytest.param("xivo", "xivo.a", "xivo.b", None, id="short-name-of-both"),
        pytest.param("xivo", "xivo", "xivo.b", "1", id="exact-beats-similar"),
        pytest.param("xivo-10", "xivo-1", "xivo-2", None, id="a-prefix-is-no-match"),
    ],
)
def test_relay_mode_for(name: str, b: str, d: str | None, mode: str | None) -> None:
    assert relay_mode_for(name, b, d) == mode


def test_the_cluster_names_the_node() -> None:
    assert this_node({"OCF_RESKEY_CRM_meta_on_node": "xivo-2"}) == "xivo-2"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Put a command in the place of the cluster's; it writes its arguments down."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def put(name: str, script: str) -> Path:
        (tmp_path / name).write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" > {tmp_path}/said\n{script}\n')
        (tmp_path / name).chmod(0o755)
        return tmp_path / "said"

    return put


def test_without_a_name_from_the_cluster_crm_node_is_asked(command: Callable[[str, str], Path]) -> None:
    said = command("crm_node", "echo xivo-1")
    assert this_node(os.environ) == "xivo-1"
    assert said.read_text() == "-n\n"


@pytest.mark.parametrize("script", ["exit 1", "echo", "echo xivo-9; exit 68", "printf '\\377\\n'; exit 1"])
def test_where_crm_node_does_not_know_it_is_the_host_name(command: Callable[[str, str], Path], script: str) -> None:
    command("crm_node", script)
    assert this_node(os.environ) == socket.gethostname()


def test_a_name_that_is_no_text_is_no_crash(command: Callable[[str, str], Path]) -> None:
    command("crm_node", "printf '\\377\\n'")
    assert this_node(os.environ) == "\N{REPLACEMENT CHARACTER}"


def test_a_host_without_a_cluster_has_its_host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert this_node(os.environ) == socket.gethostname()
    set_attribute("relay-lines", "A-B", os.environ, 2)


def test_the_programs_get_the_environment_of_the_call(command: Callable[[str, str], Path], tmp_path: Path) -> None:
    command("crm_node", "echo $ANSWER")
    assert this_node({"PATH": f"{tmp_path}:/usr/bin:/bin", "ANSWER": "xivo-7"}) == "xivo-7"
    assert this_node({"PATH": "/nonexistent", "ANSWER": "xivo-7"}) == socket.gethostname()


def test_an_attribute_has_no_more_time_than_is_left(
    command: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    command("attrd_updater", "exec sleep 60")
    own, given = subprocess.run, []

    def run(*command: Any, timeout: float, **options: Any) -> Any:
        given.append(timeout)
        return own(*command, timeout=min(timeout, 0.1), **options)

    monkeypatch.setattr(subprocess, "run", run)
    for left in (0.1, -1, 60):
        set_attribute("relay-lines", "A-B", os.environ, left)
    assert given == [0.1, 0, node.COMMAND_SECONDS]


def test_commands_that_hang_are_given_up(command: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "COMMAND_SECONDS", 0.2)
    for name in ("crm_node", "attrd_updater"):
        command(name, "exec sleep 60")
    assert this_node(os.environ) == socket.gethostname()
    set_attribute("relay-lines", "A-B", os.environ, 2)


@pytest.mark.parametrize(("value", "arguments"), [("A-B", "-n relay-lines -U A-B"), ("", "-n relay-lines -D")])
def test_the_attribute_is_set_or_deleted(command: Callable[[str, str], Path], value: str, arguments: str) -> None:
    said = command("attrd_updater", "exit 1")
    set_attribute("relay-lines", value, os.environ, 2)
    assert said.read_text() == f"{arguments}\n"


def test_what_the_clusters_commands_say_is_not_said_by_the_agent(
    command: Callable[[str, str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    """Standard output belongs to the action, and an error there is no reason of ours."""
    for name in ("crm_node", "attrd_updater"):
        command(name, "echo noise; echo noise >&2; exit 1")
    set_attribute("relay-lines", "A-B", os.environ, 2)
    this_node(os.environ)
    assert tuple(capfd.readouterr()) == ("", "")
