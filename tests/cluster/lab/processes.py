"""Processes that live in namespaces and die with the lab.

Nothing here has a name on the machine: a namespace is found by the process that holds it, and the kernel
kills every process when the lab's process dies, by SIGKILL too.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

TOOLS = ("unshare", "nsenter", "setpriv", "ip", "mount", "hostname", "corosync", "pacemakerd", "crm_mon", "crm", "pcs")
DEBIAN_PACKAGES = "pacemaker corosync crmsh pcs resource-agents pacemaker-cli-utils iproute2"
NEW_MACHINE = ("unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc")
TOOL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class LabError(Exception):
    """The lab cannot do what was asked; the text is one line."""


def refusal() -> str | None:
    """Return why no lab can run here, as one line, or None if it can."""
    if os.geteuid() != 0:
        return "two nodes need root (they live in namespaces): run this as root"
    missing = [tool for tool in TOOLS if not shutil.which(tool, path=TOOL_PATH)]
    if missing:
        return f"two nodes need {', '.join(missing)}: apt-get install {DEBIAN_PACKAGES}"
    attempt = subprocess.run(
        [*NEW_MACHINE, "mount", "-t", "tmpfs", "tmpfs", "/run"],
        capture_output=True,
        text=True,
        check=False,
    )
    if attempt.returncode:
        return f"two nodes need namespaces, and this machine refuses them: {' '.join(attempt.stderr.split())}"
    return None


class Nursery:
    """Starts processes, each in a session of its own, from a thread that lives as long as the lab.

    PR_SET_PDEATHSIG fires when the parent's thread ends, not its process, so a fence order served by a
    short-lived thread must not start a node itself.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nursery")

    def start(self, argv: list[str], **popen: Any) -> subprocess.Popen[bytes]:
        """Start a process that dies with the lab."""
        mortal = ["setpriv", "--pdeathsig", "KILL", *argv]
        return self._thread.submit(lambda: subprocess.Popen(mortal, start_new_session=True, **popen)).result()

    def close(self) -> None:
        """End the thread, and with it what was started and not ended."""
        self._thread.shutdown()


_CLEAR = """
cat > /dev/null   # until the lab's process closes its end or is dead
mkdir -p "$1/groups"
mount -t cgroup2 none "$1/groups" 2> /dev/null && for _ in $(seq 100); do
  find "$1/groups/$2" -depth -type d -exec rmdir {} + 2> /dev/null
  [ -d "$1/groups/$2" ] || break
  sleep 0.1
done
umount "$1/groups" 2> /dev/null
for _ in 1 2 3; do rm --recursive --force --one-file-system "$1" && break; sleep 1; done
"""


def clear_when_over(here: Path) -> Callable[[], None]:
    """Remove a lab's directory and its control groups when this process ends, by SIGKILL too; return what does it now.

    A control group has the name of the directory.
    """
    argv = ["unshare", "--mount", "sh", "-c", _CLEAR, "clear", str(here), here.name]
    cleaner = subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True)

    def clear() -> None:
        assert cleaner.stdin
        cleaner.stdin.close()
        cleaner.wait()

    return clear


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process at once and wait until it is gone."""
    process.kill()
    process.wait()


def only_child(process: subprocess.Popen[bytes], seconds: float = 5.0) -> int:
    """Return the pid of the process that `unshare --fork` started: PID 1 of the new namespace."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        except FileNotFoundError:
            break
        if children:
            return int(children[0])
        if process.poll() is not None:
            break
        time.sleep(0.01)
    raise LabError(f"{process.args!r} did not start")


def poll(condition: Callable[[], object], seconds: float, interval: float = 0.1) -> bool:
    """Ask until the condition holds; return False when the time is over."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(interval)
    return True


_HAND_OVER = """
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
with socket.socket(fileno=int(sys.argv[3])) as lab:
    socket.send_fds(lab, [b"."], [listener.fileno()])
"""


def listen_inside(pid: int, address: str, port: int) -> socket.socket:
    """Return a listening TCP socket that belongs to the network namespace of a process."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        argv = ["nsenter", "-t", str(pid), "-n", sys.executable, "-c", _HAND_OVER, address, str(port)]
        subprocess.run([*argv, str(theirs.fileno())], pass_fds=[theirs.fileno()], check=True)
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
    return socket.socket(fileno=descriptors[0])
