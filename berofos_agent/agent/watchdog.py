"""What start, monitor, reload-agent and stop do about the watchdog; a resource without one does not load this.

On the node at port B the devices are armed and kicked, on the one at D they are not: there the relay is already where
the watchdog would put it. Three rules hold at every moment, whatever happens to other devices:

1. A device is armed only after the running kick daemon has had a kick answered by it.
2. What may be armed is kicked until it has been disarmed, also if bnfos.conf now has another device in its place.
3. A device that can be disarmed, but whose kicks are not answered, is disarmed: it would drop healthy lines.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from berofos_agent.agent import ocf
from berofos_agent.agent import state as state_file
from berofos_agent.agent.decisions import watchdog_failure
from berofos_agent.agent.state import State, Target
from berofos_agent.agent.targets import disarm_if_same, former_device, former_name, is_of, mac_of, place_in, place_of
from berofos_agent.device import frame
from berofos_agent.device.device import Device
from berofos_agent.device.parallel import run_on_all
from berofos_agent.device.reading import Reading
from berofos_agent.device.settings import (
    WATCHDOG_FAILURE,
    WATCHDOG_OFF,
    WATCHDOG_ON,
    watchdog_interval,
)
from berofos_agent.errors import (
    DeviceError,
    KickDaemonError,
    NotABerofos,
    SectionError,
    StateError,
    Superseded,
    Unreachable,
)
from berofos_agent.watchdog import process
from berofos_agent.watchdog.arming import disarm, state_in, target_for, write_armed

if TYPE_CHECKING:
    from berofos_agent.agent.invocation import Invocation
    from berofos_agent.device.settings import Values

KICKS_PER_INTERVAL = 3
"""So that two may be lost; an unanswered kick is repeated after a third of that, hence nine in an interval."""
LATE = 2
"""Kicks that may go unanswered, or times between two kicks that the daemon may be silent, before it is reported."""
ANSWER_SECONDS = 1.0
AFTER_LAUNCH_SECONDS = 0.25
"""Kept for what follows the launch of a kick daemon: arming, or disarming if it failed."""
UNDO_SECONDS = 20.0
"""Nobody waits for it: 5 s were not enough for devices that take 1.5 s an answer, on a busy machine."""
_ANSWER_PAUSE_SECONDS = 0.01


class Watchdog:
    """The watchdogs and the kick daemon of one resource during one call of the agent."""

    def __init__(
        self, call: Invocation, state: State, devices: Sequence[Device], interval: int, deadline: float
    ) -> None:
        """Take over what the state file says; `interval` is the one wanted, in seconds, 0 for off."""
        self._path = call.state
        self._tag = call.syslog_tag
        self._state = state
        self._devices = devices
        self._interval = interval
        self._deadline = deadline
        self._armed: list[Device] = []
        self._launched = self._renew = False

    # --- what the actions call ---------------------------------------------------------------------------------

    def start(self, in_position: Collection[str]) -> tuple[dict[str, Values], list[DeviceError]]:
        """Arm the devices in position, or disarm them; return what they report then, and why some are not.

        Raises KickDaemonError, StateError.
        """
        here = [device for device in self._devices if device.name in in_position]
        if not self._interval:
            return {}, self._switch_off(here, {})
        self._renew = True
        missing = self._follow_configuration({device.name: {} for device in here}, ask=in_position)
        armed, errors = self._arm([device for device in here if device.name not in missing])
        return armed, [*missing.values(), *errors, *self._disarm_former()]

    def keep(self, readings: Sequence[Reading], mode: str) -> tuple[list[Reading], str]:
        """Bring the watchdog of every device that answered to what is wanted, whatever the others do.

        Returns the readings, new for devices that were written to, and a reason if something is not as wanted.
        """
        written: dict[str, Values] = {}
        try:
            if self._interval:
                written, problem = self._keep_on({one.device: one.settings for one in readings if one.mode == mode})
            else:
                problem = self._keep_off({one.device: one.settings for one in readings if one.settings})
        except Superseded:
            raise
        except (KickDaemonError, StateError) as exc:
            problem = str(exc)
        return [Reading(one.device, written.get(one.device, one.settings), one.error) for one in readings], problem

    @property
    def is_wanted(self) -> bool:
        """False if the devices should not be armed: on the node at port D, or with the parameter at 0."""
        return bool(self._interval)

    def restart_if_dead(self) -> str:
        """Start the kick daemon again if it is gone or hangs; return why that failed.

        Then `keep` tries again and arms nothing without: the report of one that hangs says that all are kicked.
        """
        if not self._state.targets:
            return ""
        if not process.pid_of(self._path):
            ocf.tell_syslog("kick daemon died; restarted")
        else:
            reported = process.read_report(self._path).at
            silent = state_file.clock() - reported
            if not reported or silent < LATE * self._pause():
                return ""
            ocf.tell_syslog(f"kick daemon hung for {silent:.0f} s; restarted")
        self._renew = True
        try:
            self._launch()
        except Superseded:
            raise
        except (KickDaemonError, StateError) as exc:
            return str(exc)
        return ""

    def stop_if_idle(self, readings: Sequence[Reading]) -> None:
        """End a kick daemon that has nothing left to kick: another node has the lines, and every watchdog is off.

        After a probe no stop may follow: the cluster may have been away while another node took the lines.
        """
        off = {one.device for one in readings if state_in(one.settings) == WATCHDOG_OFF}
        if off >= {device.name for device in self._devices}:
            self._set_targets({}, 0)

    def former(self) -> list[Device]:
        """Return the devices that are kicked, but to which no section of bnfos.conf leads any more."""
        usable = {device.name: device.entry for device in self._devices if not device.entry.problem}
        asked = {place_in(entry) for entry in usable.values()}
        return [
            former_device(name, target, self._devices)
            for name, target in self._state.targets.items()
            if not is_of(target, usable.get(name)) and place_of(target) not in asked
        ]

    def disarm(self, device: Device, deadline: float) -> None:
        """Switch off the watchdog of a device of bnfos.conf, or of a former one; raise DeviceError if it may be on.

        For a resource that is stopped: one that does not answer is asked once more where it was kicked, if that is
        elsewhere, as when the name server is gone. A former one that does not answer is given up.
        """
        if device not in self._devices:
            with contextlib.suppress(Unreachable, NotABerofos):
                disarm_if_same(device, deadline)
            return
        try:
            disarm(device, deadline)
        except SectionError:
            raise
        except Unreachable:
            target = self._state.targets.get(device.name)
            if target is None or not is_of(target, device.entry) or place_of(target) == place_in(device.entry):
                raise
            disarm_if_same(former_device(device.name, target, self._devices), deadline)

    def give_up(self) -> None:
        """Leave no watchdog armed that can be reached, and no kick daemon without need: the start arms none."""
        results = run_on_all([*self._devices, *self.former()], self.disarm, self._deadline)
        if any(result.error for result in results):
            return
        with contextlib.suppress(KickDaemonError):  # it kicks what is off; the next monitor says why
            process.end(self._path)
        self._state.targets, self._state.interval = {}, 0

    def undo(self) -> None:
        """Take back what this call armed and started: the resource was stopped meanwhile."""
        process.end(self._path)
        run_on_all(self._armed, disarm, time.monotonic() + UNDO_SECONDS)

    # --- what is wanted ----------------------------------------------------------------------------------------

    def _keep_on(self, here: Mapping[str, Values]) -> tuple[dict[str, Values], str]:
        """Arm what is not armed as wanted; `here` is what the devices in position report."""
        on = {name for name, settings in here.items() if state_in(settings) == WATCHDOG_ON}
        failed = [name for name, settings in here.items() if state_in(settings) == WATCHDOG_FAILURE]
        report = process.read_report(self._path)
        lost = {name: kicks.unanswered for name, kicks in report.devices.items() if kicks.unanswered >= LATE}
        before = self._state.targets
        missing = self._follow_configuration(here, ask={*lost, *(here.keys() - on)})
        former = self._disarm_former()
        same = {name for name, one in self._state.targets.items() if name in before and before[name].kick == one.kick}
        kept = {name for name in on & same if here[name].get("wdogitime", self._text()) == self._text()}
        silent = [
            Unreachable(name, f"{lost[name]} kicks not answered", f"check MAC in bnfos.conf and UDP port {frame.PORT}")
            for name in sorted(kept & lost.keys())
        ]
        unarmed = here.keys() - kept - missing.keys() - set(failed)
        written, errors = self._arm([device for device in self._devices if device.name in unarmed])
        for name in written:
            ocf.tell_syslog(f"{name}: watchdog armed again, interval {self._interval} s")
        not_armed = [*missing.values(), *errors]
        self._disarm_unkicked({error.device for error in [*silent, *not_armed]} & on)
        reasons = [
            *map(str, silent),
            *(f"watchdog not armed: {error}" for error in not_armed),
            *(f"watchdog still on: {error}" for error in former),
            *map(watchdog_failure, failed),
        ]
        return written, next(iter(reasons), "")

    def _keep_off(self, settings: Mapping[str, Values]) -> str:
        """Disarm what is armed; `settings` is what the devices that answered report."""
        on = {name for name, values in settings.items() if state_in(values) == WATCHDOG_ON}
        suspects = on | {name for name in self._state.targets if state_in(settings.get(name, {})) == WATCHDOG_FAILURE}
        errors = self._switch_off([device for device in self._devices if device.name in suspects], settings)
        if not errors and settings.keys() >= {device.name for device in self._devices}:
            self._state.unsure = False
        return f"watchdog still on: {errors[0]}" if errors else ""

    def _switch_off(self, devices: Sequence[Device], settings: Mapping[str, Values]) -> list[DeviceError]:
        """Disarm devices, and stop kicking them and those that are off already; return why some are still on."""
        results = run_on_all(devices, disarm, self._deadline)
        off = {result.device.name for result in results if not result.error}
        off |= {name for name, values in settings.items() if state_in(values) == WATCHDOG_OFF}
        left = {name: target for name, target in self._state.targets.items() if name not in off}
        self._set_targets(left, min((target.interval for target in left.values()), default=0))
        return [*(result.error for result in results if result.error), *self._disarm_former()]

    # --- arming and disarming ----------------------------------------------------------------------------------

    def _arm(self, devices: Sequence[Device]) -> tuple[dict[str, Values], list[DeviceError]]:
        """Arm devices that answer the kick daemon; return what they report, and why some are not armed."""
        if not devices:
            return {}, []
        state_file.check_current(self._path, self._state)
        self._armed += devices
        if not self._launched and not all(self._is_kicked(device.name) for device in devices):
            self._launch()  # it kicks all of them at once; the one that runs may wait a ninth of the interval
        results = run_on_all(devices, self._arm_one, self._deadline)
        armed = {result.device.name: result.value for result in results if result.value is not None}
        targets = dict(self._state.targets)
        for name in armed:
            targets[name] = replace(targets[name], interval=self._interval)
        self._set_targets(targets, min(target.interval for target in targets.values()))
        return armed, [result.error for result in results if result.error]

    def _arm_one(self, device: Device, deadline: float) -> Values:
        device.gbl4.kick(device.seconds(deadline))  # says more exactly than the daemon why it is not answered
        until = min(deadline, time.monotonic() + ANSWER_SECONDS)
        while not self._is_kicked(device.name):
            if time.monotonic() > until:
                raise Unreachable(
                    device.name, f"{device.entry.host} does not answer the kick daemon", "check the firewall"
                )
            time.sleep(_ANSWER_PAUSE_SECONDS)
        state_file.check_current(self._path, self._state)
        return write_armed(device, self._interval, deadline)

    def _is_kicked(self, name: str) -> bool:
        report = process.read_report(self._path)
        kicks = report.devices.get(name)
        is_running = report.pid == process.pid_of(self._path)  # the file may still be that of the daemon before
        return bool(kicks and is_running and kicks.answered_at and kicks.unanswered < LATE)

    def _disarm_unkicked(self, names: Collection[str]) -> None:
        """Disarm devices that do not answer kicks: they would drop lines that are where they should be."""
        devices = [device for device in self._devices if device.name in names]
        for result in run_on_all(devices, disarm, self._deadline):
            what = result.error or f"{result.device.name}: watchdog switched off, as its kicks are not answered"
            ocf.tell_syslog(str(what))

    def _disarm_former(self) -> list[DeviceError]:
        """Disarm devices that are kicked, but not in bnfos.conf any more; return why some are still on."""
        names = {device.name for device in self._devices}
        former = {name: target for name, target in self._state.targets.items() if name not in names}
        errors, gone = self._try_former(former)
        if gone:
            left = {name: target for name, target in self._state.targets.items() if name not in gone}
            self._set_targets(left, min([self._interval or 65535, *(target.interval for target in left.values())]))
        return errors

    def _try_former(self, former: Mapping[str, Target]) -> tuple[list[DeviceError], set[str]]:
        """Disarm devices by their targets; return why some are still on, and which need no kicks any more.

        One that is off, or whose watchdog has expired, cannot be disarmed and need not be: it is given up once it has
        answered no kick for its interval. So is one whose address another device has now.
        """
        if not former:
            return [], set()
        report = process.read_report(self._path)
        gone_devices = [former_device(name, target, self._devices) for name, target in former.items()]
        results = run_on_all(gone_devices, disarm_if_same, self._deadline)
        errors, gone = [], set()
        for name, result in zip(former, results):
            kicks = report.devices.get(name)
            between = self._state.interval / KICKS_PER_INTERVAL**2
            is_gone = bool(kicks and kicks.unanswered * between > former[name].interval)
            if not result.error or isinstance(result.error, NotABerofos) or is_gone:
                gone.add(name)
            elif not isinstance(result.error, Unreachable):
                errors.append(result.error)
        return errors, gone

    # --- the kick daemon ---------------------------------------------------------------------------------------

    def _follow_configuration(self, here: Mapping[str, Values], ask: Collection[str]) -> dict[str, DeviceError]:
        """Let the kick daemon kick what bnfos.conf has now; return why a device cannot be kicked.

        `ask` names the devices whose MAC is asked for if bnfos.conf does not have it; otherwise it is the one known.
        What was kicked so far is kicked on, under a name of its own, until it has been disarmed.
        """
        before, wanted = self._state.targets, {}
        usable = [device for device in self._devices if not device.entry.problem]
        for device in usable:
            if device.entry.mac is None and device.name not in ask and is_of(before.get(device.name), device.entry):
                device.gbl4.mac = mac_of(before[device.name])
        able = [device for device in usable if device.gbl4.mac or device.name in here]
        missing = {}
        for result in run_on_all(able, target_for, self._deadline):
            name, entry = result.device.name, result.device.entry
            known = before.get(name)
            actual = here.get(name, {})
            interval = known.interval if known and not actual else self._interval
            if state_in(actual) == WATCHDOG_ON:
                interval = watchdog_interval(actual) or self._interval
            if result.value:
                wanted[name] = Target(result.value, interval, entry.port)
            elif known:
                wanted[name] = known  # no answer from the name server, or from the device: it is where it was
            elif result.error and name in here:
                missing[name] = result.error
        unable = {device.name for device in self._devices} - {device.name for device in able}
        wanted.update({name: before[name] for name in unable & before.keys()})
        kicks = {target.kick for target in wanted.values()}
        wanted.update({former_name(name, one): one for name, one in before.items() if one.kick not in kicks})
        self._set_targets(wanted, min([self._interval, *(target.interval for target in wanted.values())]))
        return missing

    def _set_targets(self, targets: dict[str, Target], interval: int) -> None:
        """Let the kick daemon kick these, every third of the interval; raise KickDaemonError, StateError."""
        self._state.targets, self._state.interval = targets, interval
        is_on = process.runs_with(self._path, self._state.token, self._pause(), self._kicks(), self._tag)
        if self._renew or not is_on:
            self._launch()

    def _launch(self) -> None:
        """Start a kick daemon in the place of the one there is, or end it if there is nothing to kick."""
        try:
            state_file.save(self._path, self._state)
        except Superseded:
            raise
        except StateError:
            if state_file.token_in(self._path) != self._state.token:  # all that the daemon needs of the file
                raise
        if self._state.targets:
            self._launched = True
            limit = self._deadline - AFTER_LAUNCH_SECONDS - time.monotonic()
            process.launch(self._path, self._state.token, self._pause(), self._kicks(), limit, self._tag)
        else:
            process.end(self._path)
        self._renew = False

    def _kicks(self) -> dict[str, str]:
        return {name: target.kick for name, target in self._state.targets.items()}

    def _pause(self) -> float:
        """Return the seconds from kick to kick."""
        return self._state.interval / KICKS_PER_INTERVAL

    def _text(self) -> str:
        return str(self._interval)
