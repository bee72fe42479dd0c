"""What `make deb` makes: clean in lintian's eyes, the same bytes each time, one version everywhere."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path

from berofos_agent import __version__
from tests.bareroot import run

from .conftest import CHECKOUT

AS_NOBODY = """\
ip link set lo up
umask 077
cd "$TREE"
exec setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs dpkg-buildpackage --no-sign
"""


def digests(folder: Path) -> dict[str, str]:
    wanted = [path for path in folder.iterdir() if path.suffix in (".deb", ".dsc", ".xz")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in wanted}


def test_lintian_has_nothing_to_say(built: Path) -> None:
    (changes,) = built.glob("*.changes")
    assert run("lintian", "--allow-root", "--fail-on", "error,warning", changes).strip() == ""
    assert not list((CHECKOUT / "packaging" / "debian").rglob("*lintian-overrides"))


def test_nobody_can_build_it_without_a_network_and_gets_the_same_bytes(built: Path) -> None:
    """From the source package, with all tests, in another folder, another time zone, with another umask."""
    (source,) = built.glob("*.dsc")
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "other", "resource-agents-berofos")
        tree.parent.mkdir()
        run("dpkg-source", "--no-check", "--extract", source, tree)
        run("chown", "--recursive", "nobody:nogroup", folder)
        surroundings = {"TZ": "Pacific/Chatham", "HOME": "/nonexistent", "DEB_BUILD_OPTIONS": "", "TREE": str(tree)}
        run("unshare", "--net", "sh", "-ec", AS_NOBODY, **surroundings)
        assert digests(tree.parent) == digests(built)


def test_the_package_has_the_version_of_the_program(package: Path) -> None:
    assert run("dpkg-deb", "--show", "--showformat=${Version}", package) == __version__


def test_bntools_gives_way(package: Path) -> None:
    for field in ("Conflicts", "Provides", "Replaces"):
        assert run("dpkg-deb", "--field", package, field).strip() == "bntools"


def test_no_bytes_of_this_machine_are_in_it(package: Path, tmp_path: Path) -> None:
    run("dpkg-deb", "--extract", package, tmp_path)
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert str(CHECKOUT).encode() not in path.read_bytes(), path
        assert path.suffix != ".pyc", path


def test_every_link_of_the_installed_pages_leads_to_a_file(package: Path, tmp_path: Path) -> None:
    run("dpkg-deb", "--extract", package, tmp_path)
    pages = list(tmp_path.glob("usr/share/doc/resource-agents-berofos/*.md"))
    assert len(pages) > 20
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#\s]+)", page.read_text())]
    assert [(page.name, link) for page, link in links if "://" not in link and not (page.parent / link).exists()] == []
