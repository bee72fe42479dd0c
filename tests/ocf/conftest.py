"""The agent as the cluster sees it: a process with a bare environment, judged by code, reason and packets sent."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from berofos_agent import simulator
from berofos_agent.device import frame
from berofos_agent.simulator import DeviceSpec, Simulator
from tests.measured import MEASURED, MEASURING

AGENT = Path(__file__).parents[2] / "ocf" / "berofos"


def fresh_address() -> str:
    """An address of 127/8 that no other test uses now, so that the device's own UDP port is free on it."""
    return f"127.{64 + secrets.randbelow(64)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"


@dataclass(frozen=True)
class Answer:
    """What one call of the agent gave."""

    code: int
    stdout: str
    stderr: str

    @property
    def reasons(self) -> list[str]:
        """The exit reasons, without the cookie."""
        cookie = "ocf-exit-reason:"
        return [line[len(cookie) :] for line in self.stderr.splitlines() if line.startswith(cookie)]

    @property
    def reason(self) -> str:
        """The one exit reason; empty without one."""
        assert len(self.reasons) <= 1, self.stderr
        assert "Traceback" not in self.stderr
        return self.reasons[0] if self.reasons else ""


@dataclass
class Cluster:
    """Calls the agent as Pacemaker does: an environment of the resource's own, and nothing else in it."""

    folder: Path
    node: str = "xivo-1"
    parameters: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """The state file."""
        return self.folder / "berofos-relay.state"

    def call(self, *argv: str, level: int = 0, interval: int = 10, node: str = "", **parameters: str) -> Answer:
        """Run one action to its end."""
        command, environ = self.command(*argv, level=level, interval=interval, node=node, **parameters)
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)
        return Answer(done.returncode, done.stdout, done.stderr)

    def command(
        self, *argv: str, level: int = 0, interval: int = 10, node: str = "", **parameters: str
    ) -> tuple[list[str | Path], dict[str, str]]:
        """Return the command line and the environment of an action."""
        environ = {
            "PATH": os.environ["PATH"],
            "OCF_ROOT": "/usr/lib/ocf",
            "OCF_RESOURCE_INSTANCE": "relay",
            "HA_RSCTMP": str(self.folder),
            "OCF_CHECK_LEVEL": str(level),
            "OCF_RESKEY_CRM_meta_interval": str(interval * 1000),
            "OCF_RESKEY_CRM_meta_timeout": "20000",
            "OCF_RESKEY_CRM_meta_on_node": node or self.node,
            **{f"OCF_RESKEY_{name}": value for name, value in {**self.parameters, **parameters}.items()},
            **self.environ,
        }
        return [*MEASURING, AGENT, *argv], {name: value for name, value in {**environ, **MEASURED}.items() if value}

    def probe(self) -> Answer:
        """Ask what is here, as before the first start."""
        return self.call("monitor", interval=0)


@pytest.fixture
def devices() -> Iterator[Simulator]:
    """Two simulated devices as the documentation sets them up, lines at B."""
    settings = {"modedef": "1", "wdogdef": "0", "scenario": "0"}
    address = fresh_address
    specs = [
        DeviceSpec("fos1", address(), 0, frame.PORT, "00:19:32:00:12:1D", settings=settings),
        DeviceSpec("fos2", address(), 0, frame.PORT, "00:19:32:00:12:1E", settings=settings),
    ]
    with simulator.running(specs) as devices:
        for device in devices:
            device.model.move_by_hand("1")
            device.model.forget()
        yield devices


@pytest.fixture
def cluster(tmp_path: Path, devices: Simulator) -> Cluster:
    """A cluster of xivo-1 at B and xivo-2 at D with these devices; the agent is called on xivo-1."""
    config = tmp_path / "bnfos.conf"
    config.write_text(devices.conf())
    config.chmod(0o600)
    folder = tmp_path / "run"
    folder.mkdir()
    names = {"config": str(config), "port_b_node": "xivo-1", "port_d_node": "xivo-2", "request_timeout": "2"}
    return Cluster(folder, parameters=names)
