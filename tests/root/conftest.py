"""A private mount namespace in which the checkout's agent is installed, so that the host stays as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ocf.conftest import cluster, devices

__all__ = ["cluster", "devices"]

CHECKOUT = Path(__file__).parents[2]


class Installed:
    """Runs commands where ocf:xivo:berofos is installed."""

    def __init__(self, folder: Path, agent: Path) -> None:
        self.folder = folder
        (folder / "xivo").mkdir()
        (folder / "xivo" / "berofos").symlink_to(agent)

    def run(self, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; stderr comes with stdout, as a person sees it."""
        mount = f"mount -t overlay -o lowerdir={self.folder}:/usr/lib/ocf/resource.d overlay /usr/lib/ocf/resource.d"
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh", *command],
            env={**os.environ, "OCF_ROOT": "/usr/lib/ocf", **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    assert os.geteuid() == 0, "these tests need root; `make test-quick` runs those that do not"
    assert shutil.which("unshare"), "these tests need unshare of util-linux"


@pytest.fixture(scope="session")
def readable_agent() -> Iterator[Path]:
    """A copy of the checkout's agent that everybody may read, as nobody may not read every checkout."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        copy.chmod(0o755)
        for name in ("ocf", "berofos_agent", "metadata"):
            shutil.copytree(CHECKOUT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        yield copy / "ocf" / "berofos"


@pytest.fixture
def installed(tmp_path_factory: pytest.TempPathFactory, readable_agent: Path) -> Installed:
    """The agent of this checkout as ocf:xivo:berofos."""
    folder = tmp_path_factory.mktemp("resource.d")
    folder.chmod(0o755)
    return Installed(folder, readable_agent)
