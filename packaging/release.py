"""Builds what a release consists of, everything twice, and compares the bytes; `make release` says how it is called.

The Debian packages come from a bare root of each release and a clone; wheel and sdist from clones on this host.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

import berofos_agent
from tests import bareroot
from tests.bareroot import run

CHECKOUT = Path(__file__).parents[1]
RELEASES = ("bookworm", "trixie")
VARYING = (".buildinfo", ".changes")
"""What these files have of the build: its time, and every package that was installed for it."""
CLONE = "/root/resource-agents-berofos"
CHANGELOG = "packaging/debian/changelog"


def main(target: Path) -> None:
    """Fill a folder, one folder below it for each release; SystemExit says what is not ready for a release."""
    if run("git", "-C", CHECKOUT, "status", "--porcelain"):
        raise SystemExit("the checkout has uncommitted changes; commit or remove them")
    version = run("dpkg-parsechangelog", "--file", CHECKOUT / CHANGELOG, "--show-field", "Version").strip()
    changes = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    if version != berofos_agent.__version__ or f"\n## [{version}]" not in changes:
        raise SystemExit(f"{CHANGELOG} has {version}, which is not that of berofos_agent or not in CHANGELOG.md")
    epoch = run("dpkg-parsechangelog", "--file", CHECKOUT / CHANGELOG, "--show-field", "Timestamp").strip()
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="release-") as scratch:
        for release in RELEASES:
            keep_if_same(debian_packages(release, Path(scratch, release)), target / release)
        keep_if_same([wheel_and_sdist(Path(scratch, str(n)), epoch) for n in (1, 2)], target)
    files = sorted(path for path in target.rglob("*") if path.is_file())
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(target)}\n" for path in files]
    (target / "SHA256SUMS").write_text("".join(sums), encoding="ascii")
    print("".join(sums), end="")


def debian_packages(release: str, folder: Path) -> list[Path]:
    """Build the packages twice in a bare root of a release, the first time with all tests; return both folders."""
    root = bareroot.kept(release).copy(folder)
    root.install("git", "make")
    run("git", "clone", "--quiet", CHECKOUT, f"{root.folder}{CLONE}")
    root.run_with_network("sh", "-ec", f"cd {CLONE} && make deb")
    root.run_with_network("sh", "-ec", f"cd {CLONE} && packaging/build-deb again", DEB_BUILD_OPTIONS="nocheck")
    return [Path(f"{root.folder}{CLONE}/{name}") for name in ("dist", "again")]


def wheel_and_sdist(folder: Path, epoch: str) -> Path:
    """Build them from a clone, and return the folder."""
    run("git", "clone", "--quiet", CHECKOUT, folder)
    run(sys.executable, "-m", "build", "--outdir", folder / "dist", folder, SOURCE_DATE_EPOCH=epoch)
    for sdist in (folder / "dist").glob("*.tar.gz"):
        sdist.write_bytes(at_one_time(sdist.read_bytes(), int(epoch)))  # setuptools writes the files' own times
    return folder / "dist"


def at_one_time(archive: bytes, epoch: int) -> bytes:
    """Return a .tar.gz with all members of root's, in order, and changed at this second."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as old, tarfile.open(fileobj=packed, mode="w") as new:
        for member in sorted(old.getmembers(), key=lambda one: one.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member))
    return gzip.compress(packed.getvalue(), mtime=epoch)


def keep_if_same(folders: list[Path], target: Path) -> None:
    """Copy the files of the first folder; SystemExit if those of the other one have other bytes."""
    first, second = ({path.name: path for path in folder.iterdir()} for folder in folders)
    different = [
        name
        for name in sorted(first.keys() | second.keys())
        if not name.endswith(VARYING)
        and (name not in first or name not in second or first[name].read_bytes() != second[name].read_bytes())
    ]
    if different:
        raise SystemExit(f"two builds differ: {', '.join(different)}")
    target.mkdir(parents=True, exist_ok=True)
    for path in first.values():
        shutil.copy(path, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
