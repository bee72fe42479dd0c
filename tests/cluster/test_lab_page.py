"""The page of `make lab`, and `berofos panel` on a node, looked at with a browser while the cluster is broken."""

from __future__ import annotations

import contextlib
import json
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
from .lab.two_nodes import NODES

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


@contextlib.contextmanager
def opened(tab: Tab, board: Board, sentence: str) -> Iterator[None]:
    """Set up and serve the board, open its page, and wait until this is said of both devices."""
    board.set_up()
    with board, Server(board) as server:
        tab.open(server.url)
        tab.wait(f"document.body.innerText.split({json.dumps(sentence)}).length === 3", 30)
        yield
        tab.open("about:blank")


@pytest.fixture
def as_found(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster; its configuration is put back before its devices are, or a monitor would see these set otherwise."""
    lab = cluster.lab
    before = lab.must(lab.a_node(), "cibadmin --query --scope configuration")
    yield cluster
    lab.rejoin_nodes()
    for node in NODES:
        lab.boot(node)
        lab.start_cluster(node)
    cluster.wait_for_members()
    lab.must(lab.a_node(), "cibadmin --replace --scope configuration --xml-pipe", stdin=before)


def fencing(cluster: Cluster) -> str:
    return cluster.lab.run(cluster.lab.a_node(), "crm_attribute --query --name stonith-enabled --quiet").stdout.strip()


def test_nodes_cut_by_a_click_with_fencing_switched_on_by_a_click_leave_the_lines_where_they_are(
    as_found: Cluster, tab: Tab
) -> None:
    cluster, lab = as_found, as_found.lab
    with opened(tab, Board(cluster, TOPOLOGIES["xivos"]), "the lines are at xivo-1."):
        assert fencing(cluster) == "false"
        tab.click("Fencing")
        lab.wait_until(lambda: fencing(cluster) == "true", 20, "fencing is on")
        tab.wait("/fencing\\s+enabled/.test(document.body.innerText)", 20)
        tab.click("Cut node from node")
        tab.wait("document.body.innerText.includes('xivo-2 is fenced')", 40)
        tab.click("Cut node from node")
        tab.wait("document.body.innerText.includes('the nodes hear each other again')", 20)
        cluster.wait_for_members()
        cluster.wait_for("xivo-1")
        assert not lab.happened("xivo-1 is fenced")
        assert lab.movements(since=lab.moment_of("the nodes do not hear each other any more")) == []
        tab.click("Fencing")
        lab.wait_until(lambda: fencing(cluster) == "false", 20, "fencing is off")


def test_two_xivos_and_a_pbx_are_drawn_and_the_lines_follow_telephony(as_found: Cluster, tab: Tab) -> None:
    with opened(tab, Board(as_found, TOPOLOGIES["pbx"]), "the lines are at xivo-1."):
        tab.wait("document.body.innerText.includes('Lab: two XiVOs and a PBX')")
        assert tab.ask("document.querySelector('[data-device=fos1] [data-text=noteA]').textContent") == "PBX at A3-4"
        tab.click("Telephony to xivo-2")
        at(tab, "0")
        tab.wait("document.body.innerText.includes('the lines are at xivo-2.')", 30)


def test_watchdog_gives_the_lines_to_the_pbx_when_the_only_xivo_is_killed_by_a_click(
    as_found: Cluster, tab: Tab
) -> None:
    cluster, lab = as_found, as_found.lab
    with opened(tab, Board(cluster, TOPOLOGIES["watchdog"]), "the lines are at xivo-1."):
        tab.wait("document.body.innerText.includes('Lab: one XiVO and a PBX, with the watchdog')")
        states = [device.order for device in lab.devices.values()]
        lab.wait_until(
            lambda: [ask("state")["state"]["watchdog"] for ask in states] == ["1", "1"], 40, "both are armed"
        )
        tab.click("Kill xivo-1")
        at(tab, "0")
        tab.wait("document.body.innerText.split('the lines are at PBX.').length === 3", 30)
        tab.wait("/callers without lines: [0-9.]+ s/.test(document.body.innerText)", 30)
        killed = lab.moment_of("xivo-1 is killed")
        moved = lab.movements(since=killed)
        assert [movement.cause for movement in moved] == ["watchdog", "watchdog"]
        shown = float(re.findall(r"callers without lines: ([0-9.]+) s", tab.text())[-1])
        assert shown == pytest.approx(moved[-1].at - killed, abs=0.06)


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
