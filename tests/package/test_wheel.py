"""The wheel and the sdist: accepted by twine, and working in an empty virtual environment."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.bareroot import run

from .conftest import CHECKOUT


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, CHECKOUT)
    return folder


def test_twine_accepts_both(dist: Path) -> None:
    names = list(dist.iterdir())
    assert {path.suffix for path in names} == {".whl", ".gz"}
    told = run(sys.executable, "-m", "twine", "check", "--strict", *names)
    assert told.count("PASSED") == 2


def test_the_sdist_has_every_tracked_file(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    tracked = set(run("git", "-C", CHECKOUT, "ls-files").split())
    assert tracked - packed == {".gitignore"}


@pytest.mark.parametrize("suffix", ["whl", "tar.gz"])
def test_it_installs_into_an_empty_environment_with_working_commands(dist: Path, suffix: str, tmp_path: Path) -> None:
    (archive,) = dist.glob(f"*.{suffix}")
    run("/usr/bin/python3", "-m", "venv", tmp_path)
    run(tmp_path / "bin/pip", "install", "--quiet", "--disable-pip-version-check", archive)
    shown = run(tmp_path / "bin/pip", "show", "--files", "berofos-agent").splitlines()
    commands = [Path(line.strip()).name for line in shown if line.strip().startswith("../../../bin/")]
    assert "berofos" in commands
    for command in commands:
        assert "usage" in run(tmp_path / "bin" / command, "--help").lower()
    simulate = [tmp_path / "bin/berofos", "simulate", "--http-port", "0", "--udp-port", "0"]
    with subprocess.Popen(simulate, stdout=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdout
        assert "fos1" in simulator.stdout.readline()
        simulator.terminate()
    assert simulator.returncode == 0
