"""The state file and the agent's entrance in their less usual moments: limits, links, older files, what is logged."""

from __future__ import annotations

import errno
import json
import os
import stat
import syslog
import time
from pathlib import Path

import pytest

from berofos_agent import systemlog
from berofos_agent.agent import actions, main, readiness, state, statepath
from berofos_agent.agent.invocation import Invocation
from berofos_agent.errors import KickDaemonError, StateError, Superseded
from berofos_agent.watchdog import paths, process

TARGET = state.Target("10.100.0.201:50123:47424c040b00193200121d0062", 15, 8080)


class Log:
    """What syslog was told, and under which tags."""

    def __init__(self) -> None:
        self.tags: list[str] = []
        self.priorities: set[int] = set()
        self.lines: list[str] = []

    def tell(self, priority: int, line: str) -> None:
        self.priorities.add(priority)
        self.lines.append(line)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    made = Log()
    monkeypatch.setattr(systemlog, "name", made.tags.append)
    monkeypatch.setattr(systemlog, "tell", made.tell)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "berofos-relay.state"


def call(action: str, path: Path, **environ: str) -> int:
    """Do an action on the resource with this state file; return its exit code."""
    return main.main(["berofos", action], {"OCF_RESOURCE_INSTANCE": "relay", "OCF_RESKEY_state": str(path), **environ})


# --- the state file --------------------------------------------------------------------------------------------


def test_without_a_file_the_state_is_fresh_and_nothing_is_wrong(path: Path) -> None:
    assert state.load(str(path)) == (state.State(), "")


def test_that_spans_are_waited_for_is_told_to_the_next_action(path: Path) -> None:
    state.save(str(path), state.State(waking=True))
    assert state.load(str(path))[0].waking is True


@pytest.mark.parametrize(
    ("key", "number", "is_right"),
    [
        ("port", 0, False),
        ("port", 1, True),
        ("port", 65535, True),
        ("port", 65536, False),
        ("interval", 0, False),
        ("interval", 1, True),
        ("interval", 65535, True),
        ("interval", 65536, False),
    ],
)
def test_a_port_and_an_interval_have_sixteen_bits(path: Path, key: str, number: int, is_right: bool) -> None:
    state.save(str(path), state.State(targets={"fos1": TARGET}))
    text = json.loads(path.read_text())
    text["targets"]["fos1"][key] = number
    path.write_text(json.dumps(text))
    loaded, damage = state.load(str(path))
    assert (damage == "") is is_right
    assert (getattr(loaded.targets.get("fos1"), key, None) == number) is is_right


def test_a_file_of_an_older_version_without_a_token_is_written_anew(path: Path) -> None:
    path.write_text('{"seen": {}, "conditions": {}, "attribute": "A-B"}')
    known = state.load(str(path))[0]
    state.save(str(path), known)
    assert state.token_in(str(path)) == known.token != ""


def test_a_pipe_in_its_place_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "relay.state"
    os.mkfifo(pipe)
    with pytest.raises(StateError, match="not written by this agent; choose another state file") as raised:
        state.save(str(pipe), state.load(str(pipe))[0])
    assert not isinstance(raised.value, Superseded)
    with pytest.raises(StateError, match="not written by this agent"):
        state.check_writable(str(pipe))
    assert stat.S_ISFIFO(os.lstat(pipe).st_mode)
    assert os.listdir(tmp_path) == ["relay.state"]


def test_an_action_that_is_late_is_told_what_happened(path: Path) -> None:
    with pytest.raises(Superseded) as raised:
        state.load_started(str(path))
    assert str(raised.value) == "the resource was stopped or started while this action ran; see crm_mon"


def test_a_default_folder_that_cannot_be_made_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def makedirs(_path: str) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(statepath, "DEFAULT_FOLDER", "/nowhere")
    monkeypatch.setattr(os, "makedirs", makedirs)
    with state.locked("/nowhere/berofos-relay.state", 0), pytest.raises(StateError, match="Read-only file system"):
        state.save("/nowhere/berofos-relay.state", state.State())


def test_nobody_else_can_take_the_lock(path: Path) -> None:
    with state.locked(str(path), 0):
        assert stat.S_IMODE(os.stat(f"{path}.lock").st_mode) == 0o600


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path, path: Path) -> None:
    """It would make a file, as root, where its owner likes."""
    Path(f"{path}.lock").symlink_to(tmp_path / "elsewhere")
    with state.locked(str(path), 0):
        assert os.listdir(tmp_path) == ["berofos-relay.state.lock"]
    assert os.listdir(tmp_path) == ["berofos-relay.state.lock"]


def test_two_may_make_the_default_folder_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statepath, "DEFAULT_FOLDER", str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(os.path, "isdir", lambda _path: False)  # as before the other made it
        state.save(str(tmp_path / "relay.state"), state.State())
    assert os.listdir(tmp_path) == ["relay.state"]


# --- the entrance ----------------------------------------------------------------------------------------------


def test_an_action_began_when_its_process_did(monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[float] = []

    def act(_action: str, call: Invocation, _before_giving_up: object) -> int:
        began.append(call.began)
        return 0

    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: 100.0)
        patch.setattr(main, "_act", act)
        assert main.main(["berofos", "start"], {}) == 0
        assert main.main(["berofos", "start"], {}, age=2.5) == 0
    assert began == [100.0, 97.5]


def test_a_stop_succeeds_even_if_its_last_resort_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], log: Log
) -> None:
    def fail(_call: Invocation) -> int:
        raise MemoryError

    given_up: list[str] = []
    monkeypatch.setattr(main, "_stop", fail)
    assert main.main(["berofos", "stop"], {}, lambda: given_up.append("stop")) == 0
    told = capsys.readouterr()
    assert (told.out, told.err, log.lines, given_up) == ("", "", [], [])


READINESS = {
    "OCF_RESKEY_CRM_meta_role": "Stopped",
    "OCF_RESKEY_CRM_meta_interval": "61000",
    "OCF_CHECK_LEVEL": "10",
}


def test_a_probe_does_not_look_whether_the_node_is_ready(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Invocation] = []
    monkeypatch.setattr(readiness, "publish", looked.append)
    assert call("monitor", path) == 7
    assert looked == []
    assert call("monitor", path, **READINESS) == 7
    assert len(looked) == 1


def test_a_look_that_fails_is_logged_and_counts_as_no_failure(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], log: Log
) -> None:
    def fail(_call: Invocation) -> None:
        raise KeyError("fos1")

    monkeypatch.setattr(readiness, "publish", fail)
    assert call("monitor", path, **READINESS) == 7
    assert capsys.readouterr().err == ""
    assert (log.lines[0], log.lines[-1]) == ("readiness: 'fos1'", "KeyError: 'fos1'")


def test_a_stop_says_that_the_state_file_was_damaged(path: Path, monkeypatch: pytest.MonkeyPatch, log: Log) -> None:
    known: list[state.State] = []
    monkeypatch.setattr(actions, "after_stop", lambda _call, state: known.append(state))
    path.write_text("damaged")
    assert call("stop", path) == 0
    assert log.lines == [f"stop: {path}: is corrupted; replaced by a new one"]
    assert known == [state.State(unsure=True)], "it has to look for devices that may be armed"


def test_a_stop_leaves_the_files_of_others_in_the_folder(tmp_path: Path, path: Path) -> None:
    own = [f"{path.name}.lock", f"{path.name}.5.tmp"]
    others = ["berofos-other.state.5.tmp", "berofos-other.state.lock", f"{path.name}.kept", f"{path.name}-2.tmp"]
    for name in own + others:
        (tmp_path / name).touch()
    assert call("stop", path) == 0
    assert sorted(os.listdir(tmp_path)) == sorted(others)


def test_a_state_file_that_stays_is_said_and_the_stop_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    def stays(_path: str) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    done: list[str] = []
    monkeypatch.setattr(statepath, "remove", stays)
    monkeypatch.setattr(main, "_end_kick_daemon", lambda _call: done.append("kick daemon"))
    monkeypatch.setattr(actions, "after_stop", lambda *_args: done.append("on_stop"))
    state.save(str(path), state.State())
    assert call("stop", path) == 0
    assert done == ["kick daemon", "on_stop"]
    assert set(log.lines) == {
        f"stop: {path}: Read-only file system; remove it, the next probe finds the resource running"
    }


def test_a_kick_daemon_that_cannot_be_ended_is_said(path: Path, monkeypatch: pytest.MonkeyPatch, log: Log) -> None:
    def hangs(_state: str) -> bool:
        raise KickDaemonError("cannot stop the kick daemon (process 5); kill it")

    monkeypatch.setattr(process, "end", hangs)
    Path(paths.daemon_lock(str(path))).touch()
    assert call("stop", path) == 0
    assert log.lines[0] == (
        "stop: cannot stop the kick daemon (process 5); kill it; it ends by itself, as the state file is gone"
    )
    assert log.lines[-1].endswith("KickDaemonError: cannot stop the kick daemon (process 5); kill it")


@pytest.mark.parametrize("folder", ["berofos_agent/metadata", "metadata"])
def test_meta_data_is_found_as_installed_and_in_a_checkout(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "berofos.xml").write_text("<resource-agent/>\n")
    monkeypatch.setattr(main, "__file__", str(tmp_path / "berofos_agent" / "agent" / "main.py"))
    assert main.main(["berofos", "meta-data"], {}) == 0
    assert capsys.readouterr().out == "<resource-agent/>\n"


def test_syslog_has_what_to_do_about_meta_data_that_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    monkeypatch.setattr(main, "__file__", str(tmp_path / "berofos_agent" / "agent" / "main.py"))
    assert main.main(["berofos", "meta-data"], {}) == 1
    assert log.lines[-1] == (
        "FileNotFoundError: metadata/berofos.xml is not installed; reinstall resource-agents-berofos"
    )


@pytest.mark.usefixtures("log")
def test_what_is_missing_is_said_in_as_many_bytes_as_the_cluster_takes(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_args: object) -> int:
        raise ImportError("x" * 200)

    monkeypatch.setattr(actions, "run", missing)
    assert call("start", path) == 5
    assert capsys.readouterr().err == f"ocf-exit-reason:{'x' * 128}\n"


@pytest.mark.parametrize(
    ("error", "is_limited", "reason"),
    [
        (SystemError(), True, "this node is out of memory; see ps aux --sort=-rss"),
        (SystemError(), False, "internal error (SystemError); see syslog and report it"),
        (ValueError(), True, "internal error (ValueError); see syslog and report it"),
    ],
)
@pytest.mark.usefixtures("log")
def test_only_an_error_of_python_itself_within_a_memory_limit_is_no_memory(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    is_limited: bool,
    reason: str,
) -> None:
    def fail(*_args: object) -> int:
        raise error

    monkeypatch.setattr(actions, "run", fail)
    monkeypatch.setattr(main, "_has_memory_limit", lambda: is_limited)
    assert call("start", path) == 1
    assert capsys.readouterr().err == f"ocf-exit-reason:start: {reason}\n"


def test_a_traceback_goes_to_syslog_as_an_error_under_the_tag_of_the_resource(
    path: Path, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    """Also with what syslog does not take: a NUL, and bytes that are no text."""

    def fail(*_args: object) -> int:
        raise ValueError("a\0b \xe9 \udcff")

    monkeypatch.setattr(actions, "run", fail)
    assert call("start", path) == 1
    assert log.lines[-1] == "ValueError: a\0b \\xe9 \\udcff"
    assert set(log.tags) == {"berofos(relay)"}
    assert log.priorities == {syslog.LOG_ERR}


# --- version 0.1.0 -------------------------------------------------------------------------------------------------


def test_a_state_file_of_0_1_0_is_taken_over_and_its_kick_daemon_ends(path: Path) -> None:
    kick = "10.100.0.201:50123:47424c040b00193200121d0062"
    before = {"seen": {"fos1": 1.0}, "conditions": {}, "attribute": "A-B", "moved_at": 0.0, "watchdog": 15}
    path.write_text(json.dumps({**before, "token": "old", "targets": {"fos1": kick}}))
    known, damage = state.load(str(path))
    assert (damage, known.unsure) == ("", False)
    assert known.targets == {"fos1": state.Target(kick, 15)}
    assert known.interval == 15
    state.save(str(path), known)
    assert "old" not in path.read_text(), "its kick daemon looks for that"
    assert state.load(str(path))[0].targets == known.targets


def test_a_state_file_of_0_1_0_without_a_watchdog_has_no_targets(path: Path) -> None:
    before = {"seen": {}, "conditions": {}, "attribute": "A-B", "moved_at": 0.0, "watchdog": 0, "token": "old"}
    path.write_text(json.dumps({**before, "targets": {}}))
    known, damage = state.load(str(path))
    assert (damage, known.targets, known.interval, known.attribute) == ("", {}, 0, "A-B")
