"""`make demo` beside another lab: it tells the whole story, and leaves nothing behind however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from .lab.devices import CHECKOUT
from .lab.processes import poll, refusal


@pytest.fixture
def place() -> Iterator[Path]:
    """A temporary directory; a socket's path has 107 characters at most, and those of tmp_path are half of that."""
    folder = Path(tempfile.mkdtemp(prefix="demo-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def demo(place: Path) -> Iterator[subprocess.Popen[str]]:
    """The demo, with a temporary directory of its own."""
    why_not = refusal()
    if why_not:
        pytest.fail(f"the demo cannot run: {why_not}", pytrace=False)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.cluster.lab.demo"],
        cwd=CHECKOUT,
        env={**os.environ, "TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        yield process
        process.kill()


def left_behind(place: Path) -> list[str]:
    """Return the command lines that name a directory."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(place) in line:
            found.append(line)
    return found


def await_line(stream: IO[str] | None, words: str) -> None:
    """Read until a line with these words comes."""
    assert stream
    assert any(words in line for line in stream), f"the demo never said: {words}"


def test_the_demo_shows_every_step_and_leaves_nothing(demo: subprocess.Popen[str], place: Path) -> None:
    told, _ = demo.communicate()
    assert demo.returncode == 0, told
    steps = (
        "the lines are on xivo-1, where telephony runs",
        "xivo-1 is killed",
        "the lines are on xivo-2, and so is telephony",
        "xivo-1 is back in the cluster",
        "an administrator moves xivo to xivo-1",
        "somebody turns the relay of fos1 by hand",
        "the cluster has turned it back",
    )
    positions = [told.find(step) for step in steps]
    assert positions == sorted(positions), told
    assert positions[0] >= 0, told
    assert list(place.iterdir()) == []
    assert left_behind(place) == []


@pytest.mark.parametrize(
    ("after", "number", "status"),
    [("xivo-1 is killed", signal.SIGINT, 130), ("xivo-2 is switched on", signal.SIGTERM, 143)],
    ids=["ctrl-c", "terminated"],
)
def test_the_demo_interrupted_takes_everything_away(
    demo: subprocess.Popen[str], place: Path, after: str, number: signal.Signals, status: int
) -> None:
    await_line(demo.stdout, after)
    demo.send_signal(number)
    told, _ = demo.communicate()
    assert demo.returncode == status, told
    assert list(place.iterdir()) == []
    assert left_behind(place) == []


def test_the_demo_killed_takes_its_nodes_with_it(demo: subprocess.Popen[str], place: Path) -> None:
    await_line(demo.stdout, "the lines are on xivo-1")
    assert left_behind(place) != []
    demo.kill()
    assert poll(lambda: left_behind(place) == [], 10)


def test_without_root_the_demo_says_so_in_one_line() -> None:
    ended = subprocess.run(
        ["setpriv", "--reuid", "nobody", "--clear-groups", sys.executable, "-Bm", "tests.cluster.lab.demo"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "demo: two nodes need root (they live in namespaces): run this as root\n"


def test_without_namespaces_the_demo_says_so_in_one_line() -> None:
    ended = subprocess.run(
        ["setpriv", "--bounding-set", "-sys_admin", sys.executable, "-m", "tests.cluster.lab.demo"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("demo: two nodes need namespaces, and this machine refuses them: ")
    assert ended.stderr.count("\n") == 1
