"""The service unit of `berofos heartbeat`, as systemd judges it; needs systemd-analyze, not a running systemd."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "packaging" / "debian" / "resource-agents-berofos.berofos-heartbeat.service"

EXPOSED_AT_MOST = 2.0
"""On systemd's scale from 0 to 10; an ordinary service has 9.6."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit under its own name, with the command where there is one."""
    command = tmp_path / "berofos"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    unit = tmp_path / "berofos-heartbeat.service"
    unit.write_text(UNIT.read_text().replace("/usr/bin/berofos", str(command)))
    return unit


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


def test_systemd_understands_every_line(unit: Path) -> None:
    verified = analyze("verify", "--man=no", str(unit))
    assert (verified.returncode, verified.stderr) == (0, "")


def test_it_is_locked_up_well(unit: Path) -> None:
    judged = analyze("security", "--offline=yes", "--no-pager", f"--threshold={int(EXPOSED_AT_MOST * 10)}", str(unit))
    assert judged.returncode == 0, judged.stdout
    level = re.search(r"exposure level for berofos-heartbeat.service: ([0-9.]+)", judged.stdout)
    assert level
    assert float(level.group(1)) <= EXPOSED_AT_MOST


def test_it_has_no_capability_and_no_user_of_the_systems() -> None:
    lines = UNIT.read_text().splitlines()
    for line in ("CapabilityBoundingSet=", "AmbientCapabilities=", "DynamicUser=yes", "Type=notify"):
        assert line in lines
