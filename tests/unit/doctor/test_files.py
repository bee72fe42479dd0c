"""The doctor on bnfos.conf and corosync.conf."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from berofos_agent.cluster import cib
from berofos_agent.doctor import files
from berofos_agent.doctor.checks import examine
from berofos_agent.doctor.findings import Facts

GOOD = """\
[fos1]
mac = 00:19:32:00:12:1D
host = 10.34.1.20
login = admin:uh8Yee!k

[fos2]
mac = 00:19:32:00:12:1E
host = 10.34.1.21
"""


def found(path: Path) -> list[str]:
    return [finding.check.id for finding in examine(Facts(files=[files.read(str(path))]))]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "bnfos.conf"
    path.write_text(GOOD)
    path.chmod(0o600)
    return path


def test_a_good_file_is_clean(config: Path) -> None:
    assert found(config) == []


@pytest.mark.parametrize(
    ("mode", "expected"), [(0o640, []), (0o644, ["readable-config"]), (0o660, ["readable-config"])]
)
def test_passwords_are_for_root_and_who_may_read_with_him(config: Path, mode: int, expected: list[str]) -> None:
    config.chmod(mode)
    assert found(config) == expected


def test_a_section_with_a_mistake_is_named_with_its_line_and_the_others_are_judged(config: Path) -> None:
    config.write_text(GOOD.replace("[fos1]\nmac", "[fos1]\nmca"))
    (finding,) = examine(Facts(files=[files.read(str(config))]))
    assert finding.check.id == "wrong-section"
    assert finding.problem.subject == "fos1"
    assert "unknown key mca" in finding.problem.text
    assert finding.problem.fix == f"edit {config}, line 2, on all nodes"


def test_two_sections_without_an_address_are_not_one_device(config: Path) -> None:
    config.write_text(f"{GOOD}\n[fos3]\nmac = 00:19:32:00:12:1F\n[fos4]\nmac = 00:19:32:00:12:20\n")
    assert found(config) == ["wrong-section", "wrong-section"]


SWITCHERS = {
    "the-hook": ("etc/cron.d/berofos", "* * * * * root xivo-berofos -q --syslog slave\n"),
    "crontab": ("etc/crontab", "0 0 * * * root /usr/bin/berofos switch b\n"),
    "a-users-crontab": ("var/spool/cron/crontabs/root", "* * * * * xivo-berofos master\n"),
    "xivo-before-wazo-22.16": ("usr/sbin/xivo-manage-slave-services", "#!/bin/sh\n# start\nxivo-berofos slave\n"),
    "heartbeat": (
        "etc/systemd/system/multi-user.target.wants/berofos-heartbeat.service",
        "[Service]\nExecStart=/usr/bin/berofos heartbeat $OPTIONS\n",
    ),
}


@pytest.mark.parametrize("name", SWITCHERS)
def test_what_switches_without_a_cluster_is_found(tmp_path: Path, config: Path, name: str) -> None:
    path, text = SWITCHERS[name]
    script = tmp_path / path
    script.parent.mkdir(parents=True)
    script.write_text(text)
    found = files.switchers(str(tmp_path))
    assert found == [str(script)]
    assert examine(Facts(files=[files.read(str(config))], switchers=found)) == []


@pytest.mark.parametrize("text", ["# xivo-berofos master\n", "#!/bin/sh\nservice asterisk start\n", "\0\1"])
def test_a_script_that_does_not_switch_is_none(tmp_path: Path, text: str) -> None:
    for folder in ("etc/cron.d", "usr/sbin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/cron.d/xivo-ha-slave").write_text(text)
    (tmp_path / "usr/sbin/xivo-manage-slave-services").write_text(text)
    os.mkfifo(tmp_path / "etc/cron.d/pipe")
    assert files.switchers(str(tmp_path)) == []


def test_devices_that_nobody_switches_are_a_warning(config: Path) -> None:
    (finding,) = examine(Facts(files=[files.read(str(config))], switchers=[]))
    assert (finding.check.id, finding.check.severity) == ("nobody-switches", 1)
    assert finding.problem.subject == str(config)
    assert examine(Facts(files=[files.read(f"{config}.missing")], switchers=[]))[0].check.id == "no-config"


def test_a_file_without_passwords_may_be_read(config: Path) -> None:
    config.write_text(GOOD.replace("login", "#login"))
    config.chmod(0o644)
    assert found(config) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [("10.34.1.21", "10.34.1.20"), ("00:19:32:00:12:1E", "00-19-32-00-12-1d"), ("10.34.1.21", "10.34.1.20\nport = 80")],
)
def test_two_sections_for_one_device(config: Path, old: str, new: str) -> None:
    config.write_text(GOOD.replace(old, new))
    assert found(config) == ["same-address"]


def test_two_ports_of_one_address_are_two_devices(config: Path) -> None:
    config.write_text(GOOD.replace("10.34.1.21", "10.34.1.20\nport = 8080"))
    assert found(config) == []


@pytest.mark.parametrize("password", ["admin", "foobar", "FOS1"])
def test_a_password_that_is_guessed_first_is_reported_without_telling_it(config: Path, password: str) -> None:
    config.write_text(GOOD.replace("uh8Yee!k", password))
    finding = examine(Facts(files=[files.read(str(config))]))[0]
    assert finding.check.id == "guessable-password"
    assert password not in finding.problem.text.replace("fos1", "")


@pytest.mark.parametrize("text", [None, "", "[fos1]\n", "host = 1\n", "[fos1]\nhost = a b\n"])
def test_a_file_that_cannot_be_used_is_named_once(config: Path, text: str | None) -> None:
    if text is None:
        config.unlink()
    else:
        config.write_text(text)
    (finding,) = examine(Facts(files=[files.read(str(config))]))
    assert (finding.check.id, finding.problem.subject) == ("no-config", str(config))
    assert str(config) not in finding.problem.text


def test_the_fix_for_a_file_that_cannot_be_used_is_one_for_that_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.unlink()
    (finding,) = examine(Facts(files=[files.read(str(config))]))
    assert finding.problem.text == "is missing on this node"
    assert finding.problem.fix == f"bnfos --scan -x --config {config}, or edit {config}"
    config.write_text(GOOD)

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("os.open", refuse)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    (finding,) = examine(Facts(files=[files.read(str(config))]))
    assert (finding.problem.text, finding.problem.fix) == ("cannot be read: Permission denied", "run this as root")


@pytest.mark.parametrize(
    ("text", "decides_by"),
    [
        ("quorum {\n  provider: corosync_votequorum\n  device {\n    model: net\n  }\n}\n", "node id"),
        (
            "quorum {\n  device {\n    heuristics {\n      exec_a: /bin/true\n      mode: sync\n    }\n  }\n}\n",
            "heuristics",
        ),
        (
            "quorum {\n  device {\n    heuristics {\n      mode: off\n      exec_a: /bin/true\n    }\n  }\n}\n",
            "node id",
        ),
        (
            "quorum {\n  device {\n    heuristics {\n      mode: sync\n"
            "      exec_lines: /usr/bin/test -e /run/resource-agents/berofos-relay.state\n    }\n  }\n}\n",
            "the relay",
        ),
        ("quorum {\n  two_node: 1\n}\nlogging {\n}\n", ""),
        ("nodelist {\n  device {\n  }\n}\nquorum {\n}\n", ""),
    ],
)
def test_a_quorum_device_is_seen_in_corosync_conf(tmp_path: Path, text: str, decides_by: str) -> None:
    path = tmp_path / "corosync.conf"
    path.write_text(text)
    assert files.quorum_device(str(path)) == decides_by


@pytest.mark.parametrize(
    ("options", "one_has_quorum"),
    [
        ("", False),
        ("  expected_votes: 2\n", False),
        ("  two_node: 0\n", False),
        ("  # two_node: 1\n", False),
        ("  two_node: 1\n", True),
        ("  expected_votes: 1\n", True),
        ("  device {\n    model: net\n  }\n", True),
    ],
)
def test_two_nodes_need_two_node(tmp_path: Path, options: str, one_has_quorum: bool) -> None:
    path = tmp_path / "corosync.conf"
    path.write_text(f"totem {{\n  version: 2\n}}\nquorum {{\n  provider: corosync_votequorum\n{options}}}\n")
    assert files.one_has_quorum(str(path)) is one_has_quorum
    assert files.one_has_quorum(str(tmp_path / "gone"))


def test_two_nodes_of_which_one_alone_has_no_quorum_are_found() -> None:
    """Seen with crm_simulate --quorum=false: the node that is left stops telephony and the relay."""
    text = (Path(__file__).parents[2] / "data" / "cib" / "good-crm.xml").read_text()
    cluster = cib.parse(text.replace('value="ignore"', 'value="stop"').encode(), "cib.xml")
    (finding,) = examine(Facts(cluster, one_has_quorum=False))
    assert finding.check.id == "no-two-node"
    assert examine(Facts(cluster)) == []
    assert examine(Facts(cib.parse(text.encode(), "cib.xml"), one_has_quorum=False)) == [], "no-quorum-policy=ignore"


def test_no_corosync_conf_no_quorum_device(tmp_path: Path) -> None:
    assert files.quorum_device(str(tmp_path / "corosync.conf")) == ""


def test_how_to_compare_the_file_between_nodes() -> None:
    assert files.how_to_compare("/etc/bnfos.conf", ["xivo-1", "xivo-2"]) == (
        "for node in xivo-1 xivo-2; do ssh $node sha256sum /etc/bnfos.conf; done"
    )
