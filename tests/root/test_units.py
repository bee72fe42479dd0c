"""The service units of the package, as systemd judges them; needs systemd-analyze, not a running systemd."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

DEBIAN = Path(__file__).parents[2] / "packaging" / "debian"
TYPES = {"berofos-heartbeat": "Type=notify", "berofos-panel": "Type=exec"}
ROOTS = {"berofos-metrics": "Type=oneshot"}
"""Run as root, since what they read is root's."""

EXPOSED_AT_MOST = 2.0
"""On systemd's scale from 0 to 10; an ordinary service has 9.6."""


def source(name: str) -> Path:
    return DEBIAN / f"resource-agents-berofos.{name}.service"


def placed(folder: Path, name: str) -> Path:
    """Write the unit under its own name, with a command where there is one."""
    command = folder / "berofos"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    unit = folder / f"{name}.service"
    unit.write_text(source(name).read_text().replace("/usr/bin/berofos", str(command)))
    return unit


@pytest.fixture(params=[*TYPES, *ROOTS])
def unit(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return placed(tmp_path, request.param)


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


@pytest.mark.parametrize("name", ROOTS)
def test_a_unit_of_roots_has_one_capability_and_one_folder(name: str) -> None:
    lines = source(name).read_text().splitlines()
    assert ROOTS[name] in lines
    assert [line for line in lines if line.startswith("CapabilityBoundingSet=")] == [
        "CapabilityBoundingSet=CAP_DAC_OVERRIDE"
    ]
    assert [line for line in lines if line.startswith("ReadWritePaths=")] == [
        "ReadWritePaths=-/var/lib/prometheus/node-exporter"
    ]
    for line in ("AmbientCapabilities=", "NoNewPrivileges=yes", "ProtectSystem=strict"):
        assert line in lines


@pytest.mark.parametrize("name", ROOTS)
def test_systemd_understands_the_timer_and_the_package_enables_nothing(tmp_path: Path, name: str) -> None:
    timer = placed(tmp_path, name).with_suffix(".timer")
    timer.write_text(source(name).with_suffix(".timer").read_text())
    verified = analyze("verify", "--man=no", str(timer))
    assert (verified.returncode, verified.stderr) == (0, "")
    assert f"--name={name} --no-enable\n" in (DEBIAN / "rules").read_text()
