"""A site of its own: network, /etc and a LAN with one bero*fos at the addresses of XiVO's documentation; the host stays
as it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
XIVO = "10.34.1.3"
MAC = "00:19:32:00:12:1D"
COMMANDS = {
    "bnfos": "berofos_agent.commands.bnfos",
    "xivo-berofos": "berofos_agent.commands.xivo_berofos",
    "berofos": "berofos_agent",
}
IMAGE = bytes(range(256)) * 200
"""Stands in for the firmware 1.53, which is the vendor's; bnfos takes it for that here."""
_BNFOS = f"""
import hashlib, runpy
from berofos_agent.device import flashing
flashing.KNOWN_IMAGES = {{"{hashlib.sha1(IMAGE).hexdigest()}": "firmware 1.53 (bnfos_v153.bin)"}}
runpy.run_module("{COMMANDS["bnfos"]}", run_name="__main__", alter_sys=True)
"""
START_SECONDS = 30

_SET_UP = """
set -e
ip link set lo up
ip link add lan type bridge
ip address add {xivo}/24 broadcast + dev lan
ip link set lan up
ip route add default dev lan
for address in {addresses}; do ip address add $address/32 dev lo; done
mount -t tmpfs tmpfs {folder}
mkdir {folder}/upper {folder}/work
mount -t overlay -o lowerdir=/etc,upperdir={folder}/upper,workdir={folder}/work overlay /etc
rm -f /etc/bnfos.conf
printf '127.0.0.1 localhost\\n{xivo} www.beronet.com\\n' > /etc/hosts
printf 'hosts: files\\n' > /etc/nsswitch.conf
echo ready
exec cat
"""


class Site:
    """Runs commands as somebody at XiVO's keyboard, and does what hands do to the device."""

    def __init__(self, folder: Path, holder: int, closing: contextlib.ExitStack) -> None:
        self.desk = folder / "desk"
        """The folder the commands are typed in."""
        self._folder = folder
        self.holder = holder
        self._closing = closing
        self._simulator: subprocess.Popen[str] | None = None
        programs = folder / "bin"
        programs.mkdir()
        self.desk.mkdir()
        for command, module in COMMANDS.items():
            program = programs / command
            called = f"-c {shlex.quote(_BNFOS)}" if command == "bnfos" else f"-m {module}"
            program.write_text(f'#!/bin/sh\nexec {sys.executable} {called} "$@"\n')
            program.chmod(0o755)
        self._environ: Mapping[str, str] = {
            "PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONPATH": str(CHECKOUT),
            "LANG": "C.UTF-8",
        }

    def run(self, line: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Type a line into a shell, then what it asks for, and wait for its end."""
        return subprocess.run(
            self._inside("sh", "-c", line),
            env=self._environ,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def text(self, path: str) -> str:
        """A file as the site sees it."""
        return self.run(f"cat {path}").stdout

    def write(self, path: str, text: str) -> None:
        """Edit a file there."""
        subprocess.run(self._inside("tee", path), input=text, stdout=subprocess.DEVNULL, text=True, check=True)

    def serve(self, folder: Path) -> None:
        """Put a web server up, for what the documentation downloads."""
        argv = self._inside(sys.executable, "-u", "-m", "http.server", "80", "--bind", XIVO, "--directory", str(folder))
        server = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._closing.callback(_end, server)
        _wait_for_line(server, "Serving HTTP")

    # --- the device ----------------------------------------------------------------------------------------------

    def plug_in(self, *addresses: str) -> None:
        """Let fos1 (fos2, ...) be at an address, as it was when it was last unplugged."""
        self.unplug()
        argv = [sys.executable, "-u", "-m", "berofos_agent", "simulate"]
        for number, address in enumerate(addresses):
            argv += ["--device", f"fos{number + 1}:{address}:80:{MAC[:-2]}{0x1D + number:02X}"]
        argv += ["--state", str(self._folder / "state"), "--control", str(self._folder / "orders")]
        self._simulator = subprocess.Popen(
            self._inside(*argv), env=self._environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        _wait_for_line(self._simulator, "ready")

    def unplug(self) -> None:
        """Take the device away."""
        if self._simulator:
            _end(self._simulator)
        self._simulator = None

    def order(self, text: str) -> dict[str, Any]:
        """Do something to the device by hand, and return what it says."""
        told = self.run(f"berofos simulate --tell {self._folder / 'orders'} '{text}'")
        assert told.returncode == 0, told.stderr
        answer: dict[str, Any] = json.loads(told.stdout)
        return answer

    def _inside(self, *argv: str) -> list[str]:
        entered = ["nsenter", f"--target={self.holder}", "--net", "--mount", f"--wd={self.desk}", "--"]
        return [*entered, *argv]


@contextlib.contextmanager
def new_site(folder: Path, *addresses: str) -> Iterator[Site]:
    """Build a site whose LAN has these addresses for a device; take it down at the end."""
    overlay = folder / "etc"
    overlay.mkdir()
    script = _SET_UP.format(xivo=XIVO, addresses=" ".join(addresses), folder=overlay)
    argv = ["unshare", "--net", "--mount", "--propagation=private", "sh", "-c", script]
    with contextlib.ExitStack() as closing:
        holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        closing.callback(_end, holder)
        _wait_for_line(holder, "ready")
        site = Site(folder, holder.pid, closing)
        closing.callback(site.unplug)
        yield site


def _wait_for_line(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout
    watchdog = threading.Timer(START_SECONDS, process.kill)
    watchdog.start()
    for line in process.stdout:
        if words in line:
            watchdog.cancel()
            return
    raise AssertionError(f"{process.args!r} ended without saying {words!r}")


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate(timeout=START_SECONDS)
