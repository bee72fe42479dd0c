"""berofos drill: which nodes it goes to; tests/cluster drills on a real cluster."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from berofos_agent.cluster import cib
from berofos_agent.commands.drill import Drill
from berofos_agent.config.bnfosconf import Entry
from berofos_agent.errors import ConfigurationError

CIBS = Path(__file__).parents[2] / "data" / "cib"


def test_short_names_at_the_ports_are_the_nodes_with_full_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the agent and the doctor: port_b_node=xivo-1 is the node xivo-1.example.org."""
    here, there = "xivo-1.example.org", "xivo-2.example.org"
    status = SimpleNamespace(where=lambda *_: [here])
    monkeypatch.setattr("berofos_agent.cluster.status.read", lambda: status)
    monkeypatch.setattr("berofos_agent.config.bnfosconf.read", lambda _path: [Entry("fos1", "127.0.0.1")])
    drill = Drill(cib.read_file(str(CIBS / "good-full-names.xml")), standby=False, seconds=1)
    assert (drill.home, drill.other) == (here, there)
    ((ports, _devices),) = drill.devices
    assert (ports["1"], ports["0"]) == (here, there)


def test_without_its_bnfos_conf_nothing_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would see the lines arrive: both moves were "not everything is on ..." after a minute."""
    status = SimpleNamespace(where=lambda *_: ["xivo-1"])
    monkeypatch.setattr("berofos_agent.cluster.status.read", lambda: status)
    monkeypatch.setattr("berofos_agent.config.bnfosconf.DEFAULT_PATH", "/nonexistent/bnfos.conf")
    with pytest.raises(ConfigurationError, match="/nonexistent/bnfos.conf is missing on this node"):
        Drill(cib.read_file(str(CIBS / "good-crm.xml")), standby=False, seconds=1)
