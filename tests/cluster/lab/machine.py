"""One node as a Debian machine of some release: systemd is its PID 1, its disk an overlay on a root from the cache.

systemd-nspawn boots it, in namespaces and in a control group of its own, so that any number of machines of several
labs can run at once. Nothing of the checkout is visible in it. systemd 257 insists on the unified control group
hierarchy, which the machine gets whatever this host uses.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import uuid
from pathlib import Path

from tests import bareroot

from .lan import Lan
from .node import KILL_DAEMONS, NETWORK, NUMBERS
from .processes import NEW_MACHINE, TOOL_PATH, LabError, Nursery, only_child, poll

PACKAGES = (
    "systemd systemd-sysv dbus iproute2 iputils-ping procps ca-certificates openssh-server openssh-client"
    " pacemaker pacemaker-cli-utils corosync corosync-qdevice sbd pcs crmsh resource-agents libxml2-utils"
    " python3-requests python3-lxml python3-tqdm python3-prometheus-client python3-waitress"
)
"""What a machine has before the package under test is installed: all that it depends on or suggests, and a cluster."""

TOOLS = ("debootstrap", "systemd-nspawn", "unshare", "nsenter", "setpriv", "ip", "mount")
HOST_PACKAGES = "debootstrap systemd-container iproute2"
BOOT_SECONDS = 60.0

_BOOT = f"""\
set -eu
read -r _plugged
{NETWORK}
mkdir -p $HERE/groups
mount -t cgroup2 none $HERE/groups
find $HERE/groups/$GROUP -mindepth 1 -depth -type d -exec rmdir {{}} + 2> /dev/null || :   # of the boot before
mkdir -p $HERE/groups/$GROUP
echo 0 > $HERE/groups/$GROUP/cgroup.procs
umount $HERE/groups

mount -t overlay -o "lowerdir=$ROOT,upperdir=$HERE/disk,workdir=$HERE/work" overlay $HERE/root
if [ -d $HERE/files ]; then   # the first boot
  cp --recursive --no-dereference $HERE/files/. $HERE/root
  chroot $HERE/root chown hacluster:haclient /var/lib/pacemaker/cib/cib.xml
  chroot $HERE/root systemctl --quiet enable corosync pacemaker
  ! grep --quiet '^ *device {{' $HERE/root/etc/corosync/corosync.conf ||
    chroot $HERE/root systemctl --quiet enable corosync-qdevice
  [ -p $HERE/watchdog ] || chroot $HERE/root systemctl --quiet disable sbd
  rm -r $HERE/files
fi
[ ! -p $HERE/watchdog ] || export WATCHDOG=--bind=$HERE/watchdog:/dev/watchdog
exec unshare --cgroup sh -ec '
mount -t cgroup2 none /sys/fs/cgroup
exec systemd-nspawn --quiet --register=no --keep-unit --kill-signal=SIGKILL --directory=$HERE/root --machine=$NODE \\
  --network-namespace-path=/proc/self/ns/net --resolv-conf=off --timezone=off --capability=all --console=pipe \\
  --bind=$HERE/log-socket:/run/systemd/journal/syslog $WATCHDOG --boot'
"""

_FILES = {
    "etc/systemd/journald.conf.d/lab.conf": "[Journal]\nForwardToSyslog=yes\n",
    # By default it starts ten processes at every boot, and each of them loads all of pcs.
    "etc/systemd/system/pcsd.service.d/lab.conf": "[Service]\nEnvironment=PCSD_WORKER_COUNT=1\n",
    "etc/hosts": "127.0.0.1 localhost\n" + "".join(f"10.42.0.{number} {name}\n" for name, number in NUMBERS.items()),
}
_MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "console-getty.service")


def refusal() -> str | None:
    """Return why no machine can boot here, as one line, or None if they can; whether a root can be had shows later."""
    if os.geteuid() != 0:
        return "booting machines needs root: run this as root"
    missing = [tool for tool in TOOLS if not shutil.which(tool, path=TOOL_PATH)]
    if missing:
        return f"booting machines needs {', '.join(missing)}: apt-get install {HOST_PACKAGES}"
    attempt = subprocess.run(
        [*NEW_MACHINE, "unshare", "--cgroup", "mount", "-t", "cgroup2", "none", "/run"],
        capture_output=True,
        text=True,
        check=False,
    )
    if attempt.returncode:
        return f"booting machines needs namespaces and control groups: {' '.join(attempt.stderr.split())}"
    return None


class Machine:
    """A machine and its directory."""

    def __init__(self, name: str, here: Path, nursery: Nursery, lan: Lan, root: Path) -> None:
        self.name = name
        self.here = here
        self._nursery = nursery
        self._lan = lan
        self._root = root
        self._outer: subprocess.Popen[bytes] | None = None
        self._init = 0

    @property
    def log(self) -> Path:
        """The machine's /var/log: what was written there since it was made."""
        return self.here / "disk/var/log"

    @property
    def syslog(self) -> Path:
        """What the machine sent to syslog; it has the journal itself."""
        return self.here / "syslog"

    @property
    def is_on(self) -> bool:
        """True while the machine has power."""
        return self._outer is not None and self._outer.poll() is None

    def install(self, etc: dict[str, str], agents: dict[str, Path], programs: dict[str, Path], cib: str) -> None:
        """Put files into it before its first boot: below /etc by text, /usr/sbin as copies, a first CIB."""
        assert not agents, "a machine gets the agent by its package"
        for directory in ("disk", "work", "root"):
            (self.here / directory).mkdir(parents=True)
        # The root of an overlay has the mode of its upper layer, and nobody could enter it otherwise.
        (self.here / "disk").chmod(0o755)
        files = {
            **_FILES,
            "etc/hostname": f"{self.name}\n",
            "etc/machine-id": f"{uuid.uuid4().hex}\n",
            "var/lib/pacemaker/cib/cib.xml": cib,
            **{f"etc/{name}": text for name, text in etc.items()},
        }
        for name, text in files.items():
            self._file(name).write_text(text, encoding="utf-8")
        for unit in _MASKED:
            self._file(f"etc/systemd/system/{unit}").symlink_to("/dev/null")
        for name, source in programs.items():
            shutil.copy(source, self._file(f"usr/sbin/{name}"))

    def _file(self, name: str) -> Path:
        path = self.here / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def boot(self) -> None:
        """Give the machine power and return when its PID 1 runs."""
        with (self.here / "console.log").open("ab") as console:
            self._outer = self._nursery.start(
                [*NEW_MACHINE, "bash", "-c", _BOOT],
                stdin=subprocess.PIPE,
                stdout=console,
                stderr=console,
                cwd="/",
                env={
                    "PATH": TOOL_PATH,
                    "HERE": str(self.here),
                    "NODE": self.name,
                    "NUMBER": str(NUMBERS[self.name]),
                    "ROOT": str(self._root),
                    "GROUP": f"{self.here.parent.name}/{self.name}",
                },
            )
        outer = only_child(self._outer)
        self._lan.plug(self.name, outer)
        assert self._outer.stdin
        self._outer.stdin.write(b"plugged\n")
        self._outer.stdin.close()
        self._init = 0
        if not poll(lambda: self._find_init(outer) or not self.is_on, BOOT_SECONDS, interval=0.02) or not self.is_on:
            raise LabError(f"{self.name} does not boot: {self._last_words()}")

    def _find_init(self, outer: int) -> bool:
        """Find the machine's PID 1: the child of systemd-nspawn that has become systemd."""
        try:
            for pid in Path(f"/proc/{outer}/task/{outer}/children").read_text(encoding="ascii").split():
                if Path(f"/proc/{pid}/comm").read_text(encoding="utf-8") == "systemd\n":
                    self._init = int(pid)
        except OSError:
            return False
        return self._init != 0

    def _last_words(self) -> str:
        lines = (self.here / "console.log").read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "without a word")

    def await_boot(self) -> None:
        """Wait until systemd has started all its units."""

        def done() -> bool:
            return self.run(["systemctl", "is-system-running"]).stdout.strip() in ("running", "degraded")

        if not poll(done, BOOT_SECONDS):
            raise LabError(f"{self.name} is not up after {BOOT_SECONDS:.0f} s: {self._last_words()}")

    def kill(self) -> bool:
        """Take the power away: SIGKILL to its PID 1. Return when nothing of it runs; False if it would not die."""
        if self._outer is None:
            return True
        for _attempt in range(50):
            if self.is_on and self._init:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._init, signal.SIGKILL)
            elif self.is_on:
                self._outer.kill()
            try:
                self._outer.wait(0.2)
                return True
            except subprocess.TimeoutExpired:
                continue
        self._outer.kill()
        return False

    def await_power_off(self, seconds: float) -> bool:
        """Wait until the machine has switched itself off, or wants to be switched on again; False if it did not."""
        return poll(lambda: not self.is_on, seconds)

    def run(self, argv: list[str], stdin: str = "", seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a command on the machine, as a root shell would."""
        if not self.is_on:
            raise LabError(f"{self.name} is switched off, cannot run {argv[0]}")
        return subprocess.run(
            self._enter(argv),
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            env={"PATH": TOOL_PATH, "HOME": "/root", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
            timeout=seconds,
        )

    def put(self, source: Path, target: str) -> None:
        """Copy a file of this host into the machine."""
        with source.open("rb") as file:
            subprocess.run(self._enter(["dd", f"of={target}", "status=none"]), stdin=file, cwd="/", check=True)

    def edit(self, name: str, text: str, mode: int = 0o644) -> None:
        """Write a file below /etc."""
        self.run(["tee", f"/etc/{name}"], stdin=text)
        self.run(["chmod", f"{mode:o}", f"/etc/{name}"])

    def _enter(self, argv: list[str]) -> list[str]:
        return ["nsenter", f"--target={self._init}", "--all", "--", *argv]

    # --- the cluster's services ------------------------------------------------------------------------------------

    def stop_cluster(self) -> None:
        """Stop Pacemaker and Corosync, also if they were killed."""
        self._systemctl("stop", "pacemaker", "corosync")

    def start_cluster(self) -> None:
        """Start them again."""
        self._systemctl("unmask", "--runtime", "pacemaker", "corosync")
        self._systemctl("start", "corosync", "pacemaker")
        if self.run(["systemctl", "--quiet", "is-enabled", "corosync-qdevice"]).returncode == 0:
            self._systemctl("start", "corosync-qdevice")  # it went down with Corosync

    def kill_cluster(self) -> None:
        """Kill them, and let systemd not start them again."""
        self._systemctl("mask", "--runtime", "pacemaker", "corosync")
        self.run(KILL_DAEMONS)

    def _systemctl(self, *argv: str) -> None:
        done = self.run(["systemctl", *argv])
        if done.returncode:
            raise LabError(f"{self.name}: systemctl {' '.join(argv)}: {done.stderr.strip()}")


def root_of(release: str) -> Path:
    """Return the root that machines of a release are laid over; raise LabError if none can be had."""
    try:
        return bareroot.kept(release, PACKAGES.split()).folder
    except bareroot.NoRoot as exc:
        raise LabError(str(exc)) from exc
