"""A bare Debian root in a folder, as debootstrap makes it, and roots kept in the user's cache for the next run.

Packages come from the same mirrors as this machine's, proxies included.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
NO_DAEMONS = "#!/bin/sh\nexit 101\n"
MOST_DAYS = 14
"""A kept root older than this is made again, so that tests run on what users get today."""

_ENTER = """\
mount --bind "$ROOT" "$ROOT"   # unshare --mount wants the root to be a mount, and a test of the package calls it
mount -t proc proc "$ROOT/proc"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$ROOT/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$ROOT/dev/shm"
ip link set lo up
exec chroot "$ROOT" "$@"
"""


class NoRoot(Exception):
    """A root of this release cannot be made here; the text is one line."""


def this_release() -> str:
    """Return the code name of this machine's release, such as bookworm."""
    return platform.freedesktop_os_release()["VERSION_CODENAME"]


def run(*command: str | Path, **environ: str) -> str:
    """Run a command that has to succeed and return what it says, stderr included."""
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, "PATH": PATH, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(done.args)} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def make(folder: Path, release: str = "") -> Root:
    """Fill a folder with a minimal Debian that can reach the same mirrors as this machine."""
    release = release or this_release()
    listed = ("--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages", "Origin: Debian")
    sources = run("apt-get", "indextargets", *listed, "Component: main")
    mirrors = [line.replace(this_release(), release) for line in sorted(set(sources.splitlines()))]
    if release == "sid":
        mirrors = [line for line in mirrors if line.split()[1] == release]  # it has no updates of its own
    mirror = next(line.split()[0] for line in mirrors if line.split()[1] == release)
    acquire = run("apt-config", "dump", "Acquire")
    proxy = run("apt-config", "dump", "--format", "%v%n", "Acquire::http::Proxy").strip()
    script = Path("/usr/share/debootstrap/scripts", release)
    run(
        "debootstrap",
        "--variant=minbase",
        release,
        folder,
        mirror,
        *([] if script.exists() else [script.with_name("sid")]),  # a release newer than this debootstrap
        **({"http_proxy": proxy} if proxy else {}),
    )
    (folder / "etc/apt/apt.conf.d/90mirror").write_text(acquire)
    (folder / "etc/apt/sources.list").write_text("".join(f"deb {line}\n" for line in mirrors))
    (folder / "etc/dpkg/dpkg.cfg.d/fast").write_text("force-unsafe-io\n")  # a root that lives for minutes
    (folder / "usr/sbin/policy-rc.d").write_text(NO_DAEMONS)
    (folder / "usr/sbin/policy-rc.d").chmod(0o755)
    for name in ("resolv.conf", "hosts"):
        shutil.copy(f"/etc/{name}", folder / "etc" / name)
    return Root(folder)


def kept(release: str, packages: Sequence[str] = ()) -> Root:
    """Return a root of a release with some packages from the user's cache; make it if it is missing or too old.

    It is shared: work on a copy or an overlay. Raises NoRoot.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "berofos-agent", "roots")
    cache.mkdir(parents=True, exist_ok=True)
    contents = hashlib.sha256(" ".join(sorted(packages)).encode()).hexdigest()[:8]
    folder = cache / f"{release}-{contents}"
    with _locked(cache / f"{folder.name}.lock"):
        if not _is_fresh(folder):
            bare = kept(release) if packages else None
            new = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=cache))
            try:
                if bare:
                    run("cp", "--archive", "--no-target-directory", bare.folder, new)
                    Root(new).install(*packages)
                else:
                    new.chmod(0o755)
                    make(new, release)
                    Root(new).install()
                shutil.rmtree(folder, ignore_errors=True)
                new.rename(folder)
            except AssertionError as exc:
                raise NoRoot(f"no root of Debian {release} can be made: {_last_line(exc)}") from exc
            finally:
                shutil.rmtree(new, ignore_errors=True)
    return Root(folder)


def _is_fresh(folder: Path) -> bool:
    """Return whether a root is there and was made lately; debootstrap leaves its log when it is done."""
    made = folder / "var/log/bootstrap.log"
    return made.exists() and time.time() - made.stat().st_mtime < MOST_DAYS * 86400


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _last_line(exc: AssertionError) -> str:
    lines = [line for line in str(exc).splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


@dataclass(frozen=True)
class Root:
    """One such folder."""

    folder: Path

    def run(self, *command: str, **environ: str) -> str:
        """Run a command in it that has to succeed, with processes and a loopback of its own."""
        return self._enter(("--net",), command, environ)

    def run_with_network(self, *command: str, **environ: str) -> str:
        """Run a command in it that has to reach the mirror."""
        return self._enter((), command, environ)

    def install(self, *packages: str) -> None:
        """Install packages from the mirror, with what they need and nothing they only recommend."""
        self.run_with_network("apt-get", "update", "-qq")
        if packages:
            self.run_with_network("apt-get", "install", "-qq", "--yes", "--no-install-recommends", *packages)

    def _enter(self, more: tuple[str, ...], command: tuple[str, ...], environ: dict[str, str]) -> str:
        # What the command leaves running ends with it, and all of it with this process.
        namespaces = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", *more)
        return run(*namespaces, "sh", "-ec", _ENTER, "sh", *command, ROOT=str(self.folder), **environ)

    def put(self, source: Path, target: str) -> str:
        """Copy a file into it and return its path there."""
        shutil.copy(source, self.folder / target.lstrip("/"))
        return target

    def files(self) -> set[str]:
        """Return every path in it except the changing records of dpkg, apt and the logs."""
        passing = ("proc", "tmp", "root", "var/lib/dpkg", "var/lib/apt", "var/cache", "var/log")
        found: set[str] = set()
        for folder, below, names in os.walk(self.folder):
            here = Path(folder).relative_to(self.folder)
            below[:] = [name for name in below if str(here / name) not in passing]
            found |= {str(here / name) for name in (*below, *names)}
        return found

    def copy(self, folder: Path) -> Root:
        """Return another root with the same content."""
        run("cp", "--archive", self.folder, folder)
        return Root(folder)
