"""A name server that never answers: every call ends in its own time, with the reason, and a stop with success.

The C library waits 5 s for each of its questions, and nothing can cut that short.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]

_SILENT = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(("127.0.0.53", 53))
    print("ready", flush=True)
    sys.stdin.read()
"""

_SET_UP = """
set -e
ip link set lo up
for file in resolv.conf nsswitch.conf hosts; do mount --bind {folder}/$file /etc/$file; done
exec "$@"
"""


class NoNames:
    """Runs commands where no name is ever known."""

    def __init__(self, folder: Path, holder: int) -> None:
        self.folder = folder
        self._holder = holder

    def run(self, *argv: str, **environ: str) -> tuple[int, str, float]:
        """Run a command; return its status, what it said, and the seconds it took."""
        began = time.monotonic()
        done = subprocess.run(
            ["nsenter", f"--target={self._holder}", "--net", "--mount", f"--wd={CHECKOUT}", "--", *argv],
            env={"PATH": os.environ["PATH"], **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr, time.monotonic() - began

    def agent(self, action: str) -> tuple[int, str, float]:
        """Run an action of the agent, which has 20 s."""
        return self.run(
            str(CHECKOUT / "ocf" / "berofos"),
            action,
            OCF_ROOT="/usr/lib/ocf",
            HA_RSCTMP=str(self.folder),
            OCF_RESKEY_CRM_meta_timeout="20000",
            OCF_RESKEY_CRM_meta_on_node="xivo-1",
            OCF_RESKEY_config=str(self.folder / "bnfos.conf"),
            OCF_RESKEY_port_b_node="xivo-1",
            OCF_RESKEY_request_timeout="1",
        )


@pytest.fixture
def no_names(tmp_path: Path) -> Iterator[NoNames]:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.53\n")
    (tmp_path / "nsswitch.conf").write_text("hosts: dns\n")
    (tmp_path / "hosts").write_text("")
    (tmp_path / "bnfos.conf").write_text("[fos1]\nhost = fos1.example.org\n[fos2]\nhost = fos2.example.org\n")
    argv = ["unshare", "--net", "--mount", "sh", "-c", _SET_UP.format(folder=tmp_path), "sh"]
    holder = subprocess.Popen(
        [*argv, sys.executable, "-c", _SILENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder, contextlib.closing(holder.stdin or sys.stdin):
        assert holder.stdout
        assert holder.stdout.readline() == "ready\n"
        yield NoNames(tmp_path, holder.pid)


def test_the_agent_ends_each_action_in_time(no_names: NoNames) -> None:
    code, said, seconds = no_names.agent("start")
    assert code == 1
    assert "fos1: no answer from fos1.example.org within 1 s" in said
    assert seconds < 8
    code, said, seconds = no_names.agent("monitor")
    assert (code, "fos1: no answer" in said) == (190, True)
    assert seconds < 8
    code, said, seconds = no_names.agent("stop")
    assert (code, said) == (0, "")
    assert seconds < 10
    assert no_names.agent("monitor")[0] == 7


@pytest.mark.parametrize("order", ["--show", "--ping", "--kick"])
def test_bnfos_says_it_at_once(no_names: NoNames, order: str) -> None:
    config = str(no_names.folder / "bnfos.conf")
    mac = "" if order == "--show" else "mac = 00:19:32:00:12:1D\n"
    Path(config).write_text(f"[fos1]\nhost = fos1.example.org\n{mac}")
    status, said, seconds = no_names.run(
        sys.executable, "-m", "berofos_agent.commands.bnfos", "--config", config, order, "-f", "fos1", "-t", "1"
    )
    assert status == 1
    assert "fos1.example.org" in said
    assert seconds < 10
