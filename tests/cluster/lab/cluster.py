"""The recommended configuration on the lab's nodes, what the cluster makes of it, and the way back to a fresh start.

The resources are xivo (a stand-in for telephony) and relay.
"""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass

from .lan import GATEWAY
from .two_nodes import NODES, PENDING, Lab

MONITOR_SECONDS = 3
READINESS_SECONDS = 5
LEVEL_10_SECONDS = 60
TELEPHONY, RELAY, VIP = "xivo", "relay", "vip"
VIP_ADDRESS = "10.42.0.10"
DUMMY = "ocf:pacemaker:Dummy"

WITHOUT_FENCING = f"""\
property stonith-enabled=false
rsc_defaults rsc-options: resource-stickiness=100
primitive {TELEPHONY} {DUMMY} op monitor interval=10s timeout=20s
primitive {RELAY} ocf:xivo:berofos \\
  params port_b_node=xivo-1 port_d_node=xivo-2 \\
  op start timeout=20s interval=0 \\
  op stop timeout=20s interval=0 on-fail=ignore \\
  op monitor interval={MONITOR_SECONDS}s timeout=20s \\
  op monitor interval={LEVEL_10_SECONDS}s timeout=20s OCF_CHECK_LEVEL=10 \\
  op monitor role=Stopped interval={READINESS_SECONDS}s timeout=20s OCF_CHECK_LEVEL=10 \\
  meta critical=false failure-timeout=60s migration-threshold=3
colocation relay-with-xivo inf: {RELAY} {TELEPHONY}
"""
"""For crm configure load."""

WITH_FENCING = (
    "property set stonith-enabled=true priority-fencing-delay=5s",
    "resource defaults update resource-stickiness=100",
    f"resource create {TELEPHONY} {DUMMY} op monitor interval=10s timeout=20s meta priority=10",
    f"resource create {RELAY} ocf:xivo:berofos port_b_node=xivo-1 port_d_node=xivo-2"
    " op start timeout=20s op stop timeout=20s on-fail=ignore"
    f" op monitor interval={MONITOR_SECONDS}s timeout=20s"
    f" op monitor interval={LEVEL_10_SECONDS}s timeout=20s OCF_CHECK_LEVEL=10"
    f" op monitor role=Stopped interval={READINESS_SECONDS}s timeout=20s OCF_CHECK_LEVEL=10"
    " meta critical=false failure-timeout=60s migration-threshold=3",
    f"constraint colocation add {RELAY} with {TELEPHONY} score=INFINITY",
    f"stonith create fencing fence_pdu ip={GATEWAY} pcmk_host_list={','.join(NODES)}",
)
"""For pcs, a command an item."""

SETTLING_SECONDS = 100.0
"""A cleanup that meets the first monitor after a start has Pacemaker 2.1.5 wait for it for 80 s: it lost the result."""


@dataclass(frozen=True)
class Failure:
    """A failed action as crm_mon lists it; a degraded monitor is one too."""

    operation: str
    node: str
    code: int
    reason: str


class Cluster:
    """The resources of a lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        # On a node with a high load Pacemaker runs one action at a time, so the lines would wait for telephony wherever
        # the host does other work as well. It keeps what it thought of the load for 30 s, hence from the beginning.
        self._set_property("load-threshold", "100000%")
        self._blank = self._configuration()
        self._snapshot = self._blank

    # --- configuration -----------------------------------------------------------------------------------------

    def configure(
        self,
        fencing: bool = False,
        telephony: str = DUMMY,
        text: str = WITHOUT_FENCING,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        """Put the recommended configuration into the cluster in place of what is there, and wait for the lines.

        telephony is the agent of the resource xivo; text the configuration without fencing, for crm; properties are
        those of the cluster that differ.
        """
        self._restore_everything()
        # A resource that is deleted while its first monitor runs is waited for as above.
        self.lab.wait_until(self.lab.is_at_rest, SETTLING_SECONDS, "the cluster is at rest")
        self._replace_configuration(self._blank)
        self.lab.wait_until(lambda: not self._anything_runs(), SETTLING_SECONDS, "the old resources are stopped")
        node = self.lab.a_node()
        if fencing:
            for command in WITH_FENCING:
                self.lab.must(node, ["pcs", *command.replace(DUMMY, telephony).split()])
        else:
            self.lab.must(node, "crm configure load update -", stdin=text.replace(DUMMY, telephony))
        for name, value in (properties or {}).items():
            self.set_property(name, value)
        self._snapshot = self._configuration()
        self._bring_home()

    def reset(self) -> None:
        """Go back to a fresh start: both nodes and devices, the configuration, lines on xivo-1."""
        self._restore_everything()
        self.lab.wait_until(self.lab.is_at_rest, SETTLING_SECONDS, "the cluster is at rest")
        # Before the cleanup: what a scenario that failed has left in it would have monitors fail again.
        self._replace_configuration(self._snapshot)
        self.lab.wait_until(self._is_clean, SETTLING_SECONDS, "no failure is listed")
        self._remove_leftover_attributes()
        self._bring_home()

    def set_parameter(self, name: str, value: str, resource: str = RELAY) -> None:
        """Change a parameter of a resource while it runs."""
        self.lab.note(f"an administrator sets {name}={value} of {resource}")
        self.lab.must(
            self.lab.a_node(),
            ["crm_resource", "--resource", resource, "--set-parameter", name, "--parameter-value", value],
        )

    def set_meta(self, name: str, value: str, resource: str = RELAY) -> None:
        """Change a meta attribute of a resource."""
        self.lab.note(f"an administrator sets {name}={value} of {resource}")
        command = [
            "crm_resource",
            "--resource",
            resource,
            "--meta",
            "--set-parameter",
            name,
            "--parameter-value",
            value,
        ]
        self.lab.must(self.lab.a_node(), command)

    def set_property(self, name: str, value: str) -> None:
        """Change a property of the whole cluster."""
        self.lab.note(f"an administrator sets {name}={value}")
        self._set_property(name, value)

    # --- what an administrator does ----------------------------------------------------------------------------

    def move(self, resource: str, node: str) -> float:
        """crm_resource --move; return the moment it began."""
        began = time.monotonic()
        self.lab.note(f"an administrator moves {resource} to {node}")
        self.lab.must(self.lab.a_node(), f"crm_resource --move --resource {resource} --node {node}")
        return began

    def clear(self, resource: str) -> None:
        """Take back what move left in the configuration."""
        self.lab.must(self.lab.a_node(), f"crm_resource --clear --resource {resource}")

    def disable(self, resource: str) -> None:
        """Stop a resource and keep it stopped."""
        self.set_meta("target-role", "Stopped", resource)
        self.lab.wait_until(lambda: self.role(resource) == "Stopped", 20, f"{resource} is stopped")

    def enable(self, resource: str) -> None:
        """Let it start again."""
        self.set_meta("target-role", "Started", resource)

    def standby(self, node: str, on: bool) -> None:
        """Put a node into standby, or back."""
        value = "--update on" if on else "--delete"
        self.lab.must(self.lab.a_node(), f"crm_attribute --node {node} --name standby {value}")
        self.lab.note(f"{node} goes into standby" if on else f"{node} is no longer in standby")

    # --- what is seen ------------------------------------------------------------------------------------------

    def where(self, resource: str, seen_by: str = "") -> str:
        """Return the node a resource is started on, "" if it is on none, both names if it is on two."""
        return " ".join(_started(self.lab.status(seen_by), resource))

    def role(self, resource: str) -> str:
        """Return Started, Stopped, ... as crm_mon tells it."""
        return " ".join(found.get("role", "") for found in self.lab.status().iterfind(f".//resource[@id='{resource}']"))

    def starts(self, resource: str) -> set[tuple[str, str]]:
        """Return node and number of each node's last start: the same again unless it was started in between."""
        return {
            (node.get("name", ""), start.get("call", ""))
            for node in self.lab.status().iterfind("node_history/node")
            for start in node.iterfind(f"resource_history[@id='{resource}']/operation_history[@task='start']")
        }

    def failures(self, resource: str = RELAY) -> list[Failure]:
        """Return the failed actions of a resource."""
        return [
            Failure(
                failure.get("op_key", ""),
                failure.get("node", ""),
                int(failure.get("exitcode", "0")),
                failure.get("exitreason", ""),
            )
            for failure in self.lab.status().iterfind("failures/failure")
            if failure.get("op_key", "").startswith(f"{resource}_")
        ]

    def pending(self) -> dict[str, str]:
        """Return the operation that each resource is busy with just now, such as start.

        A monitor that was cancelled before its first end stays listed; so monitors count where the resource runs.
        """
        status = self.lab.status()
        return {
            history.get("id", ""): operation.get("task", "")
            for node in status.iterfind("node_history/node")
            for history in node.iterfind("resource_history")
            for operation in history.iterfind(f"operation_history[@rc='{PENDING}']")
            if operation.get("task") != "monitor" or node.get("name") in _started(status, history.get("id", ""))
        }

    def is_under_way(self, resource: str, task: str, node: str) -> bool:
        """True while an operation of a resource, such as start, has not ended on a node; see pending."""
        return task in _under_way(self.lab.status(), resource, node)

    def attribute(self, node: str, name: str) -> str:
        """Return a node attribute as crm_mon -A shows it."""
        found = self.lab.status().find(f"node_attributes/node[@name='{node}']/attribute[@name='{name}']")
        return "" if found is None else found.get("value", "")

    def is_home(self, node: str) -> bool:
        """True when telephony, the relay resource and all lines are on a node, and nothing is under way."""
        return (
            set(self.lab.lines().values()) == {node}
            and self.where(TELEPHONY) == node
            and self.where(RELAY) == node
            and not self.pending()
        )

    def wait_for(self, node: str, seconds: float = 15.0) -> float:
        """Wait until everything is on a node."""
        return self.lab.wait_until(
            lambda: self.is_home(node), seconds, f"telephony, the relay resource and all lines are on {node}"
        )

    def wait_for_members(self) -> float:
        """Wait until each node sees all as members."""
        return self.lab.wait_until(
            lambda: all(self.lab.online(name) == set(self.lab.nodes) for name in self.lab.nodes),
            SETTLING_SECONDS,
            "all nodes are online",
        )

    # --- the way back ------------------------------------------------------------------------------------------

    def _restore_everything(self) -> None:
        lab = self.lab
        lab.rejoin_nodes()
        lab.start_quorum_device()
        for device in lab.devices.values():
            device.reset()
        for name in lab.nodes:
            lab.boot(name)
        for name in lab.nodes:
            lab.start_cluster(name)
            for device_name in lab.devices:
                lab.restore(name, device_name)
        self.wait_for_members()

    def _set_property(self, name: str, value: str) -> None:
        self.lab.must(self.lab.a_node(), ["crm_attribute", "--type", "crm_config", "--name", name, "--update", value])

    def _configuration(self) -> str:
        return self.lab.must(self.lab.a_node(), "cibadmin --query --scope configuration")

    def _replace_configuration(self, configuration: str) -> None:
        self.lab.must(self.lab.a_node(), "cibadmin --replace --scope configuration --xml-pipe", stdin=configuration)

    def _is_clean(self) -> bool:
        """Clean up what is listed; True if nothing is.

        Only at rest: Pacemaker 2.1.5 forgets a start that is under way when its resource is cleaned up, and then
        waits for its end for more than a minute.
        """
        if not self.lab.is_at_rest():
            return False
        if self.lab.status().find("failures/failure") is not None:
            self.lab.must(self.lab.a_node(), "crm_resource --cleanup")
            return False
        return True

    def _remove_leftover_attributes(self) -> None:
        """Remove the node attributes of resources that a scene has deleted, as the doctor advises."""
        status = self.lab.status()
        known = {resource.get("id") for resource in status.iterfind(".//resource")}
        for node in status.iterfind("node_attributes/node"):
            for name in [attribute.get("name", "") for attribute in node]:
                resource, _, what = name.rpartition("-")
                if what in ("lines", "ready", "config") and resource not in known:
                    where = node.get("name", "")
                    self.lab.must(self.lab.a_node(), f"attrd_updater --delete --name {name} --node {where}")

    def _anything_runs(self) -> bool:
        return any(True for _ in self.lab.status().iterfind(".//resource[@active='true']"))

    def _bring_home(self) -> None:
        home = NODES[0]
        self.lab.wait_until(lambda: self.where(TELEPHONY), SETTLING_SECONDS, "telephony runs somewhere")
        if self.where(TELEPHONY) != home:
            self.lab.must(self.lab.a_node(), f"crm_resource --move --resource {TELEPHONY} --node {home}")
            self.wait_for(home, SETTLING_SECONDS)
            self.clear(TELEPHONY)
        self.lab.wait_until(
            lambda: self.is_home(home) and self._is_clean(),
            SETTLING_SECONDS,
            f"all is well on {home}",
        )
        self.lab.new_story()


def _started(status: ET.Element, resource: str) -> list[str]:
    # A start that is under way shows as "Starting", but as "Started" while another node's role=Stopped monitor is under
    # way as well (seen with Pacemaker 2.1.5).
    nodes = [node.get("name", "") for node in status.iterfind(f".//resource[@id='{resource}'][@role='Started']/node")]
    return [node for node in nodes if "start" not in _under_way(status, resource, node)]


def _under_way(status: ET.Element, resource: str, node: str) -> list[str]:
    found = f"node_history/node[@name='{node}']/resource_history[@id='{resource}']/operation_history[@rc='{PENDING}']"
    return [operation.get("task", "") for operation in status.iterfind(found)]
