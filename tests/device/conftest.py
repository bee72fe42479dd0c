"""Devices as the commands meet them: declared in a bnfos.conf, the device's own UDP port, no cluster on the host."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from berofos_agent import simulator
from berofos_agent.commands import berofos
from berofos_agent.device import frame
from berofos_agent.simulator import DeviceSpec, RunningDevice, Simulator
from tests.ocf.conftest import fresh_address


@dataclass(frozen=True)
class Ran:
    """What a command gave."""

    status: int
    out: str
    err: str


class Keyboard(io.StringIO):
    """What somebody types, on a terminal or into a pipe."""

    def __init__(self, typed: str, terminal: bool) -> None:
        super().__init__(typed)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


class Desk:
    """Where an administrator sits: types commands, and sees what comes of them."""

    def __init__(
        self, config: Path, devices: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        self.config = config
        self.devices = devices
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def device(self, name: str) -> RunningDevice:
        return self.devices[name]

    def berofos(self, command: str, *arguments: str, typed: str = "", terminal: bool = False) -> Ran:
        """Run a subcommand of berofos to its end."""
        self._monkeypatch.setattr("sys.stdin", Keyboard(typed, terminal))
        self._capsys.readouterr()
        try:
            status = berofos.main([command, f"--config={self.config}", "--timeout=5", *arguments])
        except SystemExit as exc:
            status = int(exc.code or 0)
        told = self._capsys.readouterr()
        assert "Traceback" not in told.err
        return Ran(status, told.out, told.err)


@pytest.fixture
def firmware() -> str:
    """The version the devices have; a test may override it."""
    return "1.53"


@pytest.fixture
def settings() -> dict[str, str]:
    """What the devices are set to beyond the factory's; a test may override it."""
    return {}


@pytest.fixture
def specs(firmware: str, settings: dict[str, str]) -> list[DeviceSpec]:
    """fos1 and fos2, with factory settings; a test may override them."""
    return [
        DeviceSpec(name, fresh_address(), 0, frame.PORT, f"00:19:32:00:12:{number}", firmware, settings)
        for name, number in (("fos1", "1D"), ("fos2", "1E"))
    ]


@pytest.fixture
def desk(
    tmp_path: Path,
    specs: list[DeviceSpec],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Desk]:
    """An administrator with these devices in bnfos.conf."""
    monkeypatch.setenv("HA_RSCTMP", str(tmp_path / "no-cluster"))
    monkeypatch.setenv("PATH", os.environ["PATH"])
    with simulator.running(specs) as devices:
        config = tmp_path / "bnfos.conf"
        config.write_text(devices.conf())
        config.chmod(0o600)
        yield Desk(config, devices, monkeypatch, capsys)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C is heard though these tests run in the background, where a shell lets programs ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
