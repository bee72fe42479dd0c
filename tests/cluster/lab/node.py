"""One node: what is private to it, how it is switched on, entered and switched off.

The node sees the machine's file system, with its own things laid over it: /etc/bnfos.conf, corosync's
configuration, the agent and the fence agent come in as overlays, so that nothing on the machine is touched.
Its disk (what Pacemaker, Corosync and the logs write) lasts from boot to boot, its /run does not.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from .devices import CHECKOUT
from .lan import Lan
from .processes import NEW_MACHINE, TOOL_PATH, LabError, Nursery, only_child

NUMBERS = {"xivo-1": 1, "xivo-2": 2, "third": 3}
"""Of all nodes that there can be; the third one is cabled to no relay."""

NETWORK = """\
ip -batch - << IP
link set lo up
addr add 10.42.0.$NUMBER/24 dev eth0
link set eth0 up
IP
"""

_NOT_COPIED = shutil.ignore_patterns("__pycache__")

KILL_DAEMONS = ["sh", "-c", "kill -9 $(pgrep 'pacemaker|corosync')"]
"""All of them, and nothing that they started."""

_BOOT = f"""\
set -eu
read -r _plugged
hostname $NODE
{NETWORK}

mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/crm
chown hacluster:haclient /run/crm

# Debian 13's corosync package does not bring this folder.
[ -d /var/lib/corosync ] || mount -t overlay -o lowerdir=$HERE/overlay/var/lib:/var/lib overlay /var/lib
for private in /var/lib/pacemaker /var/lib/corosync /var/log; do
  mount --bind $HERE/disk$private $private
done
for overlaid in /etc /usr/lib/ocf/resource.d /usr/sbin /usr/share/pacemaker; do
  mount -t overlay -o lowerdir=$HERE/overlay$overlaid:$overlaid overlay $overlaid
done

mount -t tmpfs -o mode=755 tmpfs $HERE/dev
mkdir $HERE/dev/shm
for device in null zero full random urandom tty; do
  touch $HERE/dev/$device
  mount --bind /dev/$device $HERE/dev/$device
done
ln -s /proc/self/fd $HERE/dev/fd
touch $HERE/dev/log
mount --bind $HERE/log-socket $HERE/dev/log
mount --rbind $HERE/dev /dev
mount -t tmpfs -o mode=1777 tmpfs /dev/shm

$HERE/cluster start
sleep infinity &
while :; do wait; done   # PID 1 reaps the orphans
"""

_CLUSTER = """\
#!/bin/bash
# The cluster's services on this node, as the service manager would start and stop them.
export PCMK_logfile=/var/log/pacemaker/pacemaker.log
stop() {
  for pid in $(pidof "$1"); do
    kill "$pid" 2> /dev/null
    while kill -0 "$pid" 2> /dev/null; do sleep 0.05; done
  done
}
case $1 in
  start)
    setsid corosync -f < /dev/null >> /var/log/corosync.out 2>&1 &
    until corosync-cfgtool -s > /dev/null 2>&1; do sleep 0.05; done
    if grep -q '^ *device {' /etc/corosync/corosync.conf; then
      mkdir -p /run/corosync-qdevice
      setsid corosync-qdevice -f < /dev/null >> /var/log/corosync-qdevice.out 2>&1 &
    fi
    setsid pacemakerd < /dev/null >> /var/log/pacemaker.out 2>&1 &
    ;;
  stop) stop pacemakerd; stop corosync-qdevice; stop corosync ;;
esac
"""


_CLOCK = {"LD_PRELOAD": "/usr/$LIB/faketime/libfaketimeMT.so.1", "DONT_FAKE_MONOTONIC": "1"}
_SITECUSTOMIZE = """\
# With libfaketime 0.9.10 Python's sleep fails with EINVAL: it waits for a time of the clock that is not to be faked.
import select
import time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""


class Node:
    """A node and its directory."""

    def __init__(self, name: str, here: Path, nursery: Nursery, lan: Lan) -> None:
        self.name = name
        self.here = here
        self._nursery = nursery
        self._lan = lan
        self._machine: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._clock: dict[str, str] = {}

    @property
    def disk(self) -> Path:
        """What lasts from boot to boot."""
        return self.here / "disk"

    @property
    def log(self) -> Path:
        """The node's /var/log."""
        return self.disk / "var/log"

    @property
    def syslog(self) -> Path:
        """What the node sent to syslog, where rsyslog writes it."""
        return self.log / "syslog"

    @property
    def pid(self) -> int:
        """PID 1 of the node, as this host counts."""
        return self._pid

    @property
    def is_on(self) -> bool:
        """True while the node has power."""
        return self._machine is not None and self._machine.poll() is None

    def install(self, etc: dict[str, str], agents: dict[str, Path], programs: dict[str, Path], cib: str) -> None:
        """Write the node's files: below /etc by text, agents (provider/name) and /usr/sbin by link, a first CIB."""
        for directory in (
            "dev",
            "home",
            "overlay/etc",
            "overlay/usr/sbin",
            "overlay/usr/lib/ocf/resource.d",
            "overlay/usr/share/pacemaker/alerts",
            "overlay/var/lib/corosync",
        ):
            (self.here / directory).mkdir(parents=True)
        for directory in ("var/lib/corosync", "var/log/corosync", "var/log/crmsh"):
            (self.disk / directory).mkdir(parents=True)
        for name, text in etc.items():
            file = self.here / "overlay/etc" / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        for directory, links in (("usr/lib/ocf/resource.d", agents), ("usr/sbin", programs)):
            for name, target in links.items():
                link = self.here / "overlay" / directory / name
                link.parent.mkdir(exist_ok=True)
                link.symlink_to(target)
        if agents:
            # As copies: Pacemaker runs it as hacluster, who may not read everybody's checkout.
            share = self.here / "overlay/usr/share/pacemaker"
            shutil.copy(CHECKOUT / "ocf/berofos-alert", share / "alerts")
            shutil.copytree(CHECKOUT / "berofos_agent", share / "berofos_agent", ignore=_NOT_COPIED)
        state = (f"var/lib/pacemaker/{part}" for part in ("cib", "cores", "pengine", "blackbox"))
        for directory in ("var/log/pacemaker", *state):
            (self.disk / directory).mkdir(parents=True)
            shutil.chown(self.disk / directory, "hacluster", "haclient")
        cib_file = self.disk / "var/lib/pacemaker/cib/cib.xml"
        cib_file.write_text(cib, encoding="utf-8")
        shutil.chown(cib_file, "hacluster", "haclient")
        (self.here / "boot").write_text(_BOOT, encoding="utf-8")
        (self.here / "cluster").write_text(_CLUSTER, encoding="utf-8")
        (self.here / "cluster").chmod(0o755)

    def boot(self) -> None:
        """Give the node power; its cluster services start by themselves."""
        with (self.log / "boot.log").open("ab") as log:
            self._machine = self._nursery.start(
                [*NEW_MACHINE, "bash", str(self.here / "boot")],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                env={
                    **self._environment(),
                    "NODE": self.name,
                    "NUMBER": str(NUMBERS[self.name]),
                    "HERE": str(self.here),
                },
            )
        self._pid = only_child(self._machine)
        self._lan.plug(self.name, self._pid)
        assert self._machine.stdin
        self._machine.stdin.write(b"plugged\n")
        self._machine.stdin.close()

    def kill(self) -> bool:
        """Take the power away and return when nothing of the node runs any more; False if it would not die."""
        if self._machine is None:
            return True
        with contextlib.suppress(ProcessLookupError):
            if self.is_on:
                os.kill(self._pid, signal.SIGKILL)
        try:
            self._machine.wait(10)
        except subprocess.TimeoutExpired:
            return False
        return True

    def run(self, argv: list[str], stdin: str = "", seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a command on the node."""
        if not self.is_on:
            raise LabError(f"{self.name} is switched off, cannot run {argv[0]}")
        return subprocess.run(
            ["nsenter", "-t", str(self._pid), "-a", "--", *argv],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=self._environment(),
            timeout=seconds,
        )

    def put(self, source: Path, target: str) -> None:
        """Copy a file of this host to a path that only the node has."""
        self.run(["cp", str(source), target])

    def edit(self, name: str, text: str, mode: int = 0o644) -> None:
        """Write a file below /etc."""
        path = self.here / "overlay/etc" / name
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)

    def set_clock(self, offset: str) -> None:
        """Let all programs see another date from the next boot on; offset is libfaketime's, such as -400d, or ""."""
        self._clock = {**_CLOCK, "FAKETIME": offset} if offset else {}
        if offset:
            for site in Path("/etc").glob("python3*/sitecustomize.py"):
                own = self.here / "overlay" / site.relative_to("/")
                own.parent.mkdir(exist_ok=True)
                own.write_text(_SITECUSTOMIZE, encoding="utf-8")

    # --- the cluster's services ------------------------------------------------------------------------------------

    def stop_cluster(self) -> None:
        """Stop Pacemaker and Corosync as their service manager would, also if they were killed."""
        self.run([str(self.here / "cluster"), "stop"])

    def start_cluster(self) -> None:
        """Start them again."""
        self.run([str(self.here / "cluster"), "start"])

    def kill_cluster(self) -> None:
        """Kill them; nothing starts them again."""
        self.run(KILL_DAEMONS)

    def _environment(self) -> dict[str, str]:
        home = {"HOME": str(self.here / "home")}
        return {"PATH": TOOL_PATH, "LANG": "C.UTF-8", **home, **self._clock}
