"""From a bare root of a Debian release and a clone to the package: built with all tests, and clean for lintian."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import bareroot
from tests.bareroot import Root, run

CHECKOUT = Path(__file__).parents[2]
CLONE = "/root/berofos-agent"
COMMIT_OF_0_1_0 = "b09efd9d38c210fb596a72b20c87a250905363ad"
MOST_LINES = 5


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    """A bare Debian with nothing but what the README takes for granted, git and make, and a clone of this checkout."""
    folder = tmp_path_factory.mktemp("release")
    folder.chmod(0o755)
    root = bareroot.kept(os.environ["LAB_RELEASE"]).copy(folder / "root")
    root.install("git", "make")
    run("git", "clone", "--quiet", CHECKOUT, f"{root.folder}{CLONE}")
    yield root
    shutil.rmtree(folder)


def test_make_deb_tells_little_and_ends_with_the_path_of_the_package(root: Root) -> None:
    # These tests run under make; what it tells a make below it is not for this one.
    make = "env --unset=MAKEFLAGS --unset=MFLAGS --unset=MAKELEVEL make deb"
    why_not = "{ status=$?; cat ../build.log; exit $status; }"
    told = root.run_with_network("sh", "-ec", f"cd {CLONE} && {make} 2> ../build.log || {why_not}").splitlines()
    assert len(told) <= MOST_LINES
    deb = Path(f"{root.folder}{told[-1]}")
    assert deb.is_file()
    dist = Path(os.environ["LAB_DIST"])
    shutil.rmtree(dist, ignore_errors=True)
    shutil.copytree(deb.parent, dist)


def test_lintian_of_the_release_has_nothing_to_say(root: Root) -> None:
    root.install("lintian")
    said = root.run("sh", "-ec", f"lintian --allow-root --fail-on error,warning {CLONE}/dist/*.changes")
    assert said.strip() == ""


def test_version_0_1_0_can_still_be_built_to_be_upgraded_from(root: Root) -> None:
    """tests/cluster/machines/test_package.py takes it from LAB_DIST/0.1.0."""
    build = "DEB_BUILD_OPTIONS=nocheck packaging/build-deb /root/dist-0.1.0"
    root.run("sh", "-ec", f"git -C {CLONE} worktree add --quiet /root/0.1.0 {COMMIT_OF_0_1_0}; cd /root/0.1.0; {build}")
    (deb,) = (root.folder / "root/dist-0.1.0").glob("*.deb")
    before = Path(os.environ["LAB_DIST"]) / "0.1.0"
    before.mkdir()
    shutil.copy(deb, before)
