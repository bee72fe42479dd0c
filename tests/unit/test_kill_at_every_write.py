"""kill -9 at any moment of writing: the state file and bnfos.conf are the old or the new one, never half of it."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from berofos_agent.agent import state
from berofos_agent.config import bnfosconf
from berofos_agent.config.editor import ConfFile

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of fork, with pytest's threads

DONE = signal.SIGUSR1
OLD_CONF = "# kept\n[fos1]\nmac = 00:19:32:00:12:1D\nhost = 10.0.0.1\nlogin = admin:old-password\n"
NEW_CONF = OLD_CONF.replace("old-password", "new-password")


def killed(act: Callable[[], None], prepare: Callable[[], None]) -> bool:
    """Run something in a child; return whether it was killed before it ended."""
    child = os.fork()
    if child == 0:
        try:
            prepare()
            act()
            os.kill(os.getpid(), DONE)  # rather than an exit, at which other tools have files to write
        finally:
            os._exit(1)
    return os.WTERMSIG(os.waitpid(child, 0)[1]) != DONE


def at_line(number: int) -> Callable[[], None]:
    """Kill before the Python line with this number, counted from now on, in any module."""

    def prepare() -> None:
        left = number

        def trace(_frame: FrameType, event: str, _arg: object) -> object:
            nonlocal left
            if event == "line":
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)  # type: ignore[arg-type]

    return prepare


def at_byte(number: int) -> Callable[[], None]:
    """Let the kernel kill when a file grows beyond this many bytes, which are written."""

    def prepare() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (number, number))

    return prepare


def every_kill(act: Callable[[], None], kind: Callable[[int], Callable[[], None]]) -> Iterator[int]:
    """Kill at moment 0, 1, 2, ... until the act ends first; yield after each kill."""
    for number in range(100_000):
        if not killed(act, kind(number)):
            return
        yield number


@pytest.mark.parametrize("kind", [at_line, at_byte])
def test_the_state_file_is_the_old_or_the_new_one(tmp_path: Path, kind: Callable[[int], Callable[[], None]]) -> None:
    path = tmp_path / "relay.state"
    state.save(str(path), state.State())
    new = state.load(str(path))[0]
    new.mark_in_position(["fos1"], 1.5)
    new.conditions["position"] = "fos2: no answer"
    before = path.read_bytes()
    kills = 0
    for _ in every_kill(lambda: state.save(str(path), new), kind):
        kills += 1
        loaded, damage = state.load(str(path))
        assert damage == ""
        assert loaded.seen in ({}, {"fos1": 1.5})
        path.write_bytes(before)
    assert kills > 20
    assert state.load(str(path))[0].seen == {"fos1": 1.5}


@pytest.mark.parametrize("kind", [at_line, at_byte])
def test_a_first_state_file_is_whole_or_not_there(tmp_path: Path, kind: Callable[[int], Callable[[], None]]) -> None:
    path = tmp_path / "relay.state"
    for _ in every_kill(lambda: state.save(str(path), state.State()), kind):
        assert not path.exists() or state.load(str(path))[1] == ""
        path.unlink(missing_ok=True)
    assert state.load(str(path))[1] == ""


@pytest.mark.parametrize("kind", [at_line, at_byte])
def test_bnfos_conf_is_the_old_or_the_new_one(tmp_path: Path, kind: Callable[[int], Callable[[], None]]) -> None:
    path = tmp_path / "bnfos.conf"
    path.write_text(OLD_CONF)
    path.chmod(0o600)

    file = ConfFile.load(str(path))
    file.set("fos1", "login", "admin:new-password")
    kills = 0
    for _ in every_kill(file.save, kind):
        kills += 1
        assert path.read_text() in (OLD_CONF, NEW_CONF)
        assert all(entry.stat().st_mode & 0o777 == 0o600 for entry in tmp_path.iterdir()), "passwords lie about"
        path.write_text(OLD_CONF)
    assert kills > 50
    assert path.read_text() == NEW_CONF
    assert bnfosconf.read(str(path))[0].login == bnfosconf.Login("admin", "new-password")
