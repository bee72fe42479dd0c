"""The state file: whole or not at all, and never in the way."""

from __future__ import annotations

import json
import os
import re
import stat
import time
from pathlib import Path

import pytest

from berofos_agent.agent import state, statepath

TARGET = state.Target("10.100.0.201:50123:47424c040b00193200121d0062", 15, 8080)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = str(tmp_path / "relay.state")
    known = state.State()
    known.mark_in_position(["fos1", "fos2"], 12.5)
    known.conditions["position"] = "fos2: no answer"
    known.attribute = "A-B"
    known.moved_at, known.interval, known.token, known.unsure = 3.5, 15, "0123456789abcdef", True
    known.targets["fos1"] = TARGET
    state.save(path, known)
    loaded, damage = state.load(path)
    assert loaded == known
    assert damage == ""
    assert Path(path).read_bytes().startswith(statepath.MARKER)
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
    assert loaded == state.State(unsure=True)
    assert damage.startswith(f"{path}: is corrupted")


def test_a_nul_is_damage_also_as_an_escape(tmp_path: Path) -> None:
    """No program takes one as an argument, and syslog none in a line."""
    path = tmp_path / "relay.state"
    known = state.State(conditions={"position": "fos2:\0no answer"})
    state.save(str(path), known)
    assert b"\\u0000" in path.read_bytes()
    assert state.load(str(path)) == (state.State(unsure=True), f"{path}: is corrupted; replaced by a new one")


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
        state.save(path, state.load(path)[0])
    assert Path(path).read_bytes() == before
    assert os.listdir(tmp_path) == ["relay.state"]


@pytest.mark.parametrize("there_before", [True, False])
def test_a_place_is_checked_without_a_trace(tmp_path: Path, there_before: bool) -> None:
    path = tmp_path / "relay.state"
    if there_before:
        state.save(str(path), state.State())
    before = path.read_bytes() if there_before else b""
    state.check_writable(str(path))
    assert (path.read_bytes() if there_before else b"") == before
    assert os.listdir(tmp_path) == ["relay.state"] * there_before


def test_a_place_that_a_start_could_not_write_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.txt").write_text("precious")
    with pytest.raises(state.StateError, match="not written by this agent; choose another state file"):
        state.check_writable(str(tmp_path / "other.txt"))
    with pytest.raises(state.StateError, match="No such file or directory"):
        state.check_writable(str(tmp_path / "missing" / "relay.state"))

    def full(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(state.StateError, match="No space left on device; check its folder"):
        state.check_writable(str(tmp_path / "relay.state"))


@pytest.mark.parametrize("at", ["NaN", "Infinity", "-1", "1e300", "1" + "0" * 400])
def test_a_time_that_cannot_have_been_is_forgotten(tmp_path: Path, at: str) -> None:
    """Written before a reboot, say: it would make the grace last for ever."""
    path = tmp_path / "relay.state"
    known = state.State()
    known.mark_in_position(["fos1", "fos2"], 0.5)
    state.save(str(path), known)
    path.write_text(path.read_text().replace('"fos1": 0.5', f'"fos1": {at}'))
    loaded, damage = state.load(str(path))
    assert loaded.seen == {"fos2": 0.5}
    assert damage == ""


@pytest.mark.parametrize("key", ["moved_at", "interval"])
@pytest.mark.parametrize("number", ["Infinity", "NaN", "1" + "0" * 400])
def test_a_number_beyond_all_numbers_is_no_crash(tmp_path: Path, key: str, number: str) -> None:
    path = tmp_path / "relay.state"
    state.save(str(path), state.State())
    path.write_text(re.sub(rf'"{key}": [0-9.]+', f'"{key}": {number}', path.read_text()))
    loaded, damage = state.load(str(path))
    assert "corrupted" in damage or loaded.moved_at <= state.clock()


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "relay.state"
    os.mkfifo(path)
    assert state.load(str(path))[0] == state.State(unsure=True)


def test_what_a_killed_process_of_this_number_left_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "relay.state"
    (tmp_path / f"relay.state.{os.getpid()}.tmp").write_text("half")
    state.save(str(path), state.State())
    assert state.load(str(path))[1] == ""
    assert os.listdir(tmp_path) == ["relay.state"]


def test_an_own_link_to_an_own_folder_is_followed(tmp_path: Path) -> None:
    """As /var/run is, which leads to /run."""
    (tmp_path / "run").mkdir()
    (tmp_path / "var-run").symlink_to("run")
    state.save(str(tmp_path / "var-run" / "relay.state"), state.State())
    assert os.listdir(tmp_path / "run") == ["relay.state"]


def test_a_link_of_someone_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner of a link chooses what is written where."""
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to("run")
    own = os.lstat

    def lstat(path: str, **_options: object) -> os.stat_result:
        told = own(path)
        return os.stat_result((*told[:4], 12345, *told[5:])) if str(path).endswith("link") else told

    monkeypatch.setattr(os, "lstat", lstat)
    with pytest.raises(state.StateError, match="another user's"):
        state.save(str(tmp_path / "link" / "relay.state"), state.State())
    assert os.listdir(tmp_path / "run") == []


def test_removing_twice_is_no_error(tmp_path: Path) -> None:
    path = str(tmp_path / "relay.state")
    statepath.remove(path)
    state.save(path, state.State())
    assert statepath.exists(path)
    statepath.remove(path)
    assert not statepath.exists(path)


def test_a_file_of_the_first_version_knows_no_watchdog(tmp_path: Path) -> None:
    path = tmp_path / "relay.state"
    path.write_text('{"seen": {"fos1": 0.5}, "conditions": {}, "attribute": "A-B"}')
    loaded, damage = state.load(str(path))
    assert damage == ""
    fresh = state.State()
    fresh.seen, fresh.attribute = {"fos1": 0.5}, "A-B"
    assert loaded == fresh


def test_a_time_of_this_very_moment_counts_and_the_next_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "clock", lambda: 100.0)
    path = str(tmp_path / "relay.state")
    known = state.State()
    known.seen = {"boot": 0.0, "now": 100.0, "next": 100.5}
    known.moved_at = 0.25
    state.save(path, known)
    loaded = state.load(path)[0]
    assert loaded.seen == {"boot": 0.0, "now": 100.0}
    assert loaded.moved_at == 0.25


def test_a_file_larger_than_any_state_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = str(tmp_path / "relay.state")
    known = state.State()
    known.attribute = "x" * state.MAXIMUM_BYTES
    state.save(path, known)
    assert "is corrupted" in state.load(path)[1]


def test_the_default_folder_is_made_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run" / "resource-agents"
    monkeypatch.setattr(statepath, "DEFAULT_FOLDER", str(folder))
    for _twice in range(2):
        state.save(str(folder / "relay.state"), state.load(str(folder / "relay.state"))[0])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o1755
    with pytest.raises(state.StateError, match="No such file or directory"):
        state.save(str(tmp_path / "other" / "relay.state"), state.State())
    assert not (tmp_path / "other").exists()


def test_a_link_of_root_is_followed_by_everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to("run")
    own, roots = os.stat, lambda told: os.stat_result((*told[:4], 0, *told[5:]))
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(os, "lstat", lambda path, **options: roots(own(path, follow_symlinks=False, **options)))
    monkeypatch.setattr(os, "stat", lambda path, **options: roots(own(path, **options)))
    state.save(str(tmp_path / "link" / "relay.state"), state.State())
    assert os.listdir(tmp_path / "run") == ["relay.state"]


def test_a_link_in_its_place_is_not_read(tmp_path: Path) -> None:
    other = tmp_path / "other.state"
    known = state.State()
    known.attribute = "of another resource"
    state.save(str(other), known)
    (tmp_path / "relay.state").symlink_to(other)
    loaded, damage = state.load(str(tmp_path / "relay.state"))
    assert loaded.attribute == ""
    assert "Too many levels of symbolic links" in damage


def test_what_was_stopped_meanwhile_is_not_written_back(tmp_path: Path) -> None:
    path = str(tmp_path / "relay.state")
    state.save(path, state.State())
    late = state.load(path)[0]
    statepath.remove(path)
    with pytest.raises(state.Superseded):
        state.save(path, late)
    assert os.listdir(tmp_path) == []


def test_what_was_started_anew_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = str(tmp_path / "relay.state")
    state.save(path, state.State())
    late = state.load(path)[0]
    statepath.remove(path)
    state.save(path, state.State(token="of another start"))
    with pytest.raises(state.Superseded):
        state.save(path, late)
    assert state.load(path)[0].token == "of another start"


def test_a_damaged_file_is_written_anew_by_who_found_it(tmp_path: Path) -> None:
    path = tmp_path / "berofos-relay.state"
    path.write_text("damaged")
    found = state.load(str(path))[0]
    state.save(str(path), found)
    assert state.load(str(path))[0].unsure


@pytest.mark.parametrize(
    "damage",
    [
        {"kick": "10.0.0.1:50123:\0"},
        {"kick": "fos1:50123:47424c040b00193200121d0062"},
        {"interval": 0},
        {"interval": "15"},
        {"port": 70000},
    ],
)
def test_a_target_that_nobody_could_kick_is_damage(tmp_path: Path, damage: dict[str, object]) -> None:
    path = tmp_path / "relay.state"
    known = state.State()
    known.targets["fos1"] = TARGET
    state.save(str(path), known)
    text = json.loads(path.read_text())
    text["targets"]["fos1"].update(damage)
    path.write_text(json.dumps(text))
    assert "is corrupted" in state.load(str(path))[1]


def test_what_a_newer_version_wrote_of_a_target_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "relay.state"
    known = state.State(targets={"fos1": TARGET})
    state.save(str(path), known)
    text = json.loads(path.read_text())
    text["targets"]["fos1"]["colour"] = "red"
    path.write_text(json.dumps(text))
    assert state.load(str(path)) == (known, "")


@pytest.mark.parametrize("damage", [{"seen": []}, {"interval": 99999}, {"targets": {"fos1": 1}}])
def test_a_file_that_is_json_but_no_state_is_replaced(tmp_path: Path, damage: dict[str, object]) -> None:
    """Its token can be read, so that an action that is late is still found out."""
    path = tmp_path / "relay.state"
    state.save(str(path), state.State(targets={"fos1": TARGET}))
    path.write_text(json.dumps({**json.loads(path.read_text()), **damage}))
    fresh, what = state.load_started(str(path))
    assert "is corrupted" in what
    state.save(str(path), fresh)
    assert state.load(str(path)) == (fresh, "")


def test_one_action_waits_for_the_other(tmp_path: Path) -> None:
    path = str(tmp_path / "relay.state")
    with state.locked(path, 0):
        assert os.listdir(tmp_path) == ["relay.state.lock"]
        began = time.monotonic()
        with state.locked(path, 0.2):
            assert time.monotonic() - began >= 0.2, "it went on at once"
        assert os.listdir(tmp_path) == ["relay.state.lock"], "it removed a lock that it does not have"
    assert os.listdir(tmp_path) == []


def test_without_a_place_for_the_lock_an_action_goes_on(tmp_path: Path) -> None:
    with state.locked(str(tmp_path / "nowhere" / "relay.state"), 60):
        assert os.listdir(tmp_path) == []
