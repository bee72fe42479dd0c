"""The page of `make lab`, and `berofos panel` on a node, looked at with a browser while the cluster is broken."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import Tab, browser
from tests.browser.conftest import album, chromium, tab

from .lab import scenes
from .lab.board import TOPOLOGIES, Board, Server
from .lab.cluster import Cluster
from .lab.devices import CHECKOUT
from .lab.node import Node

__all__ = ["album", "chromium", "tab"]

PANEL_SECONDS = 2.0
"""From one reading of the panel to the next, while somebody looks."""


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure()
    return two_nodes


@pytest.fixture
def board(cluster: Cluster) -> Iterator[Board]:
    """The lab's page, with everything on xivo-1."""
    with Board(cluster, TOPOLOGIES["xivos"]) as board:
        yield board


@pytest.fixture
def page(board: Board, tab: Tab) -> Iterator[Tab]:
    with Server(board) as server:
        tab.open(server.url)
        tab.wait("document.querySelectorAll('.card svg[data-mode=\"1\"]').length === 2")
        tab.wait("document.body.innerText.includes('Connects port A to B: the lines are at xivo-1.')")
        yield tab
        tab.open("about:blank")


def at(tab: Tab, mode: str, seconds: float = 30.0) -> None:
    """Wait until both devices are drawn in a mode."""
    tab.wait_for(lambda: [tab.drawn(name, "mode") for name in ("fos1", "fos2")] == [mode] * 2, seconds, f"mode {mode}")


def test_node_killed_by_a_click_is_followed_by_its_lines_and_the_seconds_are_told(
    page: Tab, cluster: Cluster, album: Path, measured: Callable[[str, float], None]
) -> None:
    page.click("Kill xivo-1")
    at(page, "0")
    page.wait("/callers without lines: [0-9.]+ s/.test(document.body.innerText)", 30)
    shown = float(re.findall(r"callers without lines: ([0-9.]+) s", page.text())[-1])
    killed = cluster.lab.moment_of("xivo-1 is killed")
    seconds = cluster.lab.movements(since=killed)[-1].at - killed
    assert shown == pytest.approx(seconds, abs=0.06), "told with one decimal"
    measured("killed", seconds)
    page.wait("document.querySelector('[data-device=fos1] svg').dataset.endb === 'off'")
    for width, dark in ((1200, False), (1200, True), (360, False)):
        page.look(width, 900, dark=dark)
        time.sleep(0.5)
        page.photograph(album / f"lab-{width}-{'dark' if dark else 'light'}.png")
        assert page.ask("document.documentElement.scrollWidth") <= width
    page.click("Boot xivo-1")
    page.wait("document.querySelector('[data-device=fos1] [data-text=noteB]').textContent === 'online'", 60)
    at(page, "0")


def test_relay_turned_by_a_click_is_turned_back_and_the_seconds_are_told(page: Tab, cluster: Cluster) -> None:
    page.click("Turn the relay of fos1")
    page.wait("/callers without lines: [0-9.]+ s/.test(document.body.innerText)", 30)
    away, back = cluster.lab.movements()[-2:]
    shown = float(re.findall(r"callers without lines: ([0-9.]+) s", page.text())[-1])
    assert shown == pytest.approx(back.at - away.at, abs=0.06)
    assert [away.cause, back.cause] == ["hand", "http"]


def test_telephony_moved_by_a_click_takes_the_lines_along(page: Tab, cluster: Cluster) -> None:
    page.click("Telephony to xivo-2")
    at(page, "0")
    page.wait("document.querySelector('[data-device=fos1] [data-text=noteD]').textContent === 'telephony'", 30)
    cluster.wait_for("xivo-2")
    page.click("Telephony to xivo-1")
    at(page, "1")


def test_standby_device_without_power_and_a_cut_cable_are_undone_by_a_second_click(page: Tab, cluster: Cluster) -> None:
    page.click("No power for fos2")
    page.wait_for(lambda: page.drawn("fos2", "power") == "off")
    page.click("No power for fos2")
    page.wait_for(lambda: (page.drawn("fos2", "power"), page.drawn("fos2", "mode")) == ("on", "1"))
    page.click("Cut xivo-2 from fos1")
    page.wait("document.body.innerText.includes('xivo-2 does not reach fos1 any more')")
    page.click("Cut xivo-2 from fos1")
    page.wait("document.body.innerText.includes('xivo-2 reaches fos1 again')")
    page.click("xivo-1 in standby")
    at(page, "0")
    page.click("xivo-1 in standby")
    page.wait("document.querySelector('[data-device=fos1] [data-text=noteB]').textContent === 'online'", 30)
    assert set(cluster.lab.lines().values()) == {"xivo-2"}


def test_unknown_button_does_nothing(board: Board) -> None:
    assert board.execute("kill xivo-3")["ok"] is False
    assert board.execute("boot xivo-1 off")["ok"] is False


# --- the panel on a node -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def panel_on(cluster: Cluster, name: str, folder: Path) -> Iterator[Tab]:
    """`berofos panel` on a node, and a browser in the node's network."""
    node = cluster.lab.nodes[name]
    assert isinstance(node, Node), "a machine of another release has its own test, machines/test_panel_service.py"
    inside = ["nsenter", "-t", str(node.pid), "-a", "--", "setpriv", "--pdeathsig", "TERM"]
    argv = [*inside, sys.executable, "-P", "-m", "berofos_agent", "panel", "--port", "0"]
    environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(CHECKOUT), "LANG": "C.UTF-8"}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout
        address = process.stdout.readline().split()[0]
        try:
            with browser(folder, ("nsenter", "-t", str(node.pid), "-n", "--")) as tab:
                tab.look(1200, 900)
                tab.open(address)
                yield tab
                assert tab.complaints == []
        finally:
            process.terminate()


def test_panel_on_the_survivor_follows_a_failover(
    cluster: Cluster, tmp_path: Path, album: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with panel_on(cluster, "xivo-2", tmp_path) as tab:
        at(tab, "1")
        tab.wait("document.body.innerText.includes('Connects port A to B: the lines are at xivo-1.')")
        killed = time.monotonic()
        seconds = scenes.node_killed(cluster, "xivo-1")
        at(tab, "0")
        shown = time.monotonic() - killed
        tab.wait("document.body.innerText.includes('the lines are at xivo-2.')")
        tab.wait("document.querySelector('[data-device=fos1] svg').dataset.endb === 'off'")
        tab.wait("document.body.innerText.includes('fos1: lines moved from A-B to A-D')")
        tab.wait("document.querySelector('#verdict').innerText.includes('xivo-1 is OFFLINE: it cannot take over')", 30)
        for width, dark in ((1200, False), (1200, True), (360, False)):
            tab.look(width, 900, dark=dark)
            tab.photograph(album / f"panel-in-the-lab-{width}-{'dark' if dark else 'light'}.png")
            assert tab.ask("document.documentElement.scrollWidth") <= width
        told = tab.text()
    with capsys.disabled():
        print(f"\nfailover measured {seconds:.2f} s, shown after {shown:.2f} s", end=" ")
    assert "xivo-1: online before, now OFFLINE" in told
    assert "relay: runs on xivo-2" in told
    assert "quorum" in told
