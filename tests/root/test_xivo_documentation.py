"""Every command of the user's documentation, in its order, as written there.

The commands are read out of an extract of it. What stands between them (buttons, plugs, an editor) is done by hand
here. `apt-get install bntools` alone is not run: this package takes its place.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from berofos_agent.config import bnfosconf

from .site import IMAGE, Site, new_site

DOCUMENTATION = (Path(__file__).parents[1] / "data" / "xivo-documentation.txt").read_text()
COMMANDS = re.findall(r"^((?:apt-get|bnfos|wget|xivo-berofos) .*)$", DOCUMENTATION, re.MULTILINE)
NOT_RUN = "apt-get install bntools"

FIRST_ADDRESS, STATIC_ADDRESS = "10.34.1.50", "10.34.1.20"
PASSWORD = "s3cret"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with new_site(tmp_path, FIRST_ADDRESS, STATIC_ADDRESS) as up:
        up.plug_in(FIRST_ADDRESS)
        download = tmp_path / "www" / "downloads" / "berofos"
        download.mkdir(parents=True)
        (download / "bnfos_v153.bin").write_bytes(IMAGE)
        up.serve(tmp_path / "www")
        yield up


def test_every_command_works_as_written(site: Site) -> None:
    address = FIRST_ADDRESS
    ran = []
    for command in COMMANDS:
        if command == NOT_RUN:
            continue
        if command.startswith("bnfos --netconf"):
            assert site.text("/etc/bnfos.conf") == paragraph("[fos1]")
            site.order("fos1 flash")
        if command.startswith("bnfos --set wdog="):
            scanned = site.text("/etc/bnfos.conf")
            login = filled_in(paragraph("login = admin"), address)
            site.write("/etc/bnfos.conf", scanned.replace("#login = <user>:<password>\n", login))
        typed = filled_in(command, address)
        done = site.run(typed)
        assert done.returncode == 0, f"{typed}\n{done.stdout}{done.stderr}"
        ran.append(command)
        if command.startswith("bnfos --flash"):
            assert site.order("fos1 state")["state"]["image"] == hashlib.sha1(IMAGE).hexdigest()
            site.order("fos1 power on")
            address = STATIC_ADDRESS
            site.plug_in(address)
    assert len(ran) == len(COMMANDS) - 1 == 14

    state = site.order("fos1 state")["state"]
    expected = {
        "wdog": "0",
        "wdogdef": "0",
        "scenario": "0",
        "modedef": "1",
        "address": address,
        "dhcp": "0",
        "pwd": "1",
    }
    assert {keyword: state["settings"][keyword] for keyword in expected} == expected
    assert state["mode"] == "1"
    assert f"host = {address}\n" in site.text("/etc/bnfos.conf")


def test_relay_follows_xivo_berofos(site: Site) -> None:
    assert site.run("bnfos --scan -x").returncode == 0
    for state, mode in (("master", "1"), ("slave", "0")):
        assert site.run(f"xivo-berofos {state}").returncode == 0
        assert site.order("fos1 state")["state"]["mode"] == mode
        assert site.run("bnfos --get mode -f fos1").stdout == f"mode = {mode}\n"


def test_file_for_two_devices_is_understood() -> None:
    text = paragraph("[fos1]", after="Multiple berofos") + paragraph("[fos2]", after="Multiple berofos")
    assert [(entry.name, entry.host, entry.login) for entry in bnfosconf.parse(text, "it")] == [
        ("fos1", "10.100.0.201", ("admin", "foobar")),
        ("fos2", "10.100.0.202", ("admin", "barfoo")),
    ]


def filled_in(text: str, address: str) -> str:
    """Put in what the documentation leaves to the reader."""
    return text.replace("<berofos ip>", address).replace("<password>", PASSWORD)


def paragraph(beginning: str, after: str = "Master Configuration") -> str:
    """Return the lines of the documentation from a beginning to the next empty line."""
    rest = DOCUMENTATION[DOCUMENTATION.rindex(after) :]
    return rest[rest.index(beginning) :].split("\n\n", 1)[0] + "\n"
