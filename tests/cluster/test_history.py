"""berofos history on two real nodes: its table against what the lab saw."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.examples import examples, write_commands

from .lab import scenes
from .lab.cluster import TELEPHONY, Cluster
from .lab.processes import TOOL_PATH

CLOCK_SECONDS = 2.0
"""How far the time of a line in a log may be from the relay's own, on a machine that is busy."""
SIGN_SECONDS = 4.0
"""Corosync's token and its consensus take 2.2 s, a monitor comes every 3 s: before that no log can tell."""
SECRETS = ("uh8Yee!k", "former-passwd", "present-passwd")
FROM_OTHER = "/run/xivo-2.json"


@pytest.fixture(scope="module")
def configured(two_nodes: Cluster) -> Cluster:
    two_nodes.configure(fencing=True)
    return two_nodes


class Console:
    """A root shell on a node."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster = cluster
        self._path = TOOL_PATH if cluster.lab.release else f"{write_commands(folder / 'bin')}:{TOOL_PATH}"

    def run(self, node: str, *argv: str) -> str:
        """Run a command that has to succeed; return what it printed."""
        return self._cluster.lab.must(node, ["env", f"PATH={self._path}", *argv])

    def type(self, node: str, name: str) -> str:
        """Type an example of the pages; return what it prints."""
        return self.run(node, "sh", "-e", "-c", {**examples("history.md"), **examples("report.md")}[name])

    def history(self, node: str, since: datetime, *arguments: str) -> dict[str, Any]:
        """Return the history since a moment."""
        told = self.run(node, "berofos", "history", "--json", "--since", since.isoformat(), *arguments)
        return dict(json.loads(told))


def test_a_night_of_events_reads_as_the_lab_saw_it(cluster: Cluster, tmp_path: Path) -> None:
    lab, console = cluster.lab, Console(cluster, tmp_path)
    since, offset = datetime.now().astimezone(), time.time() - time.monotonic()
    fos2 = lab.device("fos2")

    scenes.telephony_moved(cluster, "xivo-2")
    cluster.clear(TELEPHONY)
    by_hand = scenes.relay_moved_by_hand(cluster, "fos1")
    cluster.wait_for("xivo-2")
    fos2.unplug()
    lab.wait_until(lambda: "no answer" in cluster.attribute("xivo-2", "relay-lines"), 30, "the dead device is seen")
    fos2.plug()
    lab.wait_until(lambda: cluster.attribute("xivo-2", "relay-lines") == "A-D", 30, "it is seen again")
    killed = lab.kill("xivo-2")
    cluster.wait_for("xivo-1", seconds=30)
    failover = lab.movements(since=killed)[-1].at - killed
    cluster.wait_for_members()

    other = console.history("xivo-2", since)
    lab.nodes["xivo-1"].put(write(tmp_path / "other.json", json.dumps(other, indent=2)), FROM_OTHER)
    told = console.history("xivo-1", since, "--from", FROM_OTHER)
    assert told["problems"] == []
    switches = [event for event in told["events"] if event["kind"] == "switch"]
    moved = [movement for movement in lab.movements() if movement.cause != "hand"]

    lines = {"xivo-1": "A-B", "xivo-2": "A-D"}
    assert sorted((one["device"], one["after"], one["node"]) for one in switches) == sorted(
        (one.device, lines[one.node], one.node) for one in moved
    )
    assert [one["node"] for one in switches] == [one.node for one in moved]
    for device in ("fos1", "fos2"):
        seen = [one.at + offset for one in moved if one.device == device]
        logged = [datetime.fromisoformat(one["at"]).timestamp() for one in switches if one["device"] == device]
        assert logged == pytest.approx(seen, abs=CLOCK_SECONDS)

    to_xivo_2, back_by_agent, to_xivo_1 = switches[0], switches[2], switches[-1]
    assert to_xivo_2["why"] == "somebody moves xivo to xivo-2"
    assert back_by_agent["why"].startswith("fos1: relay is in position A-B, expected A-D")
    assert back_by_agent["without_seconds"] == pytest.approx(by_hand, abs=SIGN_SECONDS)
    assert to_xivo_1["why"] == "node xivo-2 is lost"
    assert to_xivo_1["without_seconds"] == pytest.approx(failover, abs=SIGN_SECONDS)

    texts = [event["text"] for event in told["events"]]
    in_order = ["somebody moves", "fos1: relay is in", "fos2: no answer", "recovered: fos2", "xivo-2 was fenced"]
    places = [next(at for at, text in enumerate(texts) if words in text) for words in in_order]
    assert places == sorted(places), texts

    for event in told["events"]:
        if event["node"] == "xivo-1" and event.get("line") and event.get("device"):
            line = console.run("xivo-1", "sed", "-n", f"{event['line']}p", event["source"])
            assert event["device"] in line, event

    assert "fos1, fos2: A-D to A-B, start on xivo-1" in console.type("xivo-1", "night")
    console.type("xivo-2", "other")
    lab.nodes["xivo-1"].put(write(tmp_path / "typed.json", lab.must("xivo-2", f"cat {FROM_OTHER}")), FROM_OTHER)
    table = console.type("xivo-1", "both")
    assert "fos1, fos2: A-B to A-D, start on xivo-2" in table
    assert max(map(len, table.splitlines())) <= 80
    alone = console.history("xivo-1", since)
    assert "relay on xivo-2: A-D" in [event["text"] for event in alone["events"]], "of the other node, by its attribute"


def test_a_report_has_everything_but_the_passwords(cluster: Cluster, tmp_path: Path) -> None:
    lab, console = cluster.lab, Console(cluster, tmp_path)
    conf = lab.must("xivo-1", "cat /etc/bnfos.conf")
    for secret in SECRETS[1:]:  # the CIB's change is in Pacemaker's log, also of a password of before
        lab.must("xivo-1", f"crm_resource --resource fencing --set-parameter passwd --parameter-value {secret}")
    lab.nodes["xivo-1"].edit("bnfos.conf", conf.replace("host =", f"login = admin:{SECRETS[0]}\nhost ="), 0o600)
    log = "/var/log/pacemaker/pacemaker.log"
    lab.wait_until(lambda: SECRETS[-1] in lab.must("xivo-1", f"cat {log}"), 20, "Pacemaker logs the change")
    console.type("xivo-1", "report")
    assert "cib.xml: ok" in console.type("xivo-1", "index")
    lab.must("xivo-1", "tar -xzf /run/report.tar.gz -C /run")
    lab.nodes["xivo-1"].edit("bnfos.conf", conf)
    told = lab.must("xivo-1", ["sh", "-c", "find /run/berofos-report-xivo-1 -type f -exec cat {} +"])
    for secret in SECRETS:
        assert secret not in told
    for words in (
        "findings; checked resource relay",
        "relay-lines",
        "votequorum",
        "cib-bootstrap-options",
        "Pacemaker ",
        "Actions: ",
    ):
        assert words in told, words


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
