"""What only OCF_CHECK_LEVEL=10 looks at: settings, spans, and on the other node whether it could take over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from berofos_agent.agent import dahdi, node, state, watchdog
from berofos_agent.errors import OutOfTime
from berofos_agent.simulator import Power

from .test_promises import declare
from .world import MACS, World

DAHDI = Path(__file__).parents[2] / "data" / "dahdi"
UP = "Primary D-channel: 3\nStatus: Provisioned, Up, Active\n"
DOWN = "Primary D-channel: 3\nStatus: Provisioned, Down, Active\n"


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    declare(made)
    yield made
    made.close()


# --- validate-all ----------------------------------------------------------------------------------------------


def test_devices_that_are_set_up_are_valid(world: World) -> None:
    assert world.call("validate-all", level=10) == 0
    assert world.reasons == []
    assert world.orders == [], "nothing is written"


@pytest.mark.parametrize(
    ("change", "parameters", "reason"),
    [
        ("cmd=1&rm=0", {}, "fos2: modedef=0, expected 1"),
        ("", {"watchdog": "15"}, "fos1: wdogitime="),
    ],
)
def test_a_setting_that_differs_is_the_reason(
    world: World, change: str, parameters: dict[str, str], reason: str
) -> None:
    if change:
        world.devices["fos2"].write(change)
    assert world.call("validate-all", level=10, **parameters) == 1
    assert world.reasons[0].startswith(reason)
    assert world.call("validate-all", **parameters) == 0, "below level 10 no device is asked"


def test_a_device_that_does_not_answer_over_udp_is_not_valid(world: World) -> None:
    world.devices["fos2"].fault("silent")
    assert world.call("validate-all", level=10) == 1
    assert world.reasons[0].startswith("fos2: no answer from 10.0.0.2")


# --- spans -----------------------------------------------------------------------------------------------------


class Asterisk:
    """What `asterisk -rx 'pri show span N'` prints, by span; and what it was asked."""

    def __init__(self, **says: str) -> None:
        self.says = says
        self.asked: list[str] = []

    def __call__(self, command: Sequence[str], environ: Mapping[str, str], seconds: float) -> str:
        if command[0] != "asterisk":
            return ""
        assert "OCF_RESOURCE_INSTANCE" in environ
        assert 0 < seconds <= node.COMMAND_SECONDS
        self.asked.append(command[-1])
        return self.says.get(f"span{command[-1].rpartition(' ')[2]}", "")


def monitored(world: World, asterisk: Asterisk, **parameters: str) -> int:
    """Start, wait until spans must be up, and monitor at level 10."""
    world.environ[dahdi.FOLDER_VARIABLE] = str(DAHDI)
    world.replaced_by = {(node, "output_of"): asterisk}
    assert world.call("start", **parameters) == 0
    world.advance(dahdi.WAKING_SECONDS + 1)
    return world.call("monitor", level=10, **parameters)


def test_spans_without_an_alarm_are_well_and_asterisk_is_not_asked_without_layer2(world: World) -> None:
    asterisk = Asterisk(span1=DOWN)
    assert monitored(world, asterisk, spans="1") == 0
    assert asterisk.asked == []


def test_a_span_in_alarm_is_the_reason_and_asterisk_is_not_asked(world: World) -> None:
    asterisk = Asterisk(span1=UP)
    assert monitored(world, asterisk, spans="1 2", layer2="yes") == 190
    assert world.reasons == ["span 2 (B4/0/2): alarm RED; check cable and line"]
    assert asterisk.asked == []


def test_a_span_that_is_missing_is_named_with_its_file(world: World) -> None:
    assert monitored(world, Asterisk(), spans="9") == 190
    assert world.reasons == [f"span 9: {DAHDI}/9 is missing; load the driver or correct spans"[:128]]


@pytest.mark.parametrize(
    ("says", "code", "asked"),
    [
        ({"span1": UP, "span3": UP}, 0, ["pri show span 1", "pri show span 3"]),
        ({"span1": UP, "span3": DOWN}, 190, ["pri show span 1", "pri show span 3"]),
        ({"span1": DOWN, "span3": UP}, 190, ["pri show span 1", "pri show span 3"]),
        ({}, 0, ["pri show span 1", "pri show span 3"]),
    ],
    ids=["both-up", "second-down", "first-down", "asterisk-says-nothing"],
)
def test_layer_2_of_each_span_is_asked_for(world: World, says: dict[str, str], code: int, asked: list[str]) -> None:
    asterisk = Asterisk(**says)
    assert monitored(world, asterisk, spans="1 3", layer2="yes") == code
    assert asterisk.asked == asked
    down = [span for span in ("1", "3") if says.get(f"span{span}") == DOWN]
    assert [reason.partition(":")[0] for reason in world.reasons] == [f"span {span}" for span in down]


# --- readiness -------------------------------------------------------------------------------------------------


def readiness(world: World, **parameters: str) -> str:
    """Let the other node look; return the value of its attribute."""
    world.attributes.clear()
    given = {"CRM_meta_role": "Stopped", "CRM_meta_interval": "61000", "CRM_meta_on_node": "xivo-2"}
    assert world.call("monitor", level=10, **given, **parameters) == 7
    assert world.orders == []
    return dict(world.attributes)["relay-ready"]


def test_a_node_that_could_take_over_is_ready(world: World) -> None:
    assert readiness(world) == "yes"
    assert [name for name, _value in world.attributes] == ["relay-config", "relay-ready"]


def test_the_first_fault_is_the_value(world: World) -> None:
    world.devices["fos2"].switch_power(Power.FLASH)
    assert readiness(world) == "fos2: is in flash mode; switch it off and on again"
    world.devices["fos1"].fault("silent")
    assert readiness(world).startswith("fos1: no answer from 10.0.0.1")
    assert readiness(world, port_d_node="xivo-9").startswith("node xivo-2 is neither port_b_node nor port_d_node")


# --- a device that bnfos.conf no longer has ----------------------------------------------------------------------


def test_a_former_device_keeps_its_section_mac_and_address_in_its_name(world: World) -> None:
    assert world.call("start", watchdog="15") == 0
    world.devices["fos1"].fault("silent")
    declare(world, "10.0.0.3", MACS["fos3"])
    world.call("monitor", watchdog="15")
    mac = MACS["fos1"].replace(":", "").lower()
    assert set(state.load(world.state)[0].targets) == {"fos1", "fos2", f"fos1@{mac}@10.0.0.1"}


def test_what_is_undone_after_a_stop_has_time_for_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[float] = []
    monkeypatch.setattr(watchdog, "run_on_all", lambda _devices, _work, end: ends.append(end) or [])

    class Call:
        state = world.state
        syslog_tag = "berofos(relay)"

    call: Any = Call()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watchdog.time, "monotonic", lambda: 100.0)
        watchdog.Watchdog(call, state.State(), [], 15, 107.0).undo()
    assert ends == [100.0 + watchdog.UNDO_SECONDS]


# --- node attributes -------------------------------------------------------------------------------------------


class AttributeDaemon:
    """What attrd_updater prints of the attributes of all nodes."""

    def __init__(self, world: World) -> None:
        self.known: dict[str, dict[str, str]] = {}
        self.cib: set[str] = set()
        self.written_again = 0
        self.asked_for: list[str] = []
        world.replaced_by = {(node, "output_of"): self}

    def __call__(self, command: Sequence[str], environ: Mapping[str, str], seconds: float) -> str:
        assert 0 < seconds < 20
        if command == ["attrd_updater", "-R"]:
            self.written_again += 1
            return ""
        if command[0] == "cibadmin":
            (name,) = [name for name in ("relay-ready", "relay-config", "relay-lines") if name in command[-1]]
            host = "xivo-1" if name == "relay-lines" else "xivo-2"
            assert command[1:] == ["--query", "--xpath", f"//node_state[@uname='{host}']//nvpair[@name='{name}']"]
            return "<nvpair/>" if name in self.cib else ""
        assert command[:4] == ["attrd_updater", "-Q", "-A", "-n"]
        assert "OCF_RESOURCE_INSTANCE" in environ
        assert not [name for name in environ if "CRM_meta" in name], "it would tell of this node only"
        self.asked_for.append(command[4])
        found = self.known.get(command[4], {})
        return "".join(f'name="{command[4]}" host="{host}" value="{value}"\n' for host, value in found.items())


def test_an_attribute_is_set_once_and_written_again_only_if_the_cib_has_lost_it(world: World) -> None:
    daemon = AttributeDaemon(world)
    readiness(world)
    assert daemon.written_again == 0
    daemon.known = {name: {"xivo-2": value} for name, value in world.attributes}
    world.attributes.clear()
    given = {"CRM_meta_role": "Stopped", "CRM_meta_interval": "61000", "CRM_meta_on_node": "xivo-2"}
    assert world.call("monitor", level=10, **given) == 7
    assert world.attributes == []
    assert daemon.written_again == 2
    daemon.cib = {"relay-config", "relay-ready"}
    assert world.call("monitor", level=10, **given) == 7
    assert daemon.written_again == 2, "it would be an event for alerts"


def test_nodes_whose_bnfos_conf_differs_are_named(world: World) -> None:
    daemon = AttributeDaemon(world)
    readiness(world)
    mine = dict(world.attributes)["relay-config"]
    daemon.known["relay-config"] = {"xivo-2": "of-before", "xivo-1": mine, "third": ""}
    assert readiness(world) == "yes"
    daemon.known["relay-config"] = {"xivo-2": mine, "xivo-1": "other", "fourth": "another", "third": ""}
    assert readiness(world) == "bnfos.conf differs in its devices from that on fourth, xivo-1; copy the right one"
    assert "relay-config" not in dict(world.attributes), "it is as it was"


def test_a_node_without_bnfos_conf_has_no_digest_of_it(world: World) -> None:
    daemon = AttributeDaemon(world)
    daemon.known["relay-config"] = {"xivo-2": "of-before", "xivo-1": "other"}
    world.config.unlink()
    assert readiness(world).startswith(f"{world.config} is missing on this node")
    assert dict(world.attributes)["relay-config"] == ""


def test_the_node_with_the_lines_has_a_digest_and_no_readiness(world: World) -> None:
    daemon = AttributeDaemon(world)
    assert world.call("start") == 0
    daemon.known["relay-ready"] = {"xivo-1": "yes", "xivo-2": "yes"}
    assert world.call("monitor") == 0
    assert {name for name, _value in world.attributes} == {"relay-lines"}
    assert world.call("monitor", level=10) == 0
    attributes = dict(world.attributes)
    assert (attributes["relay-lines"], attributes["relay-ready"]) == ("A-B", "")
    assert len(attributes["relay-config"]) == 12


def test_a_position_that_has_just_been_shown_is_not_asked_for(world: World) -> None:
    daemon = AttributeDaemon(world)
    assert world.call("start") == 0
    world.devices["fos1"].fault("silent")
    assert world.call("monitor", level=10) == 190
    assert daemon.asked_for.count("relay-lines") == 0, "it has changed"
    assert world.call("monitor", level=10) == 190
    assert daemon.asked_for.count("relay-lines") == 1
    daemon.known["relay-lines"] = {"xivo-1": dict(world.attributes)["relay-lines"]}
    world.attributes.clear()
    assert world.call("monitor", level=10) == 190
    assert "relay-lines" not in dict(world.attributes), "it is there"


def test_node_attributes_that_cannot_be_shown_in_time_do_not_change_the_answer(world: World) -> None:
    """The alarm that ends an action rings when attrd_updater hangs, and the answer is known by then."""

    def hang(*_: object) -> None:
        raise OutOfTime("action timed out; see syslog")

    assert world.call("start") == 0
    world.replaced_by = {(node, "publish"): hang}
    assert world.call("monitor", level=10) == 0
    assert world.reasons == []


def test_each_command_of_an_attribute_gets_what_is_left_until_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now, given = [100.0], []

    def run(_command: Sequence[str], _environ: Mapping[str, str], seconds: float) -> str:
        given.append(seconds)
        now[0] += 1.5
        return ""

    monkeypatch.setattr(node, "output_of", run)
    monkeypatch.setattr("berofos_agent.agent.node.time.monotonic", lambda: now[0])
    node.publish("relay-ready", "yes", "xivo-1", {}, 102.0)
    assert given == [2.0, 0.5]
