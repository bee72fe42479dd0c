"""Nothing that a whole day of work with passwords leaves behind holds one.

A private /dev/log hears what reaches syslog, and the list of processes is read all the time.
"""

from __future__ import annotations

import base64
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from berofos_agent.simulator import Simulator
from tests.ocf.conftest import Cluster

CHECKOUT = Path(__file__).parents[2]

OLD, NEW, WRONG = "0ld=Pass:w#rd", "N3w Pass%word", "Wr0ng;Passw0rd"
SECRETS = {
    spelling
    for password in (OLD, NEW, WRONG)
    for spelling in (password, quote(password, safe=""), base64.b64encode(f"admin:{password}".encode()).decode())
}

_INSIDE = """
for name in null zero random urandom tty; do mount --bind /dev/$name {dev}/$name; done
mount --rbind {dev} /dev
exec "$@"
"""


@dataclass
class Witness:
    """Runs commands, and keeps all that could be seen of them."""

    folder: Path
    seen: dict[str, str] = field(default_factory=dict)
    syslog: list[str] = field(default_factory=list)
    processes: set[str] = field(default_factory=set, repr=False)

    def run(self, *argv: str, typed: str = "", **environ: str) -> int:
        """Run a command to its end; return its status."""
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", _INSIDE.format(dev=self.folder / "dev"), "sh", *argv],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "LANG": "C.UTF-8", **environ},
            cwd=self.folder,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.seen[f"{len(self.seen)}: {' '.join(argv)}"] = done.stdout + done.stderr
        return done.returncode

    def watch(self, stopping: threading.Event) -> None:
        """Read the list of processes until told to stop."""
        while not stopping.wait(0.005):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.processes.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue

    def hear(self, log: socket.socket) -> None:
        """Take what reaches syslog until the socket is closed."""
        while line := log.recv(65536):
            self.syslog.append(line.decode(errors="replace"))

    def secrets_in(self, text: str) -> list[str]:
        """The passwords in a text, however spelt."""
        return [secret for secret in SECRETS if secret in text]


@pytest.fixture
def witness() -> Iterator[Witness]:
    with tempfile.TemporaryDirectory() as name:
        dev = Path(name) / "dev"
        dev.mkdir()
        for device in ("null", "zero", "random", "urandom", "tty"):
            (dev / device).touch()
        witness, stopping = Witness(Path(name)), threading.Event()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.bind(str(dev / "log"))
            hearing = threading.Thread(target=witness.hear, args=(log,))
            watching = threading.Thread(target=witness.watch, args=(stopping,))
            hearing.start()
            watching.start()
            yield witness
            stopping.set()
            watching.join()
            log.shutdown(socket.SHUT_RDWR)
            hearing.join()


@pytest.fixture
def config(devices: Simulator, cluster: Cluster) -> Path:
    """The devices ask for a password, and bnfos.conf has it."""
    for device in devices:
        device.model.write(f"cmd=3&apwd={quote(OLD, safe='')}&pwd=1")
    path = Path(cluster.parameters["config"])
    path.write_text(devices.conf())
    assert OLD in path.read_text()
    return path


def login(config: Path, old: str, new: str) -> None:
    config.write_text(config.read_text().replace(f"admin:{old}", f"admin:{new}"))


def environ_of(cluster: Cluster, folder: Path) -> dict[str, str]:
    return {
        "OCF_ROOT": "/usr/lib/ocf",
        "OCF_RESOURCE_INSTANCE": "relay",
        "HA_RSCTMP": str(folder),
        "HA_LOGFACILITY": "daemon",
        "HA_debug": "1",
        "HA_LOGFILE": str(folder / "ha.log"),
        "HA_DEBUGLOG": str(folder / "ha-debug.log"),
        "OCF_RESKEY_CRM_meta_on_node": "xivo-1",
        **{f"OCF_RESKEY_{name}": value for name, value in cluster.parameters.items()},
    }


def test_no_password_is_left_behind_by_a_day_of_work(
    witness: Witness, devices: Simulator, cluster: Cluster, config: Path
) -> None:
    agent = str(CHECKOUT / "ocf" / "berofos")
    environ = environ_of(cluster, witness.folder)
    python = [sys.executable, "-m"]
    bnfos = [*python, "berofos_agent.commands.bnfos", "--config", str(config)]
    xivo_berofos = [*python, "berofos_agent.commands.xivo_berofos", f"--config={config}"]
    berofos = [*python, "berofos_agent"]

    def actions(level: int = 0) -> list[int]:
        return [
            witness.run(agent, action, **environ, OCF_CHECK_LEVEL=str(level))
            for action in ("start", "monitor", "validate-all", "reload-agent", "stop")
        ]

    assert actions(10)[:2] == [0, 0]
    login(config, OLD, WRONG)
    assert actions(10)[0] == 1
    assert witness.run(*bnfos, "--show", "-f", "fos1") == 1
    login(config, WRONG, OLD)
    for order in ("noise", "trickle", "digest"):
        devices["fos1"].model.fault(order)
        actions(10)
        devices["fos1"].model.clear_faults()
    assert witness.run(*bnfos, "--show", "-f", "fos1") == 0
    assert witness.run(*bnfos, "--set", "mode=1", "-f", "fos1") == 0
    assert witness.run(*bnfos, "--set", "apwd=much too long a password", "-f", "fos1") == 2
    assert witness.run(*xivo_berofos, "--syslog", "-v", "slave") == 0
    assert witness.run(*xivo_berofos, "-q", "master") == 0
    assert witness.run(*berofos, "status", f"--config={config}") == 0
    assert witness.run(*berofos, "metrics", f"--config={config}") == 0
    assert witness.run(*berofos, "metrics", f"--config={config}", f"--output={witness.folder}/berofos.prom") == 0
    assert witness.run(*berofos, "password", f"--config={config}", typed=f"{OLD}\n{NEW}\n{NEW}\n") == 0
    assert [device.model.password() for device in devices] == [NEW, NEW]

    for what, text in witness.seen.items():
        assert not witness.secrets_in(text), what
        assert "Traceback" not in text, what
    assert any("switched from" in line for line in witness.syslog)
    assert not witness.secrets_in("\n".join(witness.syslog))
    assert any("berofos" in line for line in witness.processes)
    assert not witness.secrets_in("\n".join(witness.processes))
    left = [path for path in witness.folder.rglob("*") if path.is_file() and not stat.S_ISCHR(path.stat().st_mode)]
    left += [path for path in cluster.folder.parent.rglob("*") if path.is_file() and path != config]
    assert any(path.name == "ha.log" for path in left)
    for path in left:
        assert not witness.secrets_in(path.read_bytes().decode(errors="replace")), path


@pytest.mark.usefixtures("config")
def test_no_password_in_the_traceback_of_an_internal_error(
    witness: Witness, devices: Simulator, cluster: Cluster
) -> None:
    """A bug at the worst place: where the password has just been used."""
    for name in ("ocf", "berofos_agent", "metadata"):
        shutil.copytree(CHECKOUT / name, witness.folder / "broken" / name, ignore=shutil.ignore_patterns("__pycache__"))
    broken = witness.folder / "broken" / "berofos_agent" / "device" / "web.py"
    text = broken.read_text()
    assert text.count("        if answer.status == 401:\n") == 1
    broken.write_text(text.replace("        if answer.status == 401:\n", "        if answer.status / 0:\n"))
    code = witness.run(
        str(witness.folder / "broken" / "ocf" / "berofos"), "start", **environ_of(cluster, witness.folder)
    )
    assert code == 1
    assert devices["fos1"].model.password() == OLD
    told = "\n".join([*witness.seen.values(), *witness.syslog])
    assert "ZeroDivisionError" in told
    assert not witness.secrets_in(told)


def test_no_password_in_a_core_file(config: Path) -> None:
    program = (
        "import resource; from berofos_agent.config import bnfosconf; "
        f"bnfosconf.read({str(config)!r}); print(resource.getrlimit(resource.RLIMIT_CORE)[0])"
    )
    done = subprocess.run(
        ["sh", "-c", 'ulimit -S -c unlimited 2>/dev/null; exec "$@"', "sh", sys.executable, "-c", program],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "0\n"


def test_the_files_with_secrets_are_for_their_owner_only(
    witness: Witness, devices: Simulator, cluster: Cluster, config: Path
) -> None:
    config.chmod(0o644)
    witness.run(sys.executable, "-m", "berofos_agent", "password", f"--config={config}", typed=f"\n{NEW}\n{NEW}\n")
    assert devices["fos1"].model.password() == NEW
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert cluster.call("start").code == 0
    assert stat.S_IMODE(cluster.state.stat().st_mode) == 0o600
