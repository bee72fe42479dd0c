"""The promises of watchdog, state and stop in any order, with processes; shorter than the one in tests/unit/agent.

Agent, kick daemon, sockets and signals are real. Actions are killed at odd times and run beside each other, the daemon
is killed, frozen and continued. PROCESS_SEQUENCES is how many sequences are tried, then with other seeds each time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Callable

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from berofos_agent import simulator
from berofos_agent.agent import state as state_file
from berofos_agent.device import frame
from berofos_agent.simulator import DeviceSpec, Power, SimulatedDevice
from berofos_agent.watchdog import process

from .conftest import Answer, Cluster, fresh_address
from .test_watchdog import Clock, eventually, freeze
from .test_watchdog_targets import MACS, declare

SEQUENCES = int(os.environ.get("PROCESS_SEQUENCES", "10"))
STEPS = 10
SHORT, LONG = "3", "120"
MONITORS = 3
"""On a busy host a kick daemon may not start in time, or the answer to a kick be late; the next monitor mends that."""
NEEDS_REASON = {"start", "monitor"}

names = st.sampled_from(sorted(MACS))
intervals = st.sampled_from(["0", SHORT, LONG])


class Promises(RuleBasedStateMachine):
    """One resource on the node at port B, two sections in bnfos.conf, three devices."""

    def __init__(self) -> None:
        super().__init__()
        self.cleanup = contextlib.ExitStack()
        folder = Path(self.cleanup.enter_context(tempfile.TemporaryDirectory(prefix="berofos-order-")))
        (folder / "run").mkdir()
        ours = {"modedef": "1", "wdogdef": "1", "scenario": "0"}
        specs = [DeviceSpec(name, fresh_address(), 0, frame.PORT, mac, settings=ours) for name, mac in MACS.items()]
        self.devices = self.cleanup.enter_context(simulator.running(specs, clock=Clock()))
        for device in self.devices:
            device.model.write("cmd=6&wen=0")
            device.model.move_by_hand("1")
        parameters = {"config": str(folder / "bnfos.conf"), "port_b_node": "xivo-1", "port_d_node": "xivo-2"}
        self.cluster = Cluster(folder / "run", parameters={**parameters, "request_timeout": "1", "watchdog": SHORT})
        self.means = {"fos1": "fos1", "fos2": "fos2"}
        declare(self.cluster, self.devices)

    def teardown(self) -> None:
        self.cluster.state.unlink(missing_ok=True)
        process.end(str(self.cluster.state))
        self.cleanup.close()

    # --- what the cluster does ---------------------------------------------------------------------------------

    @rule(watchdog=intervals)
    def start(self, watchdog: str) -> None:
        self.cluster.parameters["watchdog"] = watchdog
        code = self._call("start")
        assert code in (0, 1, 2, 5), code
        if code == 0:
            self._all_in_position()
            assert not self._armed_without_kicks()

    @rule()
    def stop(self) -> None:
        known = self._known_to_the_agent()
        assert self._call("stop") == 0
        self._nothing_is_left(known)

    @rule(level=st.sampled_from([0, 10]))
    def monitor(self, level: int) -> None:
        moved = self._moved()
        code = self._call("monitor", level)
        assert code in (0, 1, 7, 190), code
        assert self._moved() == moved, "a monitor moves no relay"
        if not self.cluster.state.exists():
            assert code == 7
            return
        if code == 0:
            self._all_in_position()
        if code in (0, 190):
            self._settle(lambda: [*self._unarmed(), *self._armed_without_kicks()])

    @rule(watchdog=intervals)
    def reload(self, watchdog: str) -> None:
        self.cluster.parameters["watchdog"] = watchdog
        assert self._call("reload-agent") == 0
        if self.cluster.state.exists():
            self._settle(self._armed_without_kicks)

    @rule(
        action=st.sampled_from(["start", "monitor", "reload-agent", "stop"]),
        seconds=st.sampled_from([0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5]),
    )
    def killed_action(self, action: str, seconds: float) -> None:
        """kill -9 at some moment; what it left is the next action's affair."""
        running = self._begin(action)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(seconds)
        running.kill()
        running.wait()
        self._never_two()

    @rule(action=st.sampled_from(["monitor", "reload-agent"]), seconds=st.sampled_from([0.0, 0.05, 0.1, 0.2]))
    def stop_beside(self, action: str, seconds: float) -> None:
        """As with crm_resource --force-check during a stop: whatever ends last, the stop counts."""
        known = self._known_to_the_agent()
        running = self._begin(action)
        time.sleep(seconds)
        assert self._call("stop") == 0
        running.wait(30)
        self._nothing_is_left(known)

    # --- what else happens -------------------------------------------------------------------------------------

    @rule(how=st.sampled_from(["killed", "frozen", "continued", "hangs"]))
    def daemon(self, how: str) -> None:
        """Without a daemon nothing happens; as a precondition that would make hypothesis depend on processes."""
        pid = process.pid_of(str(self.cluster.state))
        if not pid:
            return
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # it may be ending by itself
            if how == "killed":
                os.kill(pid, signal.SIGKILL)
                eventually(lambda: process.pid_of(str(self.cluster.state)) != pid)
            elif how == "continued":
                os.kill(pid, signal.SIGCONT)
            else:
                freeze(pid)
        if how == "hangs" and self.cluster.parameters["watchdog"] == SHORT and self.cluster.state.exists():
            interval = state_file.load(str(self.cluster.state))[0].interval or int(LONG)
            if interval == int(SHORT):
                time.sleep(2 * interval / 3 + 0.1)
                if self._call("monitor") in (0, 190):
                    assert process.pid_of(str(self.cluster.state)) != pid, "a daemon that hangs is replaced"

    @rule(name=names, what=st.sampled_from(["off", "on", "by-hand", "disarm", "arm"]))
    def device(self, name: str, what: str) -> None:
        model = self.devices[name].model
        if what in ("off", "on"):
            model.switch_power(Power.OFF if what == "off" else Power.OPERATIONAL)
        elif what == "by-hand" and model.power is Power.OPERATIONAL:
            model.move_by_hand("0" if model.mode == "1" else "1")
        elif what in ("arm", "disarm"):
            model.write(f"cmd=6&wen={int(what == 'arm')}")

    @rule(name=names, fault=st.sampled_from(["silent", "status", "refuse-kick", "none", "none"]))
    def fault(self, name: str, fault: str) -> None:
        self.devices[name].model.clear_faults()
        if fault != "none":
            self.devices[name].model.fault(fault, "500" if fault == "status" else "")

    @rule(section=st.sampled_from(["fos1", "fos2"]), means=st.sampled_from(["fos1", "fos2", "fos3", ""]))
    def edit(self, section: str, means: str) -> None:
        if means not in {name for other, name in self.means.items() if other != section}:
            self.means[section] = means
            declare(self.cluster, self.devices, **self.means)

    @rule(content=st.sampled_from([b"", b"{", b"\0" * 40, b"rubbish"]))
    def damage(self, content: bytes) -> None:
        if self.cluster.state.exists():
            self.cluster.state.write_bytes(content)

    # --- promises ----------------------------------------------------------------------------------------------

    def _call(self, action: str, level: int = 0) -> int:
        answer: Answer = self.cluster.call(action, level=level)
        assert "Traceback" not in answer.stderr
        assert "internal error" not in answer.stderr
        assert all(0 < len(reason.encode()) <= 128 for reason in answer.reasons)
        wanted = action in NEEDS_REASON and answer.code and (answer.code != 7 or self.cluster.state.exists())
        assert len(answer.reasons) == bool(wanted), answer
        self._never_two()
        return answer.code

    def _begin(self, action: str) -> subprocess.Popen[bytes]:
        argv, environ = self.cluster.command(action)
        return subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _never_two(self) -> None:
        """One that a killed action had begun gives up when it does not get the lock."""
        eventually(lambda: len(self._kick_daemons()) <= 1)

    def _kick_daemons(self) -> list[str]:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = path.read_bytes().split(b"\0")
                found += [path.parent.name] if os.fsencode(self.cluster.state) in words else []
        return found

    def _nothing_is_left(self, known: set[str]) -> None:
        eventually(lambda: not self._kick_daemons())
        assert os.listdir(self.cluster.folder) == []
        assert self._call("monitor") == 7
        for name in known:
            if self._reaches(name) and (self._takes_kicks(name) or name in self.means.values()):
                assert not self._is_armed(name), f"{name} is armed after a stop"

    def _known_to_the_agent(self) -> set[str]:
        """The devices that the state file says may be armed; what somebody else armed is left to them."""
        if not self.cluster.state.exists():
            return set()
        state = state_file.load(str(self.cluster.state))[0]
        kicks = "".join(one.kick for one in state.targets.values())
        known = {name for name, mac in MACS.items() if mac.replace(":", "").lower() in kicks}
        return known | ({name for name in self.means.values() if name} if state.unsure else set())

    def _kicked(self) -> set[str]:
        pid = process.pid_of(str(self.cluster.state))
        arguments = Path(f"/proc/{pid}/cmdline").read_text() if pid else ""
        return {name for name, mac in MACS.items() if mac.replace(":", "").lower() in arguments}

    def _model(self, name: str) -> SimulatedDevice:
        return self.devices[name].model

    def _moved(self) -> list[object]:
        """What requests did to relays; one whose watchdog expires moves by itself."""
        return [one for name in MACS for one in self._model(name).history if one.get("cause") in ("http", "rearm")]

    def _reaches(self, name: str) -> bool:
        return self._model(name).serves_http and not self._model(name).faults.on("status")

    def _takes_kicks(self, name: str) -> bool:
        return not self._model(name).deaf and not self._model(name).faults.on("refuse-kick")

    def _all_in_position(self) -> None:
        for name in filter(None, self.means.values()):
            if self._reaches(name):
                assert self._model(name).mode == "1", f"{name} is in the wrong position"

    def _settle(self, wrong: Callable[[], list[str]]) -> None:
        for _ in range(MONITORS):
            if not wrong() or self._call("monitor") not in (0, 190):
                return
        assert not wrong()

    def _armed_without_kicks(self) -> list[str]:
        kicked = self._kicked()
        reached = [name for name in self.means.values() if name and self._reaches(name) and name not in kicked]
        armed = [name for name in reached if self._model(name).mode == "1" and self._is_armed(name)]
        by_admin = self.cluster.parameters["watchdog"] == "0" and not kicked
        return [] if by_admin else armed

    def _is_armed(self, name: str) -> bool:
        return self._model(name).state()["watchdog"] == "1"

    def _unarmed(self) -> list[str]:
        """The devices that should be armed and are not."""
        able = [name for name in self.means.values() if name and self._reaches(name) and self._takes_kicks(name)]
        wanted = [name for name in able if self._model(name).mode == "1" and self.cluster.parameters["watchdog"] != "0"]
        return [name for name in wanted if self._model(name).state()["watchdog"] == "0"]


def test_the_promises_hold_in_any_order_of_processes() -> None:
    run_state_machine_as_test(
        Promises,
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize="PROCESS_SEQUENCES" not in os.environ,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
