"""Starts a kick daemon, reads its report, and ends what looks like one, also when that is hard to tell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from berofos_agent.watchdog import paths, process

LOCK_HOLDER = """\
import fcntl, os, sys, time
lock = os.open(sys.argv[3], os.O_RDWR | os.O_CREAT)
fcntl.lockf(lock, fcntl.LOCK_EX)
memory = b"." * (int(sys.argv[2]) << 20)  # what the kernel has to free between the command line and the lock
print("ready", flush=True)
time.sleep(600)
"""


def start(folder: Path, name: str, megabytes: int = 0) -> subprocess.Popen[str]:
    """Start a process that holds the kick daemon's lock, as the program of this name."""
    program = folder / name
    program.write_text(LOCK_HOLDER)
    state = str(folder / "state")
    argv = [sys.executable, "-IS", str(program), state, str(megabytes), paths.daemon_lock(state)]
    holder = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    assert holder.stdout.readline() == "ready\n"
    return holder


@pytest.mark.parametrize("attempt", range(10))
def test_a_daemon_that_is_dying_just_now_is_waited_for(tmp_path: Path, attempt: int) -> None:
    """It still has its lock, but no command line any more: 6 of 20 met that with 50 MB to free."""
    with start(tmp_path, "kickd.py", megabytes=5 * attempt) as daemon:
        daemon.kill()
        process.end(str(tmp_path / "state"))
        assert process.pid_of(str(tmp_path / "state")) == 0


def test_a_process_that_is_no_kick_daemon_is_left_alone(tmp_path: Path) -> None:
    with start(tmp_path, "editor.py") as editor:
        with pytest.raises(process.KickDaemonError, match=f"process {editor.pid} holds a lock"):
            process.end(str(tmp_path / "state"))
        assert editor.poll() is None
        editor.kill()


@pytest.mark.parametrize("content", ["", "at\n", "at 1.0\n", "at x 1\n", "at 1.0 7\nfos1\n", "at 1.0 7\nfos1 2.0 x\n"])
def test_a_report_that_cannot_be_used_is_empty(tmp_path: Path, content: str) -> None:
    Path(paths.report_path(str(tmp_path / "state"))).write_text(content)
    assert process.read_report(str(tmp_path / "state")) == process.Report()
    assert process.Report() == (0.0, 0, {})


def test_a_report_has_a_time_a_process_and_the_devices(tmp_path: Path) -> None:
    Path(paths.report_path(str(tmp_path / "state"))).write_text("at 9.5 7\nfos1 2.5 0\nfos2 0.000 4\n")
    assert process.read_report(str(tmp_path / "state")) == (9.5, 7, {"fos1": (2.5, 0), "fos2": (0.0, 4)})
