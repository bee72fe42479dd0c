"""What the state machine and the review found, each as a story; a start that fails half-way leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from berofos_agent.agent import actions, showing, state, watchdog
from berofos_agent.errors import DidNotFollow, KickDaemonError
from berofos_agent.simulator import Power
from berofos_agent.watchdog import process

from .world import MACS, World


@pytest.fixture
def world() -> Iterator[World]:
    """fos1 and fos2 in bnfos.conf, fos3 not; a watchdog of 15 s."""
    made = World()
    made.parameters["watchdog"] = "15"
    declare(made)
    yield made
    made.close()


def declare(world: World, host1: str = "10.0.0.1", mac1: str = MACS["fos1"]) -> None:
    mac = f"mac = {mac1}\n" if mac1 else ""
    world.config.write_text(f"[fos1]\nhost = {host1}\n{mac}[fos2]\nhost = 10.0.0.2\nmac = {MACS['fos2']}\n")


def armed(world: World) -> list[str]:
    return [device.state()["watchdog"] for device in world.devices.values()]


def modes(world: World) -> list[str]:
    return [device.mode for device in world.devices.values()]


def nothing_is_left(world: World) -> bool:
    return not world.daemon and armed(world) == ["0", "0", "0"]


# --- a start that fails half-way -------------------------------------------------------------------------------


def test_a_device_that_refuses_its_watchdog_settings_keeps_no_other_from_being_armed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed start would be stopped, and with a PBX that moves the lines of all devices away."""
    own = watchdog.write_armed

    def write_armed(device: Any, *rest: Any) -> Any:
        if device.name == "fos2":
            raise DidNotFollow("fos2", "wdogitime=60, expected 15")
        return own(device, *rest)

    monkeypatch.setattr(watchdog, "write_armed", write_armed)
    assert world.call("start") == 0
    assert armed(world) == ["1", "0", "0"]
    assert world.call("monitor") == 190
    assert world.reasons == ["watchdog not armed: fos2: wdogitime=60, expected 15; switch it off and on"]
    assert modes(world)[:2] == ["1", "1"]


def test_a_kick_daemon_that_does_not_start_leaves_nothing_armed_and_the_lines_in_position(world: World) -> None:
    """A failed start would be stopped, which may move the lines away again: for want of a watchdog."""
    world.devices["fos1"].write("cmd=6&wen=1")

    def launch(*_args: object) -> None:
        raise KickDaemonError("the kick daemon cannot be started: no memory")

    world.replaced_by = {(process, "launch"): launch}
    assert world.call("start") == 0
    assert world.log[-1] == "warning: the kick daemon cannot be started: no memory"
    assert nothing_is_left(world)
    assert world.call("monitor") == 190
    assert world.reasons == ["the kick daemon cannot be started: no memory"]
    world.replaced_by = {}
    assert world.call("monitor") == 0
    assert armed(world) == ["1", "1", "0"]


def test_a_relay_that_leaves_its_position_while_it_is_armed_fails_the_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = watchdog.write_armed

    def write_armed(device: Any, *rest: Any) -> Any:
        world.devices[device.name].move_by_hand("0")
        return own(device, *rest)

    monkeypatch.setattr(watchdog, "write_armed", write_armed)
    assert world.call("start") == 1
    assert world.reasons == ["fos1, fos2: relay is in position A-D, expected A-B; find out who moved it"]
    assert nothing_is_left(world)


# --- what changes while it runs --------------------------------------------------------------------------------


def test_a_host_name_that_means_another_address_is_followed(world: World) -> None:
    world.names["fos1.example.org"] = "10.0.0.1"
    declare(world, "fos1.example.org", "")
    assert world.call("start") == 0
    world.devices["fos1"].switch_power(Power.OFF)
    world.names["fos1.example.org"] = "10.0.0.3"
    assert world.call("monitor") == 0
    assert ("10.0.0.3", MACS["fos3"].replace(":", "").lower()) in world.kicked()
    assert armed(world)[1:] == ["1", "1"]
    world.advance(100)
    assert modes(world)[1:] == ["1", "1"]


def test_a_former_device_that_is_off_is_given_up_after_its_interval(world: World) -> None:
    assert world.call("start") == 0
    world.devices["fos1"].switch_power(Power.OFF)
    declare(world, "10.0.0.3", MACS["fos3"])
    assert world.call("monitor") == 0
    assert len(world.kicked()) == 3
    world.advance(20)
    assert world.call("monitor") == 0
    assert len(world.kicked()) == 2


def test_a_section_that_means_another_device_just_before_a_stop_leaves_the_former_disarmed(world: World) -> None:
    assert world.call("start") == 0
    declare(world, "10.0.0.3", MACS["fos3"])
    assert world.call("stop") == 0
    assert nothing_is_left(world)


def test_what_a_killed_start_left_goes_with_the_stop(world: World) -> None:
    for effect in range(1, 15):
        world.call("start", crash_at=effect)
        assert world.call("stop") == 0
        assert list((world.folder / "run").iterdir()) == []
        assert nothing_is_left(world), f"killed at effect {effect}"


def test_a_restart_keeps_the_kick_daemon_until_a_new_one_is_ready(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While fos2 does not answer, which takes seconds, fos1 would fall."""
    assert world.call("start") == 0
    first = world.daemon
    world.devices["fos2"].fault("silent")
    own, kicking = watchdog.Watchdog.start, []

    def start(self: watchdog.Watchdog, in_position: Any) -> Any:
        kicking.append(world.daemon)
        return own(self, in_position)

    monkeypatch.setattr(watchdog.Watchdog, "start", start)
    world.replaced_by = {(process, "end"): lambda _state: pytest.fail("nobody kicks")}
    assert world.call("start") == 0
    assert kicking == [first], "relays have been switched by now"
    assert world.daemon not in (None, first)


def test_a_shorter_and_a_longer_interval_are_kicked_in_time(world: World) -> None:
    assert world.call("start") == 0
    for interval in ("3", "60", "6"):
        assert world.call("reload-agent", watchdog=interval) == 0
        assert world.daemon
        assert world.daemon.seconds == int(interval) / 3
        world.advance(200)
        assert modes(world) == ["1", "1", "1"]
    assert armed(world) == ["1", "1", "0"]


def test_the_lines_stay_through_every_action_and_every_kill_of_one(world: World) -> None:
    """A restart, a reload or a monitor that is killed anywhere leaves devices that are kicked, or disarmed, or both."""
    assert world.call("start") == 0
    for action in ("start", "monitor", "reload-agent"):
        for effect in range(1, 10):
            world.call(action, crash_at=effect)
            world.advance(4)
            assert world.call("monitor") in (0, 190)
            world.advance(30)
            assert modes(world)[:2] == ["1", "1"], f"{action} killed at effect {effect}"


def test_a_device_whose_kicks_are_not_answered_is_disarmed_and_keeps_its_lines(world: World) -> None:
    assert world.call("start") == 0
    world.devices["fos2"].fault("refuse-kick")
    world.advance(10)
    assert world.call("monitor") == 190
    assert "kicks not answered" in world.reasons[0]
    assert armed(world) == ["1", "0", "0"]
    world.advance(100)
    assert modes(world) == ["1", "1", "1"]
    world.devices["fos2"].clear_faults()
    assert world.call("monitor") == 0
    assert armed(world) == ["1", "1", "0"]


@pytest.mark.parametrize("action", ["start", "monitor", "reload-agent"])
def test_what_a_late_action_armed_it_disarms_when_the_resource_was_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """The stop comes between the order to arm and what the action does next."""
    assert world.call("start") == 0
    world.devices["fos1"].write("cmd=6&wen=0")
    own = watchdog.write_armed

    def write_armed(device: Any, *rest: Any) -> Any:
        settings = own(device, *rest)
        Path(world.state).unlink(missing_ok=True)
        return settings

    monkeypatch.setattr(watchdog, "write_armed", write_armed)
    assert world.call(action) == {"start": 1, "monitor": 7, "reload-agent": 0}[action]
    assert not Path(world.state).exists()
    assert not world.daemon
    assert armed(world)[0] == "0"


@pytest.mark.parametrize("action", ["monitor", "reload-agent"])
@pytest.mark.parametrize("interval", ["0", "15"])
def test_an_action_that_waited_for_a_stop_does_not_write_the_state_back(
    world: World, monkeypatch: pytest.MonkeyPatch, action: str, interval: str
) -> None:
    """Found with processes: the state file was there when the action began, and gone when it had the lock."""
    assert world.call("start", watchdog=interval) == 0
    own = state.locked

    @contextlib.contextmanager
    def locked(path: str, seconds: float) -> Iterator[None]:
        with own(path, seconds):
            Path(world.state).unlink(missing_ok=True)
            world.kill_daemon(tidy=True)
            yield

    monkeypatch.setattr(state, "locked", locked)
    assert world.call(action, watchdog=interval) == {"monitor": 7, "reload-agent": 0}[action]
    assert list((world.folder / "run").iterdir()) == []
    assert not world.daemon


def test_reload_to_0_ends_the_kick_daemon(world: World) -> None:
    assert world.call("start") == 0
    assert world.call("reload-agent", watchdog="0") == 0
    assert nothing_is_left(world)


def test_reload_to_0_clears_the_failure_of_a_watchdog_that_we_armed(world: World) -> None:
    assert world.call("start") == 0
    world.kill_daemon()
    world.advance(100)
    assert armed(world) == ["2", "2", "0"]
    assert world.call("reload-agent", watchdog="0") == 0
    assert nothing_is_left(world)


def test_a_failure_that_somebody_else_armed_is_left_to_them(world: World) -> None:
    world.devices["fos2"].write("cmd=6&wen=1")
    world.advance(100)
    world.devices["fos2"].move_by_hand("1")
    assert world.call("start", devices="fos1") == 0
    assert world.call("monitor", watchdog="0") == 0
    assert armed(world) == ["0", "2", "0"]


def test_after_damage_every_device_is_asked_until_all_have_answered(world: World) -> None:
    assert world.call("start") == 0
    Path(world.state).write_bytes(b"{")
    world.devices["fos2"].fault("silent")
    assert world.call("monitor", watchdog="0") == 190
    assert armed(world) == ["0", "1", "0"]
    assert state.load(world.state)[0].unsure is True
    world.devices["fos2"].clear_faults()
    assert world.call("monitor", watchdog="0") == 0
    assert nothing_is_left(world)
    assert state.load(world.state)[0].unsure is False


def test_a_watchdog_that_cannot_be_switched_off_is_the_reason_and_is_kicked_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.call("start") == 0
    own = watchdog.disarm

    def disarm(device: Any, deadline: float) -> Any:
        if device.name == "fos2":
            raise DidNotFollow("fos2", "wdog=1, expected 0")
        return own(device, deadline)

    monkeypatch.setattr(watchdog, "disarm", disarm)
    assert world.call("monitor", watchdog="0") == 190
    assert world.reasons == ["watchdog still on: fos2: wdog=1, expected 0; switch it off and on"]
    assert armed(world) == ["0", "1", "0"]
    world.advance(100)
    assert modes(world) == ["1", "1", "1"]


def test_on_stop_fallback_moves_the_relay_after_the_watchdog_is_off(world: World) -> None:
    assert world.call("start") == 0
    assert world.call("stop", on_stop="keep") == 0
    assert modes(world) == ["1", "1", "1"]
    assert world.call("start") == 0
    assert world.call("stop", on_stop="fallback") == 0
    assert modes(world) == ["0", "0", "1"]
    assert nothing_is_left(world)


def test_a_device_without_a_known_mac_is_not_armed_and_says_why(world: World) -> None:
    declare(world, mac1="")
    world.devices["fos1"].fault("not-berofos")
    world.devices["fos2"].fault("refuse-kick")
    assert world.call("start") == 1, "it is not a bero*fos over HTTP either"
    world.devices["fos1"].clear_faults()
    world.devices["fos1"].fault("wrong-mac", "00:19:32:00:12:AA")
    assert world.call("start") == 0
    assert armed(world) == ["0", "0", "0"]
    warning = next(line for line in world.log if "watchdog not armed" in line)
    assert warning.startswith("warning: watchdog not armed: fos1: no answer from 10.0.0.1")
    assert "(also fos2)" in warning


def test_a_reason_behind_the_one_that_is_answered_is_logged_and_shown_as_well(world: World) -> None:
    assert world.call("start") == 0
    world.devices["fos1"].write("cmd=6&wen=0")
    world.devices["fos1"].fault("refuse-kick")
    world.devices["fos2"].fault("silent")
    world.log.clear()
    assert world.call("monitor") == 190
    assert world.reasons[0].startswith("fos2: no answer")
    refused = [line for line in world.log if "refused the kick" in line]
    assert len(refused) == 1
    assert "fos1: 10.0.0.1 refused the kick" in world.attributes[-1][1]
    world.log.clear()
    assert world.call("monitor") == 190
    assert world.log == [], "nothing has changed"
    for device in world.devices.values():
        device.clear_faults()
    assert world.call("monitor") == 0
    assert sum(line.startswith("recovered: ") for line in world.log) == 2


def test_a_reload_arms_no_device_on_the_word_of_a_kick_daemon_that_hangs(world: World) -> None:
    """Found by the soak: start killed before it armed, daemon frozen, reload-agent; its report still said "kicked"."""
    world.call("start", crash_at=4, watchdog="15")
    assert world.daemon
    assert armed(world) == ["0", "0", "0"], "the test does not test"
    world.daemon.frozen = True
    world.advance(10)
    assert world.call("reload-agent", watchdog="15") == 0
    assert armed(world) == ["1", "1", "0"]
    assert not world.daemon.frozen, "a daemon that hangs is replaced first"


def test_a_section_that_means_another_device_is_kicked_by_that_ones_mac_within_one_monitor(world: World) -> None:
    """Found by the soak: without a MAC in bnfos.conf, that of the device before was kicked at the new address."""
    declare(world, "10.0.0.3", "")
    assert world.call("start", watchdog="15") == 0
    world.devices["fos1"].write("cmd=6&wen=1")
    declare(world, "10.0.0.1", "")
    world.call("monitor", watchdog="15")
    assert armed(world)[:2] == ["1", "1"]
    assert (MACS["fos1"].replace(":", "").lower()) in {mac for _address, mac in world.kicked()}


def test_a_start_after_a_stop_that_was_killed_switches_off_what_it_left_armed(world: World) -> None:
    """Found by the soak: the state file was gone, the kick daemon was not, and the parameter was 0 by then."""
    assert world.call("start", watchdog="15") == 0
    world.call("stop", crash_at=2, watchdog="15")
    assert world.daemon
    assert not os.path.exists(world.state)
    assert world.call("start", watchdog="0") == 0
    assert nothing_is_left(world)


# --- one line of code each -------------------------------------------------------------------------------------


def cannot_start(*_args: object) -> None:
    raise KickDaemonError("the kick daemon cannot be started: no memory")


def test_a_kick_daemon_that_cannot_be_restarted_is_named_once(world: World) -> None:
    assert world.call("start") == 0
    world.kill_daemon()
    world.devices["fos1"].write("cmd=6&wen=0")  # it has to be armed again, for which a daemon is started, too
    world.log.clear()
    world.replaced_by = {(process, "launch"): cannot_start}
    assert world.call("monitor") == 190
    assert world.reasons == ["the kick daemon cannot be started: no memory"]
    assert world.attributes[-1][1] == "A-B; the kick daemon cannot be started: no memory"
    assert not [line for line in world.log if line.startswith("warning: ")]
    world.replaced_by = {}
    world.log.clear()
    assert world.call("monitor") == 0
    assert [line for line in world.log if line.startswith("recovered: ")] == [
        "recovered: the kick daemon cannot be started: no memory"
    ]


def test_the_same_condition_is_logged_once_however_long_was_waited_for_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A busy node gives a device less time now and then."""
    logged: list[str] = []
    monkeypatch.setattr(showing.ocf, "tell_syslog", lambda line, *_priority: logged.append(line))
    told = state.State()
    reasons = [f"fos1: no answer from 10.34.1.20 within {seconds} s; check power" for seconds in ("3", "2.8", "3")]
    assert [showing.note_conditions(told, {"position": one}, one) for one in reasons] == [True, False, False]
    assert told.conditions == {"position": reasons[0]}
    other = reasons[0].replace("fos1", "fos2")
    assert not showing.note_conditions(told, {"position": other}, "another reason")
    assert not showing.note_conditions(told, {"position": ""}, "")
    assert logged == [f"warning: {other}", f"recovered: {other}"]


def test_a_reload_logs_that_a_hanging_kick_daemon_cannot_be_restarted(world: World) -> None:
    assert world.call("start") == 0
    assert world.daemon
    world.daemon.frozen = True
    world.advance(11)
    world.replaced_by = {(process, "launch"): cannot_start}
    assert world.call("reload-agent") == 0
    assert "reload-agent: the kick daemon cannot be started: no memory; the next monitor tries again" in world.log


def test_a_reload_logs_what_keeps_a_device_from_being_armed(world: World) -> None:
    assert world.call("start", watchdog="0") == 0
    world.devices["fos1"].fault("refuse-kick")
    assert world.call("reload-agent") == 0
    (line,) = [line for line in world.log if line.startswith("reload-agent: ")]
    assert "fos1: 10.0.0.1 refused the kick" in line


def test_a_resource_without_a_watchdog_leaves_that_of_somebody_else_on_and_says_so_at_level_10(world: World) -> None:
    world.devices["fos1"].write("cmd=6&wen=1")
    assert world.call("start", watchdog="0") == 0
    assert armed(world) == ["1", "0", "0"]
    assert world.call("monitor", watchdog="0") == 0
    assert world.call("monitor", level=10, watchdog="0") == 190
    assert "wdog=1, expected 0" in world.reasons[0]


def test_the_node_at_port_d_expects_the_watchdog_to_be_off(world: World) -> None:
    for device in world.devices.values():
        device.write("cmd=2&wen=1&wintv=15")  # wdogdef and wdogitime, as `berofos provision` leaves it
    assert world.call("start", CRM_meta_on_node="xivo-2") == 0
    assert world.call("monitor", level=10, CRM_meta_on_node="xivo-2") == 0, world.reasons
    assert nothing_is_left(world)


def test_a_restart_disarms_what_the_start_before_armed(world: World) -> None:
    """It knows the targets, their interval and the daemon's token from the state file."""
    assert world.call("start", watchdog="60") == 0
    before = state.load(world.state)[0]
    world.config.write_text(f"[fos2]\nhost = 10.0.0.2\nmac = {MACS['fos2']}\n")
    assert world.call("start", watchdog="60") == 0
    after = state.load(world.state)[0]
    assert after.token == before.token
    assert armed(world) == ["0", "1", "0"]
    assert list(after.targets) == ["fos2"]
    assert world.call("start", watchdog="0") == 0
    assert nothing_is_left(world)


def test_a_start_after_damage_disarms_what_may_be_armed(world: World) -> None:
    assert world.call("start") == 0
    Path(world.state).write_text("damaged")
    world.kill_daemon(tidy=True)
    assert world.call("start", watchdog="0") == 0
    assert nothing_is_left(world)


@pytest.mark.parametrize(("stuck", "seen"), [(False, "A-D"), (True, "A-B")])
def test_after_a_failure_the_attribute_says_where_on_stop_fallback_left_the_lines(
    world: World, stuck: bool, seen: str
) -> None:
    world.parameters["on_stop"] = "fallback"
    assert world.call("start", watchdog="0") == 0
    world.devices["fos1"].move_by_hand("0")
    assert world.call("monitor", watchdog="0") != 0
    if stuck:
        world.devices["fos2"].fault("stuck")
    assert world.call("stop", watchdog="0") == 0
    name, value = world.attributes[-1]
    assert name == "relay-lines"
    assert value.startswith(seen)
    assert "(last seen " in value


def test_a_stop_logs_every_device_that_it_could_not_disarm_or_move(world: World) -> None:
    world.parameters["on_stop"] = "fallback"
    assert world.call("start") == 0
    world.devices["fos1"].fault("silent")
    world.devices["fos2"].fault("stuck")
    world.log.clear()
    assert world.call("stop") == 0
    told = [line for line in world.log if line.startswith("stop: ")]
    assert sum("fos1: no answer" in line for line in told) == 2, told
    assert sum("fos2: " in line and "did not switch" in line for line in told) == 1, told


def test_a_device_that_cannot_be_disarmed_is_kicked_on_and_the_others_are_off(world: World) -> None:
    assert world.call("start") == 0
    world.devices["fos1"].fault("silent")
    assert world.call("monitor", watchdog="0") == 190
    assert armed(world) == ["1", "0", "0"]
    assert list(state.load(world.state)[0].targets) == ["fos1"]
    world.devices["fos1"].clear_faults()
    assert world.call("monitor", watchdog="0") == 0
    assert nothing_is_left(world)


def test_a_device_in_two_sections_with_a_wrong_mac_in_one_is_armed_by_the_second_monitor(world: World) -> None:
    """The first one, which begins to kick the wrong MAC, disarms it again; the doctor reports it (same-address)."""
    declare(world, host1="10.0.0.2", mac1=MACS["fos2"])
    assert world.call("start", watchdog="0") == 0
    text = world.config.read_text()
    last = text.rindex(MACS["fos2"])
    world.config.write_text(text[:last] + "00:19:32:99:99:99\n")
    assert world.call("monitor") == 190
    assert world.reasons[0].startswith("watchdog not armed: fos2: no answer from 10.0.0.2 (UDP port")
    world.call("monitor")
    assert armed(world) == ["0", "1", "0"]
    assert ("10.0.0.2", MACS["fos2"].replace(":", "").lower()) in world.kicked()


def test_an_action_waits_for_another_one_at_most_half_of_its_time() -> None:
    assert actions._patience(time.monotonic() + 1) == pytest.approx(0.5, abs=0.1)
    assert actions._patience(time.monotonic() + 100) == actions.LOCK_SECONDS
