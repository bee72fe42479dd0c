"""Where the state file is, and which file is one: what a stop may remove."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from berofos_agent.agent import state, statepath
from berofos_agent.config.bnfosconf import DEFAULT_PATH


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({}, "/run/resource-agents/berofos-default.state"),
        ({"OCF_RESOURCE_INSTANCE": "relay"}, "/run/resource-agents/berofos-relay.state"),
        ({"HA_RSCTMP": "/x", "OCF_RESOURCE_INSTANCE": "a/../b"}, "/x/berofos-a_.._b.state"),
        ({"OCF_RESKEY_state": "/y/z"}, "/y/z"),
        ({"OCF_RESKEY_state": "/y/z", "OCF_RESKEY_config": "/y/z"}, "/run/resource-agents/berofos-default.state"),
        ({"OCF_RESKEY_state": "relay.state"}, "/run/resource-agents/berofos-default.state"),
        ({"OCF_RESKEY_state": DEFAULT_PATH}, "/run/resource-agents/berofos-default.state"),
    ],
)
def test_where_it_is(environ: dict[str, str], path: str) -> None:
    assert statepath.path_of(environ) == path


def test_the_default_of_config_is_the_same_here() -> None:
    """The module stands alone, so it has its own."""
    assert statepath.DEFAULT_CONFIG == DEFAULT_PATH


@pytest.mark.parametrize(
    "spelling", ["{0}//bnfos.conf", "{0}/./bnfos.conf", "{0}/x/../bnfos.conf", "{0}/link", "{0}/hard"]
)
def test_bnfos_conf_under_any_name_is_not_the_state_file(tmp_path: Path, spelling: str) -> None:
    config = tmp_path / "bnfos.conf"
    config.write_text("[fos1]\n")
    (tmp_path / "x").mkdir()
    (tmp_path / "link").symlink_to(config)
    (tmp_path / "hard").hardlink_to(config) if hasattr(Path, "hardlink_to") else os.link(config, tmp_path / "hard")
    environ = {"OCF_RESKEY_state": spelling.format(tmp_path), "OCF_RESKEY_config": str(config), "HA_RSCTMP": "/x"}
    assert statepath.path_of(environ) == "/x/berofos-default.state"


@pytest.mark.parametrize("content", [b"", b"{", statepath.MARKER, statepath.MARKER + b"damaged"])
def test_a_file_that_we_began_to_write_is_ours(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "relay.state"
    path.write_bytes(content)
    assert statepath.exists(str(path))


@pytest.mark.parametrize("content", [b"{}", b"[fos1]\n", b"\0" * 100, b'{"written by": "somebody"}'])
def test_a_file_that_somebody_else_wrote_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "precious"
    path.write_bytes(content)
    assert not statepath.exists(str(path))
    statepath.remove(str(path))
    with pytest.raises(state.StateError, match="not written by this agent"):
        state.save(str(path), state.State())
    assert path.read_bytes() == content


def test_a_link_a_pipe_and_a_folder_are_no_state_files(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    assert not [path for path in tmp_path.iterdir() if statepath.exists(str(path))]


@pytest.mark.parametrize("content", [b"", b"garbage", b"\0"])
def test_a_file_of_the_default_name_is_ours_however_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "berofos-relay.state"
    path.write_bytes(content)
    assert statepath.exists(str(path))
    statepath.remove(str(path))
    assert not path.exists()
