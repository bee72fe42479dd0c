"""The command that the doctor prints for a fault fixes it: run as printed on the CIBs with planted faults."""

from __future__ import annotations

import shutil
from pathlib import Path
from shlex import quote

import pytest

from berofos_agent.cluster import cib
from berofos_agent.doctor.files import quorum_device
from berofos_agent.doctor.findings import HEURISTICS, NODE_ID, THE_RELAY, Facts
from tests.shown import read

from .conftest import Installed

CIBS = Path(__file__).parents[1] / "data" / "cib"

LEFT_TO_THE_ADMINISTRATOR = ("NODE", "VALUE", "DEVICE", "TELEPHONY")
"""Words in a command that the administrator replaces; ANSWERS has the replacement for each planted fault."""

ANSWERS = {
    "unknown-node--port-b": "xivo-1",
    "unknown-node--port-d": "xivo-2",
    "bad-parameter--word": "keep",
    "bad-parameter--no-port-b": "xivo-1",
    "bad-parameter--one-node-at-both-ports": "xivo-1",
    "shared-device--named": "fos3",
    "not-colocated--at-all": "xivo",
}

BY_HAND = {
    "old-cluster": "the nodes need another Pacemaker",
    "no-relay": "berofos cluster-config needs the topology",
    "no-fencing--no-device": "only the administrator knows the fence device",
    "unfenced-node--not-named": "only the administrator knows the fence device",
    "shared-device--all": "both resources have to name their devices",
    "fallback-with-several--pbx": "the other devices need resources of their own",
    "fallback-with-several--two-nodes": "the other devices need resources of their own",
    "cloned": "crmsh and pcs have a command each",
    "colocated-backwards--group": "crmsh and pcs have a command each",
}
"""Faults that one command cannot fix, and why."""

BAD = sorted(path.stem for path in CIBS.glob("*.xml") if not path.stem.startswith("good-"))


@pytest.mark.parametrize("name", [name for name in BAD if name not in BY_HAND])
def test_the_printed_command_fixes_the_fault(installed: Installed, tmp_path: Path, name: str) -> None:
    path = tmp_path / "cib.xml"
    shutil.copy(CIBS / f"{name}.xml", path)
    for finding in read(Facts(cib.read_file(str(path)))):
        command = finding.problem.fix
        for word in LEFT_TO_THE_ADMINISTRATOR:
            command = command.replace(word, ANSWERS.get(name, word))
        done = installed.run("sh", "-e", "-c", command, CIB_file=str(path))
        assert done.returncode == 0, f"{command}\n{done.stdout}"
    assert read(Facts(cib.read_file(str(path)))) == []


@pytest.mark.parametrize(
    "command",
    ["pcs -f {cib} resource unclone relay", "crm resource unmanage relay-clone && crm configure delete relay-clone"],
)
def test_crmsh_and_pcs_both_remove_a_clone(installed: Installed, tmp_path: Path, command: str) -> None:
    path = tmp_path / "cib.xml"
    shutil.copy(CIBS / "cloned.xml", path)
    done = installed.run("sh", "-c", command.format(cib=path), CIB_file=str(path))
    assert done.returncode == 0, done.stdout
    assert not cib.read_file(str(path)).relays[0].cloned_by


@pytest.mark.parametrize(
    "command",
    ["pcs -f {cib} resource group remove telephony relay", "crm configure modgroup telephony remove relay"],
)
def test_crmsh_and_pcs_both_remove_a_relay_from_a_group(installed: Installed, tmp_path: Path, command: str) -> None:
    path = tmp_path / "cib.xml"
    shutil.copy(CIBS / "colocated-backwards--group.xml", path)
    done = installed.run("sh", "-c", command.format(cib=path), CIB_file=str(path))
    assert done.returncode == 0, done.stdout
    assert not cib.read_file(str(path)).relays[0].group


QUORUM_DEVICE = """\
quorum {
    provider: corosync_votequorum
    device {
        model: net
        net {
            host: third
            algorithm: ffsplit
        }
        HEURISTICS
    }
}
"""


@pytest.mark.parametrize(
    ("heuristics", "decides_by"),
    [
        ("", NODE_ID),
        (
            "heuristics {\nmode: on\nexec_lines: /usr/bin/test -e /run/resource-agents/berofos-relay.state\n}",
            THE_RELAY,
        ),
    ],
)
def test_the_printed_heuristics_ask_for_telephony(
    installed: Installed, tmp_path: Path, heuristics: str, decides_by: str
) -> None:
    path = tmp_path / "corosync.conf"
    path.write_text(QUORUM_DEVICE.replace("HEURISTICS", heuristics))
    assert quorum_device(str(path)) == decides_by
    text = (CIBS / "fencing-without-delay--none.xml").read_bytes()
    units = text.replace(b'class="ocf" provider="pacemaker" type="Dummy"', b'class="systemd" type="asterisk"')
    (finding,) = read(Facts(cib.parse(units, "cib"), quorum_device=decides_by))
    commands, _ = finding.problem.fix.split("; without pcs: ")
    done = installed.run("sh", "-ec", commands.replace("pcs ", f"pcs --corosync_conf={quote(str(path))} "))
    assert done.returncode == 0, done.stdout
    assert quorum_device(str(path)) == HEURISTICS
    assert "exec_telephony: /usr/bin/systemctl is-active --quiet asterisk" in path.read_text()
