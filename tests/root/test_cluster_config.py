"""What berofos cluster-config prints, applied by crmsh, pcs and cibadmin; the doctor finds nothing wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from berofos_agent.cluster import cib
from berofos_agent.cluster.rehearsal import rehearse
from berofos_agent.cluster.scheduler import Scheduler
from berofos_agent.commands.berofos import main
from berofos_agent.doctor.findings import Facts
from tests.shown import read

from .conftest import Installed

BEFORE = """\
<cib crm_feature_set="3.7.0" validate-with="pacemaker-3.8" admin_epoch="0" epoch="1" num_updates="0">
  <configuration>
    <crm_config>
      <cluster_property_set id="cib-bootstrap-options">
        <nvpair id="delay" name="priority-fencing-delay" value="5s"/>
      </cluster_property_set>
    </crm_config>
    <nodes>
      <node id="1" uname="xivo-1"/>
      <node id="2" uname="xivo-2"/>
    </nodes>
    <resources>
      <primitive id="fencing" class="stonith" type="fence_legacy">
        <instance_attributes id="fencing-params">
          <nvpair id="fencing-hosts" name="pcmk_host_list" value="xivo-1 xivo-2"/>
        </instance_attributes>
      </primitive>
      <primitive id="xivo" class="ocf" provider="pacemaker" type="Dummy">
        <meta_attributes id="xivo-meta">
          <nvpair id="xivo-priority" name="priority" value="10"/>
        </meta_attributes>
      </primitive>
    </resources>
    <constraints/>
  </configuration>
  <status/>
</cib>
"""

APPLY = {
    "crm": "sh",
    "pcs": "sh",
    "xml": "cibadmin --modify --allow-create --scope configuration --xml-pipe",
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "bnfos.conf"
    path.write_text("[fos1]\nhost = 10.34.1.20\n[fos2]\nhost = 10.34.1.21\n")
    return path


@pytest.mark.parametrize("topology", [["--port-d", "xivo-2"], []], ids=["two-nodes", "pbx"])
@pytest.mark.parametrize("tool", APPLY)
def test_the_printed_configuration_is_accepted_and_has_no_findings(
    installed: Installed,
    tmp_path: Path,
    config: Path,
    tool: str,
    topology: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "cib.xml"
    path.write_text(BEFORE)
    argv = [f"--{tool}", "--follow", "xivo", "--port-b", "xivo-1", "--config", str(config), *topology]
    assert main(["cluster-config", *argv]) == 0
    commands = tmp_path / "commands"
    commands.write_text(capsys.readouterr().out)
    applied = installed.run("sh", "-c", f"{APPLY[tool]} < {commands}", CIB_file=str(path))
    assert applied.returncode == 0, applied.stdout
    cluster = cib.read_file(str(path))
    assert len(cluster.relays) == (1 if topology else 2)
    assert read(Facts(cluster)) == []
    rows = rehearse(cluster, Scheduler())
    assert [(row.text, row.violations) for row in rows if row.violations] == []
    assert len(rows) > 20
