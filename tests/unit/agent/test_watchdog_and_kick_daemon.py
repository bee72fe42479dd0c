"""When the watchdog starts a kick daemon and with what, how it takes the daemon's report, and what it says of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from berofos_agent.agent import actions, state, watchdog
from berofos_agent.agent.invocation import MOST_SECONDS
from berofos_agent.agent.state import State
from berofos_agent.device import resolver
from berofos_agent.device.device import Device
from berofos_agent.device.gbl4 import Gbl4Client
from berofos_agent.device.reading import Reading
from berofos_agent.errors import DidNotFollow, KickDaemonError, StateError, Unreachable
from berofos_agent.simulator import Power
from berofos_agent.watchdog import process
from berofos_agent.watchdog.process import Kicks, Report

from .test_promises import armed, declare, modes, nothing_is_left
from .world import MACS, World


@pytest.fixture
def world() -> Iterator[World]:
    """fos1 and fos2 in bnfos.conf; a watchdog of 15 s."""
    made = World()
    made.parameters["watchdog"] = "15"
    declare(made)
    yield made
    made.close()


def loaded(world: World) -> State:
    found, damage = state.load(world.state)
    assert not damage
    return found


def unanswered(world: World, name: str) -> int:
    """Return how many kicks a device left unanswered, under its own name or that of a former device."""
    (found,) = (kicks for one, kicks in process.read_report(world.state).devices.items() if one.startswith(name))
    return found.unanswered


def only_fos2(world: World) -> None:
    """Take fos1 out of bnfos.conf."""
    world.config.write_text(f"[fos2]\nhost = 10.0.0.2\nmac = {MACS['fos2']}\n")


# --- what is said of it ------------------------------------------------------------------------------------------


def test_a_kick_daemon_that_died_is_restarted_and_that_is_logged(world: World) -> None:
    assert world.call("start") == 0
    world.kill_daemon()
    world.log.clear()
    assert world.call("monitor") == 0
    assert world.daemon
    assert world.log == ["kick daemon died; restarted"]


def test_a_kick_daemon_that_hung_is_restarted_and_that_is_logged(world: World) -> None:
    assert world.call("start") == 0
    assert world.daemon
    world.daemon.frozen = True
    world.advance(11)
    world.log.clear()
    assert world.call("monitor") == 0
    assert not world.daemon.frozen
    assert world.log == ["kick daemon hung for 11 s; restarted"]


def test_two_unanswered_kicks_are_enough_to_disarm_a_device_and_to_say_why(world: World) -> None:
    assert world.call("start") == 0
    world.devices["fos2"].fault("refuse-kick")
    for _ in range(30):
        if unanswered(world, "fos2") == 2:
            break
        assert world.call("monitor") == 0, "one may be lost"
        assert armed(world) == ["1", "1", "0"]
        world.advance(0.5)
    world.log.clear()
    assert world.call("monitor") == 190
    assert world.reasons == ["fos2: 2 kicks not answered; check MAC in bnfos.conf and UDP port 50123"]
    assert armed(world) == ["1", "0", "0"]
    assert world.log[0] == "fos2: watchdog switched off, as its kicks are not answered"


def test_a_device_that_cannot_be_disarmed_though_its_kicks_are_not_answered_is_logged_as_well(world: World) -> None:
    assert world.call("start") == 0
    world.devices["fos2"].fault("refuse-kick")
    world.advance(10)

    def disarm(device: Device, _deadline: float) -> Mapping[str, str]:
        raise DidNotFollow(device.name, "wdog=1, expected 0")

    world.replaced_by = {(watchdog, "disarm"): disarm}
    world.log.clear()
    assert world.call("monitor") == 190
    assert "fos2: wdog=1, expected 0; switch it off and on" in world.log
    assert not [line for line in world.log if "switched off" in line]


def test_a_monitor_that_finds_all_well_leaves_no_reason_behind(world: World) -> None:
    assert world.call("start") == 0
    assert world.call("monitor") == 0
    assert loaded(world).conditions == {"kick daemon": "", "watchdog": "", "position": ""}


def test_with_a_watchdog_too_the_device_in_the_wrong_position_is_named(world: World) -> None:
    assert world.call("start") == 0
    world.devices["fos2"].move_by_hand("0")
    assert world.call("monitor") == 1
    assert world.reasons[0].startswith("fos2: relay is in position A-D")


def test_a_device_out_of_position_whose_name_is_not_known_is_reported_once(world: World) -> None:
    def resolve(host: str, port: int, _seconds: float) -> tuple[str, int]:
        if host == "10.0.0.1":
            raise OSError(-2, "Name or service not known")
        return host, port

    world.replaced_by = {(resolver, "resolve"): resolve}
    world.devices["fos1"].fault("silent")
    assert world.call("start") == 0
    assert loaded(world).conditions["watchdog"] == ""
    assert loaded(world).conditions["position"].startswith("fos1: no answer")
    assert armed(world) == ["0", "1", "0"]


# --- what the level-10 monitor sees ------------------------------------------------------------------------------


def test_a_monitor_checks_the_settings_as_they_are_after_arming(world: World) -> None:
    for device in world.devices.values():
        device.write("cmd=2&wen=1&wintv=15")  # wdogdef and wdogitime, as `berofos provision` leaves it
    assert world.call("start") == 0
    world.devices["fos1"].write("cmd=2&wen=1&wintv=60")
    assert world.call("monitor", level=10) == 0, world.reasons
    assert world.devices["fos1"].state()["watchdog"] == "1"


def test_firmware_that_does_not_report_the_interval_is_not_armed_again_and_again(world: World) -> None:
    assert world.call("start") == 0
    readings = [Reading(name, {"mode": "1", "wdog": "1"}) for name in ("fos1", "fos2")]
    world.replaced_by = {(actions, "_read_all"): lambda *_args: readings}
    world.log.clear()
    assert world.call("monitor") == 0
    assert world.orders == []
    assert world.log == []


# --- when it is started, and when it is left alone ---------------------------------------------------------------


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the devices that the kick daemon kicks, for each time one was started."""
    made: list[str] = []
    own = watchdog.Watchdog._launch

    def launch(self: watchdog.Watchdog) -> None:
        made.append(" ".join(sorted(self._state.targets)))
        own(self)

    monkeypatch.setattr(watchdog.Watchdog, "_launch", launch)
    return made


def test_a_start_starts_the_kick_daemon_once_also_if_a_device_takes_no_kicks(world: World, launches: list[str]) -> None:
    world.devices["fos2"].fault("refuse-kick")
    assert world.call("start") == 0
    assert launches == ["fos1 fos2"]
    assert armed(world) == ["1", "0", "0"]


def test_a_monitor_between_two_kicks_leaves_the_kick_daemon_alone(world: World, launches: list[str]) -> None:
    assert world.call("start") == 0
    launches.clear()
    for _ in range(10):
        world.advance(2.3)
        assert world.call("monitor") == 0
    assert launches == []


def test_a_device_that_is_kicked_is_armed_again_without_another_kick_daemon(world: World, launches: list[str]) -> None:
    assert world.call("start") == 0
    launches.clear()
    world.devices["fos1"].write("cmd=6&wen=0")
    assert world.call("monitor") == 0
    assert armed(world) == ["1", "1", "0"]
    assert launches == []


def test_a_device_that_answers_again_is_armed_at_once_however_long_the_interval_is(world: World) -> None:
    """The daemon that runs would kick it a ninth of the interval later, when this monitor is over."""
    assert world.call("start", watchdog="180") == 0
    world.devices["fos1"].fault("refuse-kick")
    world.advance(100)
    assert world.call("monitor", watchdog="180") == 190
    assert armed(world) == ["0", "1", "0"]
    before = unanswered(world, "fos1")
    for _ in range(30):
        world.advance(1)
        if unanswered(world, "fos1") > before:
            break
    assert unanswered(world, "fos1") == before + 1, "the test does not test"
    world.devices["fos1"].clear_faults()
    assert world.call("monitor", watchdog="180") == 0
    assert armed(world) == ["1", "1", "0"]


def test_it_is_started_with_the_tag_of_the_resource_and_the_time_that_is_left(world: World) -> None:
    given: list[tuple[float, str]] = []

    def launch(path: str, token: str, pause: float, targets: dict[str, str], limit: float, tag: str) -> None:
        assert path == world.state
        assert state.token_in(path) == token
        assert pause == 5
        assert sorted(targets) == ["fos1", "fos2"]
        given.append((limit, tag))

    world.replaced_by = {(process, "launch"): launch}
    world.call("start")
    assert given
    for limit, tag in given:
        assert 0 < limit <= MOST_SECONDS["start"]
        assert tag == "berofos(relay)"


def test_it_is_looked_for_by_the_state_file_of_the_resource(world: World) -> None:
    asked: set[str] = set()

    def pid_of(path: str) -> int:
        asked.add(path)
        return os.getpid() if world.daemon else 0

    world.replaced_by = {(process, "pid_of"): pid_of}
    assert world.call("start") == 0
    world.devices["fos1"].write("cmd=6&wen=0")
    assert world.call("monitor") == 0
    assert world.call("monitor", watchdog="0") == 0
    assert asked == {world.state}


def test_a_device_is_kicked_within_the_time_of_the_action_before_it_is_armed(world: World) -> None:
    given: list[float] = []
    own = Gbl4Client.kick

    def kick(self: Gbl4Client, seconds: float) -> None:
        given.append(seconds)
        own(self, seconds)

    world.replaced_by = {(Gbl4Client, "kick"): kick}
    assert world.call("start") == 0
    assert len(given) == 2
    assert all(0 < seconds <= MOST_SECONDS["start"] for seconds in given), given


# --- a launch that fails -----------------------------------------------------------------------------------------


def fail_to_launch(*_args: object) -> None:
    raise KickDaemonError("the kick daemon cannot be started: Cannot allocate memory; see syslog")


@pytest.fixture
def paces(world: World, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Each time a device is armed: how many kicks its new interval has."""
    found: list[float] = []
    own = watchdog.write_armed

    def write_armed(device: Device, interval: int, deadline: float) -> Mapping[str, str]:
        assert world.daemon
        found.append(interval / world.daemon.seconds)
        return own(device, interval, deadline)

    monkeypatch.setattr(watchdog, "write_armed", write_armed)
    return found


def test_a_launch_that_failed_is_done_again_before_a_device_is_armed(world: World, paces: list[float]) -> None:
    """The daemon that runs kicks every 5 s; armed for 3 s, the lines would fall between two kicks."""
    assert world.call("start") == 0
    world.replaced_by = {(process, "launch"): fail_to_launch}
    paces.clear()
    assert world.call("reload-agent", watchdog="3") == 0
    assert paces == []
    assert world.call("monitor", watchdog="3") == 190
    assert world.reasons == ["the kick daemon cannot be started: Cannot allocate memory; see syslog"]
    assert paces == []
    world.replaced_by = {}
    assert world.call("monitor", watchdog="3") == 0
    assert paces == [3, 3]
    world.advance(60)
    assert modes(world) == ["1", "1", "1"]


def test_a_launch_before_which_the_action_was_killed_is_done_by_the_next(world: World, paces: list[float]) -> None:
    for effect in range(1, 8):
        assert world.call("start") == 0
        world.call("reload-agent", watchdog="3", crash_at=effect)
        world.call("monitor", watchdog="3")
        assert min(paces) == 3, f"killed at effect {effect}"


def test_nothing_is_armed_while_a_kick_daemon_that_hangs_cannot_be_replaced(world: World) -> None:
    """Its last report says that all are kicked."""
    assert world.call("start") == 0
    assert world.daemon
    world.daemon.frozen = True
    world.advance(11)
    world.devices["fos1"].write("cmd=6&wen=0")
    world.replaced_by = {(process, "launch"): fail_to_launch}
    assert world.call("monitor") == 190
    assert armed(world) == ["0", "1", "0"]


# --- a device that is silent until no time is left ---------------------------------------------------------------


@pytest.fixture
def fos2_is_dead(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what fos2 is asked take all the time there is for it; without any, no device answers."""
    own = Device.read

    def read(self: Device, deadline: float) -> Mapping[str, str]:
        seconds = self.seconds(deadline)
        if self.name == "fos2":
            world.now += seconds
        if self.name == "fos2" or seconds <= 0:
            raise Unreachable(self.name, "no answer")
        return own(self, deadline)

    monkeypatch.setattr(Device, "read", read)


@pytest.mark.usefixtures("fos2_is_dead")
def test_a_start_leaves_the_watchdog_time_when_a_device_is_silent_to_the_end(world: World) -> None:
    assert world.call("start", request_timeout="10") == 0
    assert armed(world) == ["1", "0", "0"]


@pytest.mark.usefixtures("fos2_is_dead")
@pytest.mark.parametrize(("node", "interval"), [("xivo-1", "0"), ("xivo-2", "15")], ids=["without-watchdog", "at-D"])
def test_where_nothing_is_armed_the_devices_have_all_the_time(world: World, node: str, interval: str) -> None:
    assert world.call("start", request_timeout="10", watchdog=interval, CRM_meta_on_node=node) == 0
    assert world.now - world.began == pytest.approx(MOST_SECONDS["start"], abs=0.5)


@pytest.mark.usefixtures("fos2_is_dead")
@pytest.mark.parametrize("action", ["monitor", "reload-agent"])
def test_so_do_a_monitor_and_a_reload(world: World, action: str) -> None:
    assert world.call("start", request_timeout="10") == 0
    world.devices["fos1"].write("cmd=6&wen=0")
    world.call(action, request_timeout="10")
    assert armed(world) == ["1", "0", "0"]


@pytest.mark.usefixtures("fos2_is_dead")
def test_a_stop_moves_the_other_lines_when_a_device_is_silent_to_the_end(world: World) -> None:
    assert world.call("start", request_timeout="10") == 0
    assert world.call("stop", request_timeout="10", on_stop="fallback") == 0
    assert (armed(world)[0], modes(world)[0]) == ("0", "0")


@pytest.mark.usefixtures("fos2_is_dead")
@pytest.mark.parametrize("seconds", ["1", "4"])
def test_a_stop_asks_a_silent_device_once_whether_it_can_be_disarmed(world: World, seconds: str) -> None:
    assert world.call("start", request_timeout=seconds) == 0
    world.log.clear()
    assert world.call("stop", request_timeout=seconds, on_stop="keep") == 0
    assert world.now - world.began == pytest.approx(int(seconds), abs=0.1)
    assert world.log == ["stop: fos2: no answer; check power and network"]


# --- a state file that cannot be written -------------------------------------------------------------------------


def full(_path: str, _state: State) -> None:
    raise StateError("cannot write the state file: No space left on device")


def test_on_a_full_file_system_a_kick_daemon_that_died_is_restarted(world: World) -> None:
    """All that it needs is the token, which is in the file already."""
    assert world.call("start") == 0
    world.kill_daemon()
    world.replaced_by = {(state, "save"): full}
    world.call("monitor")
    assert world.daemon
    world.advance(100)
    assert modes(world) == ["1", "1", "1"]


def test_no_kick_daemon_is_started_whose_token_is_not_in_the_state_file(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would end at once, and whatever is armed would fall."""
    assert world.call("start") == 0
    world.kill_daemon()
    found = loaded(world)
    found.token = "another"
    monkeypatch.setattr(state, "save", full)
    monkeypatch.setattr(process, "launch", lambda *_args: pytest.fail("started"))
    policy = watchdog.Watchdog(call_of(world.state), found, [], 15, 0)
    with pytest.raises(StateError, match="No space left"):
        policy._launch()


# --- its report --------------------------------------------------------------------------------------------------


def call_of(path: str) -> Any:
    """What the watchdog needs of an Invocation."""

    class Call:
        state, syslog_tag = path, "berofos(relay)"

    return Call()


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (Report(), False),
        (Report(100.0, 7, {"fos2": Kicks(99.0, 0)}), False),
        (Report(100.0, 7, {"fos1": Kicks(0.0, 0)}), False),
        (Report(100.0, 7, {"fos1": Kicks(0.0, 1)}), False),
        (Report(100.0, 6, {"fos1": Kicks(99.0, 0)}), False),
        (Report(100.0, 7, {"fos1": Kicks(99.0, 0)}), True),
        (Report(100.0, 7, {"fos1": Kicks(99.0, 1)}), True),
        (Report(100.0, 7, {"fos1": Kicks(99.0, 2)}), False),
    ],
    ids=[
        "no-report-yet",
        "another-device",
        "not-kicked-yet",
        "never-answered",
        "of-the-daemon-before",
        "answered",
        "one-lost",
        "two-lost",
    ],
)
def test_a_device_is_kicked_if_the_daemon_that_runs_says_that_it_answers(
    monkeypatch: pytest.MonkeyPatch, report: Report, expected: bool
) -> None:
    monkeypatch.setattr(process, "read_report", lambda _path: report)
    monkeypatch.setattr(process, "pid_of", lambda _path: 7)
    policy = watchdog.Watchdog(call_of("/nowhere"), State(), [], 15, 0)
    assert policy._is_kicked("fos1") is expected


# --- how often it kicks ------------------------------------------------------------------------------------------


def refuse_to_arm(device: Device, *_rest: object) -> Mapping[str, str]:
    raise DidNotFollow(device.name, "wdogitime=15, expected 60")


def test_after_damage_a_device_is_kicked_by_the_interval_that_it_reports(world: World) -> None:
    assert world.call("start") == 0
    with open(world.state, "wb") as file:
        file.write(b"{")
    world.replaced_by = {(watchdog, "write_armed"): refuse_to_arm}
    assert world.call("monitor", watchdog="60") == 190
    assert [one.interval for one in loaded(world).targets.values()] == [15, 15]
    assert world.daemon
    assert world.daemon.seconds == 5


def test_without_targets_the_state_file_has_no_interval(world: World) -> None:
    assert world.call("start") == 0
    assert world.call("monitor", watchdog="0") == 0
    assert nothing_is_left(world)
    assert loaded(world).interval == 0


def test_devices_that_refused_their_watchdog_settings_are_armed_by_the_first_monitor_that_can(world: World) -> None:
    world.replaced_by = {(watchdog, "write_armed"): refuse_to_arm}
    assert world.call("start") == 0
    assert armed(world) == ["0", "0", "0"]
    assert world.call("monitor") == 190
    world.replaced_by = {}
    assert world.call("monitor") == 0
    assert armed(world) == ["1", "1", "0"]


# --- devices that bnfos.conf no longer has -----------------------------------------------------------------------


def test_a_former_device_that_is_off_is_kicked_until_its_interval_is_over(world: World) -> None:
    assert world.call("start") == 0
    world.devices["fos1"].switch_power(Power.OFF)
    only_fos2(world)
    assert world.call("monitor") == 0
    world.advance(7)
    assert unanswered(world, "fos1") > 1, "the test does not test"
    assert world.call("monitor") == 0
    assert len(world.kicked()) == 2


def test_with_the_watchdog_at_0_what_stays_armed_beside_a_former_device_is_kicked_by_its_interval(
    world: World,
) -> None:
    assert world.call("start") == 0
    only_fos2(world)
    world.devices["fos2"].fault("silent")
    assert world.call("monitor", watchdog="0") == 190
    assert armed(world) == ["0", "1", "0"]
    assert world.daemon
    assert world.daemon.seconds == 5
    assert loaded(world).interval == 15


def test_a_shorter_interval_is_kicked_by_before_a_device_is_armed_with_it_beside_a_former_one(world: World) -> None:
    """Killed in between, the action would leave a device that is not kicked often enough."""
    assert world.call("start", watchdog="60") == 0
    only_fos2(world)
    pauses: list[float] = []
    own = watchdog.write_armed

    def write_armed(device: Device, *rest: Any) -> Mapping[str, str]:
        assert world.daemon
        pauses.append(world.daemon.seconds)
        return own(device, *rest)

    world.replaced_by = {(watchdog, "write_armed"): write_armed}
    assert world.call("monitor", watchdog="15") == 0
    assert pauses == [5]
    assert armed(world) == ["0", "1", "0"]


def test_the_state_file_can_be_read_after_the_last_former_device_was_disarmed(world: World) -> None:
    assert world.call("start", devices="fos1") == 0
    only_fos2(world)
    assert world.call("monitor", watchdog="0") == 0
    assert nothing_is_left(world)
    assert loaded(world).targets == {}


# --- a stop ------------------------------------------------------------------------------------------------------


def test_a_stop_disarms_a_device_whose_section_was_spoiled_meanwhile(world: World) -> None:
    """Nobody kicks it any more, and by its section it is not spoken to."""
    assert world.call("start") == 0
    declare(world, host1="10.0.0")
    assert world.call("stop") == 0
    assert nothing_is_left(world)


def test_a_stop_does_not_ask_a_device_again_that_is_disarmed(world: World) -> None:
    """A device that does not answer UDP would take what is left of the stop's time."""
    assert world.call("start") == 0
    asked: list[str] = []
    world.replaced_by = {(watchdog, "disarm_if_same"): lambda device, _deadline: asked.append(device.name)}
    assert world.call("stop") == 0
    assert nothing_is_left(world)
    assert asked == []


def test_a_stop_without_the_name_server_disarms_a_device_where_it_was_kicked(world: World) -> None:
    world.names["fos1.example.org"] = "10.0.0.1"
    declare(world, host1="fos1.example.org")
    assert world.call("start") == 0
    world.names.clear()
    assert world.call("stop") == 0
    assert nothing_is_left(world)


@pytest.mark.usefixtures("fos2_is_dead")
def test_a_stop_asks_a_former_device_for_as_long_as_any_other(world: World) -> None:
    assert world.call("start", request_timeout="1") == 0
    world.config.write_text(f"[fos1]\nhost = 10.0.0.1\nmac = {MACS['fos1']}\n")
    assert world.call("stop", request_timeout="1") == 0
    assert world.now - world.began == pytest.approx(1, abs=0.1)


def test_a_kick_daemon_ends_once_another_node_has_the_lines_and_every_watchdog_is_off(world: World) -> None:
    assert world.call("start") == 0
    for device in world.devices.values():
        device.write("cmd=6&wen=0")
        device.move_by_hand("0")
    assert world.call("monitor") == 7
    assert world.daemon is None


# --- a former device that does not answer over UDP -----------------------------------------------------------------


def deaf(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let fos1 answer over HTTP only."""
    own = World.datagram
    monkeypatch.setattr(world, "datagram", lambda host, data: None if host == "10.0.0.1" else own(world, host, data))


def test_a_former_device_that_is_armed_and_answers_http_only_is_reported(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not disarmed: without UDP nothing tells whether another device has its address now."""
    assert world.call("start") == 0
    only_fos2(world)
    deaf(world, monkeypatch)
    assert world.call("monitor") == 190
    assert world.reasons[0].startswith("watchdog still on: fos1: no answer from 10.0.0.1 (UDP port 50123)")


def test_a_stop_logs_it_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.call("start") == 0
    only_fos2(world)
    deaf(world, monkeypatch)
    assert world.call("stop") == 0
    assert any(line.startswith("stop: fos1: no answer from 10.0.0.1 (UDP port 50123)") for line in world.log)
