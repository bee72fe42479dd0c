"""The state file: whole or not at all, and never in the way."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from berofos_agent import state


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = str(tmp_path / "relay.state")
    memory = state.State()
    memory.saw(["fos1", "fos2"], 12.5)
    memory.conditions["position"] = "fos2: no answer"
    memory.attribute = "A-B"
    state.save(path, memory)
    loaded, damage = state.load(path)
    assert vars(loaded) == vars(memory)
    assert damage == ""
    assert os.listdir(tmp_path) == ["relay.state"]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b'{"seen": 1}', b"\xff\xfe", b'{"seen": {"fos1": "x"}}', b"[" * 60000],
    ids=["empty", "half", "null", "list", "no-map", "binary", "no-number", "nested"],
)
def test_a_corrupted_file_is_a_fresh_state_and_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "relay.state"
    path.write_bytes(content)
    loaded, damage = state.load(str(path))
    assert vars(loaded) == vars(state.State())
    assert damage.startswith(f"{path}: is corrupted")


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    victim = tmp_path / "shadow"
    victim.write_text("precious")
    link = tmp_path / "relay.state"
    link.symlink_to(victim)
    with pytest.raises(state.StateError, match="symbolic link"):
        state.save(str(link), state.State())
    assert victim.read_text() == "precious"


def test_a_full_folder_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "relay.state")
    state.save(path, state.State())
    before = Path(path).read_bytes()

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(state.StateError, match="No space left on device"):
        state.save(path, state.State())
    assert Path(path).read_bytes() == before
    assert os.listdir(tmp_path) == ["relay.state"]


def test_removing_tells_whether_it_was_there(tmp_path: Path) -> None:
    path = str(tmp_path / "relay.state")
    assert not state.remove(path)
    state.save(path, state.State())
    assert state.remove(path)
    assert not state.exists(path)


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({}, "/run/resource-agents/berofos-default.state"),
        ({"OCF_RESOURCE_INSTANCE": "relay"}, "/run/resource-agents/berofos-relay.state"),
        ({"HA_RSCTMP": "/x", "OCF_RESOURCE_INSTANCE": "a/../b"}, "/x/berofos-a_.._b.state"),
        ({"OCF_RESKEY_state": "/y/z"}, "/y/z"),
    ],
)
def test_where_it_is(environ: dict[str, str], path: str) -> None:
    assert state.path_of(environ) == path
