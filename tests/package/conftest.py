"""The Debian package built once, and a bare Debian to install it in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import bareroot
from tests.bareroot import Root, run

CHECKOUT = Path(__file__).parents[2]
BUILD = CHECKOUT / "packaging" / "build-deb"


WITHOUT = "fence-agents- python3-googleapi-"


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    assert os.geteuid() == 0, "these tests need root, to make a bare Debian; `make test-quick` runs those that do not"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what `make deb` makes; the tests that run in a build have a test of their own.

    `make test-release` has built it already, on the release under test.
    """
    if "LAB_DIST" in os.environ:
        return Path(os.environ["LAB_DIST"])
    folder = tmp_path_factory.mktemp("built")
    run(BUILD, folder, DEB_BUILD_OPTIONS="nocheck")
    return folder


@pytest.fixture(scope="session")
def package(built: Path) -> Path:
    """The package itself."""
    (deb,) = built.glob("*.deb")
    return deb


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    """A bare Debian, to be copied rather than changed."""
    folder = tmp_path_factory.mktemp("debian")
    folder.chmod(0o755)
    release = os.environ.get("LAB_RELEASE") or bareroot.this_release()
    yield bareroot.kept(release).copy(folder / "bare")
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def installed(bare: Root, package: Path) -> Root:
    """A bare Debian after `apt install` of the package file alone.

    Without the SDKs of clouds that the recommended packages recommend in turn: they take minutes to compile.
    """
    root = bare.copy(bare.folder.with_name("installed"))
    deb = root.put(package, f"/root/{package.name}")
    root.run_with_network("sh", "-ec", f"apt-get update -qq && apt-get install -qq --yes {deb} {WITHOUT}")
    return root
