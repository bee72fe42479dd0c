"""A bare Debian root in a folder, as debootstrap makes it; knows how to enter one, and nothing of what is installed.

Where packages come from is what apt of this machine says, proxies included.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

RELEASE = "bookworm"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
NO_DAEMONS = "#!/bin/sh\nexit 101\n"
_ENTER = 'mount -t proc proc "$ROOT/proc"; ip link set lo up; exec chroot "$ROOT" "$@"'


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


def make(folder: Path) -> Root:
    """Fill a folder with a minimal Debian that can reach the same mirrors as this machine."""
    sources = run(
        "apt-get",
        "indextargets",
        "--format",
        "$(REPO_URI) $(CODENAME) $(COMPONENT)",
        "Created-By: Packages",
        "Origin: Debian",
        "Component: main",
    )
    mirrors = [line for line in sorted(set(sources.splitlines())) if line.split()[1].startswith(RELEASE)]
    mirror = next(line.split()[0] for line in mirrors if line.split()[1] == RELEASE)
    acquire = run("apt-config", "dump", "Acquire")
    proxy = run("apt-config", "dump", "--format", "%v%n", "Acquire::http::Proxy").strip()
    run("debootstrap", "--variant=minbase", RELEASE, folder, mirror, **({"http_proxy": proxy} if proxy else {}))
    (folder / "etc/apt/apt.conf.d/90mirror").write_text(acquire)
    (folder / "etc/apt/sources.list").write_text("".join(f"deb {line}\n" for line in mirrors))
    (folder / "etc/dpkg/dpkg.cfg.d/fast").write_text("force-unsafe-io\n")  # a root that lives for minutes
    (folder / "usr/sbin/policy-rc.d").write_text(NO_DAEMONS)
    (folder / "usr/sbin/policy-rc.d").chmod(0o755)
    for name in ("resolv.conf", "hosts"):
        shutil.copy(f"/etc/{name}", folder / "etc" / name)
    return Root(folder)


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

    def _enter(self, more: tuple[str, ...], command: tuple[str, ...], environ: dict[str, str]) -> str:
        # --kill-child: what the command leaves running ends with it.
        namespaces = ("unshare", "--mount", "--pid", "--fork", "--kill-child", *more)
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
