"""berofos report: one archive with everything, without a password, and whole or not at all."""

from __future__ import annotations

import gzip
import os
import re
import stat
import tarfile
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from berofos_agent.history import logs
from berofos_agent.report import parts
from tests.device.conftest import Desk

CIBS = Path(__file__).parents[1] / "data" / "cib"

PLANTED = {
    "bnfos.conf": "0ld=Pass:w#rd",
    "comment": "Comm3nted&out",
    "slip": "Sl1pped-in",
    "passwd": "CIB-p4sswd",
    "password": 'CIB"p4ssword',
    "secret": "CIB-s3cret",
    "community": "CIB-c0mmunity",
    "token": "CIB-t0ken",
    "environment": "Envir0nment",
    "log": "L0gged-only",
    "corosync": "C0rosync+key",
    "other.conf": "0ther-c0nf",
}


class Host:
    """A cluster node with secrets everywhere: stand-ins for the cluster's tools, and logs of its own."""

    def __init__(self, desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.desk, self.folder, self.tools = desk, folder, folder / "tools"
        self.tools.mkdir()
        self.log = folder / "pacemaker.log"
        monkeypatch.setattr(logs, "LOGS", (str(self.log),))
        monkeypatch.setenv("PATH", f"{self.tools}:{os.environ['PATH']}")
        monkeypatch.setenv("FENCE_PASSPHRASE", PLANTED["environment"])
        told = desk.config.read_text().replace("host =", f"login = admin:{PLANTED['bnfos.conf']}\nhost =")
        desk.config.write_text(f"{told}# login = admin:{PLANTED['comment']}\nlgin admin:{PLANTED['slip']} = x\n")
        pairs = "".join(
            f"<nvpair id='f-{name}' name='{name}' value='{PLANTED[name].replace(chr(34), '&quot;')}'/>"
            for name in ("passwd", "password", "secret", "community", "token")
        )
        other = folder / "other.conf"
        other.write_text(f"[fos1]\nlogin = admin:{PLANTED['other.conf']}\n")
        pairs += f"<nvpair value='{other}' id='other' name='config'/>"
        cib = (CIBS / "good-crm.xml").read_text()
        fence = f"<primitive id='f' class='stonith' type='fence_ipmilan'><instance_attributes>{pairs}"
        assert "</resources>" in cib
        self.tool("cibadmin", cib.replace("</resources>", f"{fence}</instance_attributes></primitive></resources>"))
        everything = "\n".join(PLANTED.values()).replace(PLANTED["log"], f"passwd={PLANTED['log']}")
        for name in ("crm_mon", "corosync-cmapctl", "corosync-quorumtool", "corosync-cfgtool", "pacemakerd"):
            self.tool(name, f"{everything}\n{quote(everything)}\ntotem.key (str) = {PLANTED['corosync']}\n")
        self.write_log()

    def tool(self, name: str, output: str) -> None:
        """Let one of the cluster's tools print this, on both outputs."""
        (self.tools / f"{name}.out").write_text(output)
        self.program(name, f"cat {self.tools}/{name}.out\ncat {self.tools}/{name}.out >&2")

    def program(self, name: str, code: str) -> None:
        (self.tools / name).write_text(f"#!/bin/sh\n{code}\n")
        (self.tools / name).chmod(0o755)

    def write_log(self) -> None:
        """Pacemaker logs every change of the CIB."""
        stamp = f"{datetime.now():%b %d %H:%M:%S} xivo-1 pacemaker-based [45] (cib_perform_op) \tinfo: "  # noqa: DTZ005
        secrets = [secret for name, secret in PLANTED.items() if name not in ("corosync", "other.conf")]
        lines = [f"++ /cib:  <nvpair id='x' name='passwd' value='{secret}'/>" for secret in secrets]
        lines += [f"+  /cib/nvpair[@id='f-passwd']:  @value={secret}" for secret in secrets]
        lines += ["Node xivo-2 state is now lost"]
        text = "".join(f"{stamp}{line}\n" for line in lines)
        self.log.write_text(text)
        Path(f"{self.log}.1.gz").write_bytes(gzip.compress(text.encode()))


@pytest.fixture
def host(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(desk, tmp_path, monkeypatch)


def contents(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        assert {member.mode for member in members} == {0o600}
        return {
            member.name.partition("/")[2]: archive.extractfile(member).read().decode()  # type: ignore[union-attr]
            for member in members
        }


def test_no_planted_password_is_in_the_archive_or_on_the_screen(host: Host) -> None:
    path = host.folder / "report.tar.gz"
    ran = host.desk.berofos("report", str(path))
    assert (ran.status, ran.err) == (0, "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = contents(path)
    for name, secret in PLANTED.items():
        for spelling in (secret, quote(secret), quote(secret, safe=""), secret.replace('"', "&quot;")):
            where = [part for part, text in {**told, "screen": ran.out}.items() if spelling in text]
            assert where == [], f"{name}: {spelling}"
    assert "[fos1]" in told["bnfos.conf"]
    assert "name='passwd' value=\"[redacted]\"" in told["cib.xml"]
    assert "Node xivo-2 state is now lost" in told[f"log/{str(host.log).lstrip('/').replace('/', '_')}"]
    assert "ERROR" in told["doctor.txt"] or "WARNING" in told["doctor.txt"]
    assert {"doctor.json", "rehearse.txt", "history.txt", "history.json", "crm_mon.xml", "packages.txt"} <= set(told)
    assert set(told) - {"INDEX"} == set(re.findall(r"^(\S+): ", told["INDEX"], re.M))


def test_a_log_that_is_cut_begins_with_a_whole_line(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of a password that is cut is not recognized."""
    end = b" fence_x: passwd was set\n" + b"corosync is fine\n" * 1000
    monkeypatch.setattr(parts, "LOG_BYTES", 1 << 16)
    host.log.write_bytes(b"corosync\n" * 100_000 + b"passwd=" + b"s3cret" * ((1 << 16) // 6) + end)
    Path(f"{host.log}.1.gz").write_bytes(gzip.compress(host.log.read_bytes()))
    path = host.folder / "report.tar.gz"
    assert host.desk.berofos("report", str(path)).status == 0
    logged = {name: text for name, text in contents(path).items() if "pacemaker.log" in name}
    assert len(logged) == 2
    for text in logged.values():
        assert "s3cret" not in text
        assert text.endswith("corosync is fine\n" * 1000)


def test_what_is_no_regular_file_is_not_replaced(host: Host) -> None:
    """/dev/null as a file of mode 0600 would be the end of many programs."""
    path = host.folder / "null"
    os.mkfifo(path)
    refused = host.desk.berofos("report", "--force", str(path))
    assert (refused.status, stat.S_ISFIFO(path.stat().st_mode)) == (3, True)
    assert refused.err == f"berofos report: {path}: is not a regular file; name one\n"


def test_an_existing_file_stays_unless_it_is_forced(host: Host) -> None:
    path = host.folder / "report.tar.gz"
    path.write_text("precious")
    refused = host.desk.berofos("report", str(path))
    assert (refused.status, path.read_text()) == (3, "precious")
    assert refused.err == f"berofos report: {path}: exists; choose another name or use --force\n"
    assert host.desk.berofos("report", "--force", str(path)).status == 0
    assert "INDEX" in contents(path)


def test_what_cannot_be_written_is_one_line_and_leaves_nothing(host: Host) -> None:
    missing = host.folder / "missing" / "report.tar.gz"
    refused = host.desk.berofos("report", str(missing))
    assert refused.status == 3
    assert refused.err.startswith(f"berofos report: {missing}: cannot be written: No such file or directory")
    assert not list(host.folder.glob("**/.berofos-report*"))


def test_a_part_that_hangs_or_fails_is_a_line_of_the_index(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SECONDS", 1.0)
    host.program("corosync-cmapctl", "exec sleep 600")
    host.program("corosync-quorumtool", "echo it is broken >&2; exit 9")
    path = host.folder / "report.tar.gz"
    assert host.desk.berofos("report", str(path)).status == 0
    index = contents(path)["INDEX"]
    assert "corosync-cmapctl.txt: corosync-cmapctl does not answer within 1 s" in index
    assert "corosync-quorumtool.txt: exit status 9; it is broken" in index
