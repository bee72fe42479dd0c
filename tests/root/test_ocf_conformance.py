"""The tools that administrators use accept the agent."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lxml import etree

from berofos_agent.agent.parameters import PARAMETERS
from tests.ocf.conftest import AGENT

from .conftest import Installed

OCF_SCHEMA = Path("/usr/share/pcs/data/ocf-1.1.rng")


def test_metadata_follows_the_ocf_1_1_schema() -> None:
    text = subprocess.run([AGENT, "meta-data"], env={}, capture_output=True, text=True, check=True).stdout
    schema = etree.RelaxNG(etree.parse(str(OCF_SCHEMA)))
    schema.assertValid(etree.fromstring(text))


def test_pcs_describes_it(installed: Installed) -> None:
    described = installed.run("pcs", "resource", "describe", "ocf:xivo:berofos", "--full")
    assert described.returncode == 0, described.stdout
    assert "Switches ISDN lines with bero*fos relays" in described.stdout
    for parameter in PARAMETERS:
        assert f"  {parameter.name}" in described.stdout
    assert "port_b_node (required)" in described.stdout


def test_crmsh_describes_it(installed: Installed) -> None:
    described = installed.run("crm", "ra", "info", "ocf:xivo:berofos")
    assert described.returncode == 0, described.stdout
    assert "port_b_node* (string): Node cabled to port B" in described.stdout
    for parameter in PARAMETERS:
        assert f"{parameter.name}" in described.stdout


def test_pacemaker_reads_its_metadata(installed: Installed) -> None:
    shown = installed.run("crm_resource", "--show-metadata", "ocf:xivo:berofos")
    assert shown.returncode == 0, shown.stdout
    assert '<resource-agent name="berofos"' in shown.stdout


def test_pacemaker_lists_it(installed: Installed) -> None:
    listed = installed.run("crm_resource", "--list-agents", "ocf:xivo")
    assert listed.stdout.split() == ["berofos"]
