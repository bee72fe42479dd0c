"""The cluster commands of docs/watchdog.md, given to the real tools on a configuration without a cluster."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lxml import etree

from tests.examples import examples

from .conftest import Installed

PAGE = examples("watchdog.md")


@pytest.fixture
def cib(tmp_path: Path, installed: Installed) -> Path:
    """A configuration with nothing in it but that fencing is settled, and the page's resource for one XiVO."""
    path = tmp_path / "cib.xml"
    root = etree.fromstring(subprocess.run(["cibadmin", "--empty"], capture_output=True, check=True).stdout)
    settled = etree.SubElement(root.find("configuration/crm_config"), "cluster_property_set", id="settled")
    for name, value in (("stonith-enabled", "false"), ("no-quorum-policy", "ignore")):
        etree.SubElement(settled, "nvpair", id=name, name=name, value=value)
    path.write_bytes(etree.tostring(root))
    done = installed.run("sh", "-e", "-c", PAGE["bypass"], CIB_file=str(path))
    assert done.returncode == 0, done.stdout
    return path


def parameters(cib: Path) -> dict[str, str]:
    pairs = etree.parse(str(cib)).findall(".//primitive[@id='relay']/instance_attributes/nvpair")
    return {pair.get("name", ""): pair.get("value", "") for pair in pairs}


def test_one_xivo_in_front_of_a_pbx(cib: Path) -> None:
    assert parameters(cib) == {"port_b_node": "xivo-1", "scenario": "bypass", "watchdog": "15"}


def test_switching_it_on_with_crmsh(cib: Path, installed: Installed) -> None:
    command = PAGE["crm on"].replace("15", "16")
    done = installed.run("sh", "-e", "-c", command, CIB_file=str(cib))
    assert done.returncode == 0, done.stdout
    assert parameters(cib)["watchdog"] == "16"


def test_switching_it_on_with_pcs(cib: Path, installed: Installed) -> None:
    command = PAGE["pcs on"].replace("15", "17").replace("pcs ", f"pcs -f {cib} ")
    done = installed.run("sh", "-e", "-c", command)
    assert done.returncode == 0, done.stdout
    assert parameters(cib)["watchdog"] == "17"
