"""The set-up commands of the README, as they stand there, given to the real tools on a configuration of two nodes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from lxml import etree

from .conftest import CHECKOUT, Installed


def example(tool: str) -> str:
    """Return the commands behind a mark <!-- example: TOOL --> in the README."""
    found = re.search(rf"<!-- example: {tool} -->\n```sh\n(.*?)```", (CHECKOUT / "README.md").read_text(), re.DOTALL)
    assert found
    return found.group(1)


@pytest.fixture
def cib(tmp_path: Path) -> Path:
    """A configuration with a telephony resource, for a cluster without fencing and quorum."""
    path = tmp_path / "cib.xml"
    empty = subprocess.run(["cibadmin", "--empty"], capture_output=True, text=True, check=True).stdout
    root = etree.fromstring(empty)
    settled = etree.SubElement(root.find("configuration/crm_config"), "cluster_property_set", id="settled")
    for name, value in (("stonith-enabled", "false"), ("no-quorum-policy", "ignore")):
        etree.SubElement(settled, "nvpair", id=name, name=name, value=value)
    resources = root.find("configuration/resources")
    etree.SubElement(resources, "primitive", {"id": "xivo", "class": "ocf", "provider": "pacemaker", "type": "Dummy"})
    path.write_bytes(etree.tostring(root))
    return path


def judge(cib: Path) -> None:
    """The same configuration has to come out of both tools."""
    root = etree.parse(str(cib)).getroot()
    relay = root.find(".//primitive[@id='relay']")
    assert relay is not None
    given = {pair.get("name"): pair.get("value") for pair in relay.iter("nvpair")}
    assert {"port_b_node": "xivo-1", "port_d_node": "xivo-2", "critical": "false"}.items() <= given.items()
    assert {"failure-timeout": "60s", "migration-threshold": "3", "OCF_CHECK_LEVEL": "10"}.items() <= given.items()
    operations = {(op.get("name"), op.get("interval")): op for op in relay.iter("op")}
    assert operations["monitor", "10s"].get("timeout") == "20s"
    assert operations["monitor", "60s"].get("timeout") == "20s"
    assert next(op for (name, _), op in operations.items() if name == "stop").get("on-fail") == "ignore"
    colocation = root.find(".//rsc_colocation")
    assert colocation is not None
    assert (colocation.get("rsc"), colocation.get("with-rsc")) == ("relay", "xivo"), "the relay follows telephony"
    assert root.find(".//rsc_order") is None, "the lines do not wait for telephony"


@pytest.mark.parametrize("tool", ["crm", "pcs"])
def test_commands(tool: str, installed: Installed, cib: Path) -> None:
    done = installed.run("sh", "-e", "-c", f"cd {cib.parent}\n{example(tool)}", CIB_file=str(cib))
    assert done.returncode == 0, done.stdout
    judge(cib)
