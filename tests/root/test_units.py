"""The service units of the package, as systemd judges them; needs systemd-analyze, not a running systemd."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

DEBIAN = Path(__file__).parents[2] / "packaging" / "debian"
TYPES = {"berofos-heartbeat": "Type=notify", "berofos-panel": "Type=exec"}

EXPOSED_AT_MOST = 2.0
"""On systemd's scale from 0 to 10; an ordinary service has 9.6."""


def source(name: str) -> Path:
    return DEBIAN / f"resource-agents-berofos.{name}.service"


@pytest.fixture(params=TYPES)
def unit(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The unit under its own name, with the command where there is one."""
    command = tmp_path / "berofos"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    unit = tmp_path / f"{request.param}.service"
    unit.write_text(source(request.param).read_text().replace("/usr/bin/berofos", str(command)))
    return unit


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


def test_systemd_understands_every_line(unit: Path) -> None:
    verified = analyze("verify", "--man=no", str(unit))
    assert (verified.returncode, verified.stderr) == (0, "")


def test_it_is_locked_up_well(unit: Path) -> None:
    judged = analyze("security", "--offline=yes", "--no-pager", f"--threshold={int(EXPOSED_AT_MOST * 10)}", str(unit))
    assert judged.returncode == 0, judged.stdout
    level = re.search(r"exposure level for berofos-\w+.service: ([0-9.]+)", judged.stdout)
    assert level
    assert float(level.group(1)) <= EXPOSED_AT_MOST


@pytest.mark.parametrize("name", TYPES)
def test_it_has_no_capability_and_no_user_of_the_systems(name: str) -> None:
    lines = source(name).read_text().splitlines()
    for line in ("CapabilityBoundingSet=", "AmbientCapabilities=", "DynamicUser=yes", TYPES[name]):
        assert line in lines
