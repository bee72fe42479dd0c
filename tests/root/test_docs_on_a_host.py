"""The shell examples of docs/ that need no cluster, run as they stand there; tests/cluster has the others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from berofos_agent.cluster import cib
from berofos_agent.doctor.findings import Facts
from berofos_agent.simulator import Simulator
from tests.examples import examples, write_commands
from tests.shown import read

from .conftest import Installed

CIBS = Path(__file__).parents[1] / "data" / "cib"


class Host:
    """A host with the commands, the agent, and a /etc of its own."""

    def __init__(self, folder: Path, installed: Installed) -> None:
        self.folder = folder
        self.installed = installed
        self.commands = write_commands(folder / "bin")
        self.etc = folder / "etc"
        for name in ("etc", "work"):
            (folder / name).mkdir()

    def run(self, page: str, name: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run an example of a page."""
        return self.shell(examples(page)[name], **environ)

    def shell(self, command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a shell does."""
        etc = f"lowerdir=/etc,upperdir={self.etc},workdir={self.folder / 'work'}"
        code = f"mount -t overlay -o {etc} overlay /etc\n{command}"
        path = f"{self.commands}:{os.environ['PATH']}"
        return self.installed.run("sh", "-e", "-c", code, PATH=path, **environ)


@pytest.fixture
def host(tmp_path_factory: pytest.TempPathFactory, installed: Installed, devices: Simulator) -> Iterator[Host]:
    host = Host(tmp_path_factory.mktemp("host"), installed)
    config = host.etc / "bnfos.conf"
    config.write_text(devices.conf())
    yield host
    shutil.rmtree(host.folder)


def test_concepts_head_start(host: Host) -> None:
    path = host.folder / "cib.xml"
    shutil.copy(CIBS / "fencing-without-delay--none.xml", path)
    done = host.run("concepts.md", "head-start", CIB_file=str(path))
    assert done.returncode == 0, done.stdout
    assert read(Facts(cib.read_file(str(path)))) == []


def test_installation(host: Host) -> None:
    known = host.run("installation.md", "known")
    assert known.stdout.startswith("berofos\n"), known.stdout
    assert 'name="berofos"' in known.stdout
    assert host.run("installation.md", "permissions").returncode == 0
    assert (host.etc / "bnfos.conf").stat().st_mode & 0o777 == 0o600


def test_migrating_from_xivo_berofos(host: Host) -> None:
    page = "migrating-from-xivo-berofos.md"
    assert host.run(page, "calls").stdout == "nothing switches the lines\n"
    assert host.run(page, "find").stdout == "no cron job calls it\n"
    (host.etc / "cron.d").mkdir()
    (host.etc / "cron.d" / "switch").write_text("* * * * * root xivo-berofos master\n")
    assert host.run(page, "find").stdout == "/etc/cron.d/switch\n"
    checked = host.run(page, "check")
    assert checked.returncode == 0, checked.stdout


def test_hook_for_hosts_without_a_cluster(host: Host, devices: Simulator) -> None:
    assert host.run("migrating-from-xivo-berofos.md", "hook").returncode == 0
    schedule, user, command = re.fullmatch(
        r"(\* \* \* \* \*) (root) (.*)\n", (host.etc / "cron.d" / "berofos").read_text()
    ).groups()  # type: ignore[union-attr]
    assert (schedule, user) == ("* * * * *", "root")
    systemctl = host.commands / "systemctl"
    for is_active, mode in ((0, "0"), (3, "1"), (0, "0")):
        systemctl.write_text(f'#!/bin/sh\n[ "$*" = "--quiet is-active asterisk" ] && exit {is_active}\n')
        systemctl.chmod(0o755)
        done = host.shell(command)
        assert (done.returncode, done.stdout) == (0, "")
        assert [device.model.mode for device in devices] == [mode, mode]


def test_migrating_from_a_watchdog_cron_job(host: Host) -> None:
    page = "migrating-from-cron-watchdog.md"
    assert host.run(page, "find").stdout == "no cron job kicks a watchdog\n"
    (host.etc / "cron.d").mkdir()
    (host.etc / "cron.d" / "kick").write_text("* * * * * root pidof asterisk && bnfos --kick -f fos1\n")
    assert host.run(page, "find").stdout == "/etc/cron.d/kick\n"
    assert "run it without --check" in host.run(page, "check").stdout
    configured = host.run(page, "configure")
    assert "create relay-fos1 ocf:xivo:berofos" in configured.stdout
    assert "watchdog=15" in configured.stdout


def test_doctor(host: Host) -> None:
    asked = host.run("doctor.md", "doctor")
    assert asked.stdout.startswith("ERROR: cluster was not checked: ")
    assert "exit status 2" in asked.stdout


def test_rehearsal(host: Host) -> None:
    path = host.folder / "cib.xml"
    shutil.copy(CIBS / "critical--by-default.xml", path)
    asked = host.run("rehearsal.md", "rehearse", CIB_file=str(path))
    assert "relay cannot be started on xivo-1" in asked.stdout
    assert "WRONG: critical" in asked.stdout
    assert "exit status 2" in asked.stdout
