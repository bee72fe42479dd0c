"""The promises of watchdog, state and stop in any order of actions and faults: a state machine, and what it found.

SEQUENCES is how many are tried; `make soak` tries more, with other seeds.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from berofos_agent.agent import state as state_file
from berofos_agent.agent import statepath
from berofos_agent.simulator import Power

from .world import ADDRESSES, MACS, World, power_cycle

SEQUENCES = int(os.environ.get("SEQUENCES", "200"))
STEPS = 12
INTERVALS = ["0", "3", "15", "60"]
DAMAGE = [b"", b"{", b"\0" * 40, b"rubbish", b"[]", b'{"written by": "ocf:xivo:berofos", "seen": {}']

sections = st.sampled_from(["fos1", "fos2"])
names = st.sampled_from(["fos1", "fos2", "fos3"])


class Promises(RuleBasedStateMachine):
    """One resource on the node at port B, two sections in bnfos.conf, three devices."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.means: dict[str, str] = {"fos1": "fos1", "fos2": "fos2"}
        self.with_mac = True
        self.watchdog = "15"
        self._declare()

    def teardown(self) -> None:
        self.world.close()

    # --- what the cluster does ---------------------------------------------------------------------------------

    @rule(watchdog=st.sampled_from(INTERVALS))
    def start(self, watchdog: str) -> None:
        self.watchdog = watchdog
        code = self._call("start")
        assert code in (0, 1, 2, 5), code
        if code == 0:
            self._all_in_position()
            self._armed_is_kicked()

    @rule()
    def stop(self) -> None:
        known = self._known_to_the_agent()
        assert self._call("stop") == 0
        assert not self.world.daemon
        assert os.listdir(self.world.folder / "run") == []
        assert self._call("monitor") == 7
        for name in known:
            device = self.world.devices[name]
            if self.world.reaches(name) and (self.world.takes_kicks(name) or name in self._configured()):
                assert device.state()["watchdog"] != "1", f"{name} is armed after a stop"

    @rule(level=st.sampled_from([0, 10]))
    def monitor(self, level: int) -> None:
        before = {name: device.mode for name, device in self.world.devices.items()}
        code = self._call("monitor", level)
        assert code in (0, 1, 7, 190), code
        assert not any(order.startswith("cmd=4&") for order in self.world.orders), "a monitor moves no relay"
        for name, device in self.world.devices.items():
            assert device.mode == before[name] or device.state()["watchdog"] == "2", "only an expired watchdog does"
        if not self._started():
            assert code == 7
            return
        if code == 0:
            self._all_in_position()
        if code in (0, 190):
            self._armed_is_kicked()
            self._wanted_is_armed()

    @rule(watchdog=st.sampled_from(INTERVALS))
    def reload(self, watchdog: str) -> None:
        self.watchdog = watchdog
        assert self._call("reload-agent") == 0
        if self._started():
            self._armed_is_kicked()

    @rule(action=st.sampled_from(["start", "monitor", "reload-agent", "stop"]), effect=st.integers(1, 12))
    def killed_action(self, action: str, effect: int) -> None:
        """kill -9 at an effect; what it left is the next action's affair."""
        self.world.call(action, crash_at=effect, watchdog=self.watchdog)

    # --- what else happens -------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.5, 1.0, 4.0, 10.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.advance(seconds)
        if self.world.daemon and not self.world.daemon.frozen and seconds > 1:
            assert self._started(), "a daemon without its state"

    @precondition(lambda self: self.world.daemon)
    @rule(how=st.sampled_from(["killed", "frozen", "continued"]))
    def daemon(self, how: str) -> None:
        if how == "killed":
            self.world.kill_daemon()
        else:
            self.world.daemon.frozen = how == "frozen"

    @rule(name=names, what=st.sampled_from(["off", "on", "cycle", "cycle-armed", "by-hand", "disarm", "arm"]))
    def device(self, name: str, what: str) -> None:
        device = self.world.devices[name]
        if what in ("off", "on"):
            device.switch_power(Power.OFF if what == "off" else Power.OPERATIONAL)
        elif what.startswith("cycle"):
            device.write(f"cmd=2&wen={int(what == 'cycle-armed')}&wintv=15")
            power_cycle(device)
        elif what == "by-hand" and device.power is Power.OPERATIONAL and not device.faults.on("stuck"):
            device.move_by_hand("0" if device.mode == "1" else "1")
        elif what in ("arm", "disarm"):
            device.write(f"cmd=6&wen={int(what == 'arm')}")

    @rule(name=names, fault=st.sampled_from(["silent", "status", "refuse-kick", "stuck", "noise", "none"]))
    def fault(self, name: str, fault: str) -> None:
        self.world.devices[name].clear_faults()
        if fault != "none":
            self.world.devices[name].fault(fault, "500" if fault == "status" else "")

    @rule(section=sections, means=st.sampled_from(["fos1", "fos2", "fos3", "", "nobody", "slip", "wrong-mac"]))
    def edit(self, section: str, means: str) -> None:
        """Not so that two sections have one device: the doctor reports that (same-address); see test_promises.py."""
        others = {_address(other, name) for other, name in self.means.items() if other != section}
        if _address(section, means) not in others:
            self.means[section] = means
            self._declare()

    @rule(present=st.booleans())
    def macs_in_bnfos_conf(self, present: bool) -> None:
        self.with_mac = present
        self._declare()

    @rule(content=st.sampled_from(DAMAGE))
    def damage(self, content: bytes) -> None:
        if self._started():
            with open(self.world.state, "wb") as file:
                file.write(content)

    # --- promises ----------------------------------------------------------------------------------------------

    def _call(self, action: str, level: int = 0) -> int:
        code = self.world.call(action, level, watchdog=self.watchdog)
        reasons = self.world.reasons
        assert all(0 < len(reason.encode()) <= 128 for reason in reasons)
        assert "internal error" not in str(reasons)
        started_or_asked = action != "monitor" or code != 7 or self._started()
        assert len(reasons) == (1 if code and started_or_asked else 0), (code, reasons)
        return code

    def _started(self) -> bool:
        return statepath.exists(self.world.state)

    def _configured(self) -> dict[str, str]:
        """By device, the section that means it."""
        return {name: section for section, name in self.means.items() if name in self.world.devices}

    def _known_to_the_agent(self) -> set[str]:
        """The devices that the state file says may be armed; what somebody else armed is left to them."""
        if not self._started():
            return set()
        state = state_file.load(self.world.state)[0]
        kicks = {(one.kick.partition(":")[0], one.kick.rpartition(":")[2][10:22]) for one in state.targets.values()}
        known = {name for name, mac in MACS.items() if (ADDRESSES[name], mac.replace(":", "").lower()) in kicks}
        return known | (set(self._configured()) if state.unsure else set())

    def _all_in_position(self) -> None:
        for name in self._configured():
            if self.world.reaches(name):
                assert self.world.devices[name].mode == "1", f"{name} is in the wrong position"

    def _armed_is_kicked(self) -> None:
        """No reachable device of bnfos.conf in position is armed without being kicked at its address by its MAC."""
        for name in self._configured():
            device = self.world.devices[name]
            if self.world.reaches(name) and device.mode == "1" and device.state()["watchdog"] == "1":
                kick = (ADDRESSES[name], MACS[name].replace(":", "").lower())
                by_admin = self.watchdog == "0" and not self.world.daemon
                assert by_admin or kick in self.world.kicked(), f"{name} is armed and not kicked"

    def _wanted_is_armed(self) -> None:
        for name in self._configured():
            device = self.world.devices[name]
            works = self.world.reaches(name) and self.world.takes_kicks(name) and device.mode == "1"
            if works and self.watchdog != "0" and not device.faults.on("stuck"):
                assert device.state()["watchdog"] in ("1", "2"), f"{name} is not armed"

    def _declare(self) -> None:
        text = ""
        for section, name in self.means.items():
            if not name:
                continue
            mac = "00:19:32:99:99:99" if name == "wrong-mac" else MACS.get(name, MACS[section])
            key = "hots" if name == "slip" else "host"
            text += f"[{section}]\n{key} = {_address(section, name)}\n"
            text += f"mac = {mac}\n" if self.with_mac or name == "wrong-mac" else ""
        self.world.config.write_text(text)


def _address(section: str, name: str) -> str:
    """Return the address in a section of bnfos.conf that means this; empty without a section."""
    nobody = "10.0.0.9" if section == "fos1" else "10.0.0.10"
    own = ADDRESSES[section] if name == "wrong-mac" else nobody
    return ADDRESSES.get(name, own) if name else ""


def test_the_promises_hold_in_any_order() -> None:
    run_state_machine_as_test(
        Promises,
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
