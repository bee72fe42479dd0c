"""The watchdog in its less usual moments: intervals, MACs, name servers, former devices, and what is logged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from berofos_agent.agent import actions, node, ocf, state, targets, watchdog
from berofos_agent.agent.state import State, Target
from berofos_agent.config.bnfosconf import Entry, Login
from berofos_agent.device import resolver
from berofos_agent.device.device import Device
from berofos_agent.device.reading import Reading
from berofos_agent.errors import DidNotFollow

from .test_promises import armed, declare, modes, nothing_is_left
from .world import World

MAC = bytes.fromhex("00193200121d")


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    declare(made)
    yield made
    made.close()


def loaded(world: World) -> State:
    return state.load(world.state)[0]


# --- intervals -------------------------------------------------------------------------------------------------


def test_a_device_that_is_silent_keeps_the_interval_that_it_was_armed_with(world: World) -> None:
    assert world.call("start", watchdog="60") == 0
    world.devices["fos1"].fault("silent")
    assert world.call("monitor", watchdog="15") == 190
    assert {name: one.interval for name, one in loaded(world).targets.items()} == {"fos1": 60, "fos2": 15}
    assert loaded(world).interval == 15, "all are kicked often enough for the shortest"


def test_a_device_that_takes_no_longer_interval_is_kicked_by_its_own(world: World) -> None:
    assert world.call("start", watchdog="60") == 0

    def refuse(device: Device, *_rest: object) -> Mapping[str, str]:
        raise DidNotFollow(device.name, "wdogitime=60, expected 120")

    world.replaced_by = {(watchdog, "write_armed"): refuse}
    assert world.call("monitor", watchdog="120") == 190
    assert world.reasons == ["watchdog not armed: fos1: wdogitime=60, expected 120; switch it off and on"]
    on = [name for name, one in loaded(world).targets.items() if one.interval == 60]
    assert on == ["fos1", "fos2"]
    assert loaded(world).interval == 60


def test_the_http_port_of_a_section_is_kept_for_the_time_when_it_is_gone(world: World) -> None:
    text = world.config.read_text()
    world.config.write_text(text.replace("[fos2]", "port = 8080\n[fos2]"))
    assert world.call("start", watchdog="15") == 0
    assert [one.port for one in loaded(world).targets.values()] == [8080, 80]


# --- MACs and names ----------------------------------------------------------------------------------------------


def test_a_mac_that_is_known_is_not_asked_for_again(world: World) -> None:
    declare(world, mac1="")
    assert world.call("start", watchdog="15") == 0
    before = world.devices["fos1"].requests["scan"]
    assert before
    assert world.call("monitor", watchdog="15") == 0
    assert world.devices["fos1"].requests["scan"] == before
    assert armed(world) == ["1", "1", "0"]


def no_such_name(*_args: object) -> tuple[str, int]:
    raise OSError(-2, "Name or service not known")


def test_without_the_name_server_what_is_kicked_is_kicked_on(world: World) -> None:
    assert world.call("start", watchdog="15") == 0
    before = loaded(world).targets
    world.replaced_by = {(resolver, "resolve"): no_such_name}
    assert world.call("monitor", watchdog="15") == 0
    assert loaded(world).targets == before
    world.advance(60)
    assert modes(world) == ["1", "1", "1"]


def test_without_the_name_server_a_new_device_is_not_armed_and_says_why(world: World) -> None:
    world.replaced_by = {(resolver, "resolve"): no_such_name}
    assert world.call("start", watchdog="15") == 0
    assert armed(world) == ["0", "0", "0"]
    assert (
        "warning: watchdog not armed: fos1: 10.0.0.1: Name or service not known; check power and network (also fos2)"
        in (world.log)
    )


def test_a_device_that_answers_us_and_not_the_kick_daemon_is_not_armed(world: World) -> None:
    began = world.now
    world.replaced_by = {(watchdog.Watchdog, "_is_kicked"): lambda *_args: False}
    assert world.call("start", watchdog="15") == 0
    assert armed(world) == ["0", "0", "0"]
    reason = "watchdog not armed: fos1: 10.0.0.1 does not answer the kick daemon; check the firewall (also fos2)"
    assert f"warning: {reason}" in world.log
    assert watchdog.ANSWER_SECONDS <= (world.now - began) / 2 < watchdog.ANSWER_SECONDS + 0.5, (
        "of each, one by one here"
    )


# --- a former device ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logins", "name", "login"),
    [
        ({"fos1": "a", "fos2": "b"}, "fos2@00193200121d@10.0.0.9", "b"),
        ({"fos1": "a", "fos2": "b"}, "fos7", "a"),
        ({"fos1": None}, "fos7", None),
    ],
)
def test_a_former_device_is_asked_with_the_login_of_its_section_or_of_another(
    logins: dict[str, str | None], name: str, login: str | None
) -> None:
    entries = [Entry(one, "10.0.0.1", None, Login("admin", word) if word else None) for one, word in logins.items()]
    target = Target(f"10.0.0.9:50123:47424c040b{MAC.hex()}0062", 15, 8080)
    found = targets.former_device(name, target, [Device(entry, 1) for entry in entries]).entry
    assert (found.name, found.host, found.mac, found.port) == (name.partition("@")[0], "10.0.0.9", MAC, 8080)
    assert (found.login.password if found.login else None) == login


# --- reload ------------------------------------------------------------------------------------------------------


def test_a_reload_logs_what_is_wrong_and_answers_success(world: World) -> None:
    assert world.call("start", watchdog="15") == 0
    world.log.clear()
    assert world.call("reload-agent", watchdog="15") == 0
    assert world.log == []
    assert world.call("reload-agent", watchdog="abc") == 0
    assert re.fullmatch("reload-agent: .*watchdog=abc.*; correct it, the next monitor fails", world.log.pop())
    world.config.unlink()
    assert world.call("reload-agent", watchdog="15") == 0
    assert re.fullmatch(
        f"reload-agent: {world.config} is missing on this node.*; the next monitor tries again", world.log.pop()
    )


def test_a_reload_before_a_start_does_nothing(world: World) -> None:
    assert world.call("reload-agent", watchdog="15") == 0
    assert world.log == []
    assert nothing_is_left(world)


# --- start and stop ----------------------------------------------------------------------------------------------


def test_a_start_with_watchdog_0_kicks_on_what_does_not_take_that(world: World) -> None:
    assert world.call("start", watchdog="15") == 0

    def refuse(device: Device, *_rest: object) -> Mapping[str, str]:
        raise DidNotFollow(device.name, "wdog=1, expected 0")

    world.replaced_by = {(watchdog, "disarm"): refuse}
    assert world.call("start", watchdog="0") == 0
    reason = "watchdog still on: fos1: wdog=1, expected 0; switch it off and on (also fos2)"
    assert loaded(world).conditions["watchdog"] == reason
    assert len(world.kicked()) == 2


def test_a_start_that_went_well_has_nothing_to_warn_of(world: World) -> None:
    assert world.call("start", watchdog="15") == 0
    assert set(loaded(world).conditions.values()) == {""}
    assert world.attributes[-1] == ("relay-lines", "A-B")


def test_a_stop_removes_the_attribute_in_time_and_with_the_clusters_environment(world: World) -> None:
    assert world.call("start") == 0
    removed: list[tuple[str, str]] = []
    tags: list[str] = []

    def set_attribute(name: str, value: str, environ: Mapping[str, str], seconds: float) -> None:
        assert environ["OCF_RESOURCE_INSTANCE"] == "relay"
        assert 0 < seconds <= 8
        removed.append((name, value))

    world.replaced_by = {(node, "set_attribute"): set_attribute, (ocf, "open_syslog"): tags.append}
    assert world.call("stop", on_stop="fallback") == 0
    assert removed == [("relay-lines", "")]
    assert tags == ["berofos(relay)"]
    assert [line.partition(", ")[0] for line in world.log[-2:]] == [
        f"{name}: switched from A-B to A-D: stop" for name in ("fos1", "fos2")
    ]
    assert all(", on_stop=fallback, " in line for line in world.log[-2:])


@pytest.mark.parametrize(("stuck", "seen"), [(["fos2"], "A-B/A-D"), (["fos1", "fos2"], "A-D")])
def test_a_start_that_a_stuck_relay_fails_shows_where_its_lines_are(world: World, stuck: list[str], seen: str) -> None:
    for device in world.devices.values():
        device.move_by_hand("0")
    for name in stuck:
        world.devices[name].fault("stuck")
    assert world.call("start") == 1
    assert world.attributes[-1] == ("relay-lines", seen)


def test_after_a_failure_the_attribute_has_the_time_and_the_reason(world: World) -> None:
    assert world.call("start") == 0
    world.devices["fos1"].move_by_hand("0")
    assert world.call("monitor") != 0
    assert world.call("stop") == 0
    name, value = world.attributes[-1]
    assert name == "relay-lines"
    assert re.fullmatch(
        r"A-B/A-D \(last seen \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\); monitor failed: fos1: relay is in position .*", value
    )


def test_a_stop_logs_a_wrong_parameter_and_the_device_that_stays_armed(world: World) -> None:
    assert world.call("start", watchdog="15") == 0
    world.devices["fos1"].fault("status", "500")
    world.log.clear()
    assert world.call("stop", watchdog="abc") == 0
    told = [line for line in world.log if line.startswith("stop: ")]
    assert len(told) == 2, world.log
    assert "watchdog=abc" in told[0]
    assert "fos1: " in told[1]
    assert armed(world) == ["1", "0", "0"]


# --- what a device says that is no interval ----------------------------------------------------------------------


@pytest.mark.parametrize("said", ["abc", "15.0", "0", "99999", "", "\u00b2"])
def test_an_interval_that_makes_no_sense_counts_as_the_one_that_was_set(world: World, said: str) -> None:
    assert world.call("start", watchdog="15") == 0
    real = actions._read_all

    def read(*args: Any) -> Any:
        return [Reading(one.device, {**one.settings, "wdogitime": said}, one.failure) for one in real(*args)]

    world.replaced_by = {(actions, "_read_all"): read}
    assert world.call("monitor", watchdog="15") in (0, 190)
    assert {one.interval for one in loaded(world).targets.values()} == {15}
    assert loaded(world).interval == 15
    world.replaced_by = {}
    assert world.call("monitor", watchdog="15") == 0


def test_a_watchdog_that_was_switched_off_by_the_parameter_has_no_trouble_any_more(world: World) -> None:
    world.devices["fos2"].fault("refuse-kick")
    assert world.call("start", watchdog="15") == 0
    assert loaded(world).conditions["watchdog"].startswith("watchdog not armed: fos2: ")
    assert world.call("monitor", watchdog="15") == 190
    assert world.call("reload-agent", watchdog="0") == 0
    assert world.call("monitor", watchdog="0") == 0
    assert not any(loaded(world).conditions.values()), loaded(world).conditions
    assert dict(world.attributes)["relay-lines"] == "A-B"
