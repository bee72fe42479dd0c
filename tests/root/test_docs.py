"""The examples of docs/ are typed as they stand there, and say what they say there.

In a page, a block of console is a session: what follows `$ ` is typed, the rest is what it prints, `...` being
anything. Comments before a block tell what hands do meanwhile:

    <!-- hands: fos1 flash -->          an order to the simulated device
    <!-- plug in: 10.34.1.20 -->        the device is found at another address now; several are fos1, fos2, ...
    <!-- types: old|new|new -->         answers to the questions of the next block's first command
    <!-- fails: berofos check -->       this command of the next block ends with another status than 0
    <!-- image: NAME -->                a firmware image is at hand
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .site import CHECKOUT, IMAGE, Site, new_site

DOCS = CHECKOUT / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md") if "```console" in path.read_text())
STEP = re.compile(
    r"^<!-- (hands|plug in|types|fails|image): ([^\n]*) -->$|^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
ADDRESSES = ("10.34.1.50", "10.34.1.51", "10.34.1.20")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with new_site(tmp_path, *ADDRESSES) as up:
        up.plug_in(ADDRESSES[0])
        yield up


@pytest.mark.parametrize("name", PAGES)
def test_page(site: Site, name: str) -> None:
    text = (DOCS / name).read_text()
    if "bnfos --scan -x" not in text:
        assert site.run("bnfos --scan -x").returncode == 0
    typed = fails = ""
    for step in STEP.finditer(text):
        kind, argument, session = step.groups()
        if session:
            type_in(site, session, typed, fails)
            typed = fails = ""
        elif kind == "hands":
            site.order(argument)
        elif kind == "plug in":
            site.plug_in(*argument.split())
        elif kind == "types":
            typed = argument.replace("|", "\n") + "\n"
        elif kind == "fails":
            fails = argument
        else:
            (site.desk / argument).write_bytes(IMAGE)


def type_in(site: Site, session: str, typed: str, fails: str) -> None:
    """Type each command of a session and compare what it prints."""
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        done = site.run(command, typed)
        typed = ""
        assert (done.returncode != 0) == (command == fails), f"$ {command}\n{done.stdout}{done.stderr}"
        # xivo-berofos prints on standard error, as XiVO's command does.
        said = done.stderr + done.stdout if command.startswith("xivo-berofos") else done.stdout
        said = said if printed.strip() != "..." else ""
        pattern = ".*".join(re.escape(piece) for piece in printed.strip().split("..."))
        assert re.fullmatch(pattern, said.strip(), re.DOTALL), f"$ {command}\n{done.stdout}{done.stderr}"


def test_links_lead_somewhere() -> None:
    for page in DOCS.glob("*.md"):
        for target, anchor in re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]*))?\)", page.read_text()):
            linked = (page.parent / target) if target else page
            assert linked.exists(), f"{page.name}: {target}"
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert not anchor or anchor in anchors, f"{page.name}: {target}#{anchor}"
