"""The lab of machines itself: whatever ends it, nothing of it is left on the host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..lab.devices import CHECKOUT
from ..lab.processes import poll
from ..test_demo import await_line, left_behind

BOOT = """
import os
from tests.cluster.lab.two_nodes import Lab
with Lab(tell=lambda line: print(line, flush=True), release=os.environ["LAB_RELEASE"]):
    pass
"""
GROUPS = 'mount -t cgroup2 none "$0" && find "$0" -maxdepth 1 -name "two-nodes-*" -printf "%f\\n"'


def control_groups(place: Path) -> str:
    """Return the names of the labs' control groups, in a view of them that only this call has."""
    listing = subprocess.run(
        ["unshare", "--mount", "sh", "-c", GROUPS, place], capture_output=True, text=True, check=True
    )
    return listing.stdout


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder with a short name, as those of sockets in it may have 107 letters; a worker's tmp_path has too many."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_lab_that_ends_early_leaves_nothing(temporary: Path, tmp_path: Path, number: signal.Signals) -> None:
    view = tmp_path / "view"
    view.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", BOOT],
        cwd=CHECKOUT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as lab:
        await_line(lab.stdout, "xivo-2 is switched on")
        (folder,) = temporary.iterdir()
        assert folder.name in control_groups(view)
        assert left_behind(temporary) != []
        lab.send_signal(number)
    assert poll(lambda: left_behind(temporary) == [], 20)
    assert poll(lambda: list(temporary.iterdir()) == [], 20)
    assert folder.name not in control_groups(view)
