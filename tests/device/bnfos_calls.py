"""`bnfos` as an administrator types it, against simulated devices or a stand-in on loopback."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from berofos_agent.commands.bnfos import main as command
from berofos_agent.commands.bnfos.context import Lan
from berofos_agent.simulator import LOOPBACK_BROADCAST, Simulator

from .standin import Standin


@dataclass(frozen=True)
class Ran:
    """What a call gave."""

    status: int
    out: str
    err: str


class Bnfos:
    """Calls `bnfos` with a bnfos.conf of its own."""

    def __init__(self, config: Path, capsys: pytest.CaptureFixture[str], port: int) -> None:
        self.config = config
        self.lan = Lan(port, LOOPBACK_BROADCAST)
        self._capsys = capsys

    def __call__(self, line: str, *more: str) -> Ran:
        """Run it with the words of a line, and arguments that may hold spaces; without -t a device may take long."""
        words = [*line.split(), *more]
        if "-t" not in words:
            words += ["-t", "5"]
        self._capsys.readouterr()
        try:
            status = command.main([*words, "--config", str(self.config)], self.lan)
        except SystemExit as exc:
            status = int(str(exc.code))
        captured = self._capsys.readouterr()
        return Ran(status, captured.out, captured.err)

    def write(self, text: str) -> None:
        """Make this the bnfos.conf."""
        self.config.write_text(text)

    def text(self) -> str:
        """The bnfos.conf now."""
        return self.config.read_text()


def bnfos_for(devices: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bnfos:
    """Return what calls bnfos where these devices are, declared in bnfos.conf."""
    called = Bnfos(tmp_path / "bnfos.conf", capsys, devices["fos1"].udp_address[1])
    called.write(devices.conf())
    return called


def bnfos_at(standin: Standin, tmp_path: Path, capsys: pytest.CaptureFixture[str], login: str = "") -> Bnfos:
    """Return what calls bnfos where a stand-in is the device fos1."""
    called = Bnfos(tmp_path / "bnfos.conf", capsys, standin.port)
    called.write(
        f"[fos1]\nmac = 00:19:32:00:12:1D\nhost = 127.0.0.1\nport = {standin.http_port}\n"
        + (f"login = {login}\n# a later line of the file must not disturb it\n" if login else "")
    )
    return called
