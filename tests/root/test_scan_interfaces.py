"""`bnfos --scan` where no route leads to the devices: every interface that is up is asked, or the one that is named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .site import CHECKOUT, MAC, Site, new_site

ADDRESS = "10.34.9.50"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """The device is at the far end of the interface wire; lan is up as well, and there is no default route."""
    with new_site(tmp_path) as up:
        far = subprocess.Popen(
            ["nsenter", f"--target={up.holder}", "--net", "unshare", "--net", "sh", "-c", "echo ready; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert far.stdout
        assert far.stdout.readline() == "ready\n"
        done = up.run(
            "set -e; ip route del default; ip link add down type bridge;"
            f" ip link add wire type veth peer name eth0 netns {far.pid};"
            " ip address add 10.34.9.3/24 dev wire; ip link set wire up"
        )
        assert done.returncode == 0, done.stderr
        device = subprocess.Popen(
            [
                *("nsenter", f"--target={far.pid}", "--net", "sh", "-c"),
                f"ip address add {ADDRESS}/24 dev eth0 && ip link set eth0 up && ip link set lo up &&"
                f" exec {sys.executable} -u -m berofos_agent simulate --device fos1:{ADDRESS}:80:{MAC}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
        )
        assert device.stdout
        assert any("ready" in line for line in device.stdout)
        yield up
        for process in (device, far):
            process.terminate()
            process.communicate(timeout=30)


def test_without_a_default_route_every_interface_that_is_up_is_asked(site: Site) -> None:
    done = site.run("bnfos --scan -x")
    assert done.returncode == 0, done.stderr
    assert f" mac: {MAC}" in done.stdout
    first, *others = done.stderr.splitlines()
    assert first == "No default route, so asking on lan, wire."
    assert "1 device found." in others
    assert f"host = {ADDRESS}\n" in site.text("/etc/bnfos.conf")


def test_an_interface_can_be_named(site: Site) -> None:
    done = site.run("bnfos --sscan --interface wire")
    assert (done.returncode, done.stdout.partition(";")[0], done.stderr) == (0, MAC.lower(), "")
    done = site.run("bnfos --scan --interface lan")
    assert done.returncode == 1
    assert "no device answers" in done.stderr
    done = site.run("bnfos --scan --interface nowhere")
    assert done.returncode == 1
    assert done.stderr == "bnfos: nowhere: No such device (UDP port 50123); check the network\n"


def test_with_a_default_route_the_route_decides(site: Site) -> None:
    assert site.run("ip route add default dev lan").returncode == 0
    done = site.run("bnfos --scan")
    assert done.returncode == 1
    assert done.stderr == "bnfos: no device answers; give the address of one: -h ADDRESS, or --interface NAME\n"


@pytest.mark.parametrize("words", ["--ping -f fos1", "--scan -h 10.34.9.50"])
def test_it_goes_with_a_scan_of_the_lan_only(site: Site, words: str) -> None:
    done = site.run(f"bnfos {words} --interface lan")
    assert done.returncode == 2
    assert "--interface" in done.stderr
