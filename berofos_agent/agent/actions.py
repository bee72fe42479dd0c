"""start, monitor, validate-all and reload-agent, and what on_stop asks for.

Each function reads like its rows in docs/answers.md. A monitor never moves the relay.
"""

from __future__ import annotations

import contextlib
import os
import signal
import syslog
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Callable, TypeVar

from berofos_agent.agent import dahdi, decisions, node, ocf, showing, statepath
from berofos_agent.agent import state as state_file
from berofos_agent.agent.decisions import OK, Result
from berofos_agent.agent.inputs import alarm, devices_of, parameters_of, position_of
from berofos_agent.agent.invocation import DEEP, Invocation
from berofos_agent.agent.parameters import Parameters
from berofos_agent.agent.state import State
from berofos_agent.device.reading import Reading
from berofos_agent.device.topology import LINES, expected_settings
from berofos_agent.errors import (
    BerofosError,
    ConfigurationError,
    DeviceError,
    KickDaemonError,
    OutOfTime,
    ParameterError,
    StuckRelay,
    Superseded,
)
from berofos_agent.watchdog import paths

if TYPE_CHECKING:
    from berofos_agent.agent.watchdog import Watchdog
    from berofos_agent.device import parallel
    from berofos_agent.device.device import Device, Switched
    from berofos_agent.device.settings import Values

T = TypeVar("T")

LOCK_SECONDS = 4.0
"""For another action on this resource, which only `crm_resource --force-...` lets run beside this one."""
WATCHDOG_SHARE = 1 / 6
"""Of an action's time, what is kept for arming: one silent device would leave none for the watchdogs of the others.

No more, as the lines come first: a device that takes 1.9 s an answer is still read, written and read back in a start.
"""


def run(action: str, call: Invocation) -> int:
    """Do an action, tell the cluster the reason of a failure, and return the exit code."""
    ocf.open_syslog(call.syslog_tag)
    deadline = call.deadline_of(action)
    try:
        with alarm(deadline):
            result = _HANDLERS[action](call, deadline)
    except BerofosError as exc:
        if isinstance(exc, OutOfTime):
            for line in traceback.format_exc().splitlines():
                ocf.tell_syslog(f"{action}: {line}", syslog.LOG_ERR)
        result = Result(decisions.exit_code_of(exc), str(exc))
    if result.reason:
        ocf.exit_reason(result.reason, call.reason_prefix, log=result.is_news)
    return result.code


# --- actions ---------------------------------------------------------------------------------------------------


def start(call: Invocation, deadline: float) -> Result:
    """Bring every device into this node's position."""
    given = parameters_of(call)
    name, mode = position_of(call, given, deadline)
    devices = devices_of(given)
    with state_file.locked(call.state, _patience(deadline)):
        before = state_file.load(call.state)[0]
        state = State(token=before.token, targets=before.targets, interval=before.interval, unsure=before.unsure)
        if not before.targets and os.path.lexists(paths.daemon_lock(call.state)):
            state.unsure = True  # a stop that was killed left a kick daemon, and perhaps armed devices
        state.loaded_token = before.loaded_token
        state_file.save(call.state, state)  # before the first switch: what was begun here must be stopped here
        watchdog = _watchdog(call, given, mode, state, devices, deadline)
        with _undone_if_stopped(call, watchdog):
            end = _until_watchdog(deadline, watchdog)
            errors, in_position = _switch(
                devices, lambda device, end: device.switch(mode, end), end, f"start on {name}", state
            )
            state.mark_in_position(in_position, state_file.clock())
            state.waking = bool(state.moved_at and given.spans)
            answer = decisions.evaluate_start(errors, len(in_position))
            if answer == OK:
                state.conditions["position"] = decisions.together(errors) if errors else ""
                if watchdog:
                    answer, state.conditions["watchdog"] = _start_watchdog(watchdog, in_position, mode)
                for reason in filter(None, state.conditions.values()):
                    ocf.tell_syslog(f"warning: {reason}", syslog.LOG_WARNING)
            state.failure = f"start failed: {answer.reason}" if answer != OK else ""
            is_seen = {mode: bool(in_position), _other(mode): any(isinstance(one, StuckRelay) for one in errors)}
            showing.save(call, state, [one for one in LINES if is_seen[one]], deadline)
    return answer


def monitor(call: Invocation, deadline: float) -> Result:
    """Say whether the relay is in this node's position; agent.main has made sure that the state file is there."""
    given = parameters_of(call)
    _name, mode = position_of(call, given, deadline)
    with state_file.locked(call.state, _patience(deadline)):
        try:
            state, damage = state_file.load_started(call.state)
            if damage:
                ocf.tell_syslog(f"warning: {damage}", syslog.LOG_WARNING)
            return _monitor(call, given, mode, state, deadline)
        except Superseded as exc:
            if statepath.exists(call.state):
                raise
            return Result(ocf.OCF_NOT_RUNNING, str(exc))


def _monitor(call: Invocation, given: Parameters, mode: str, state: State, deadline: float) -> Result:
    problem, devices = "", []
    try:
        devices = devices_of(given)
    except ConfigurationError as exc:
        # 2 or 5 here would stop the relay resource for good, although the relay has not moved.
        problem = str(exc)
    watchdog = _watchdog(call, given, mode, state, devices, deadline)
    with _undone_if_stopped(call, watchdog):
        # First of all, since it must not wait for a device.
        reasons = {"kick daemon": watchdog.restart_if_dead() if watchdog else ""}
        if not watchdog:
            reasons["watchdog"] = ""  # of one that there was before the parameter was set to 0
        readings = _read_all(devices, _until_watchdog(deadline, watchdog))
        now = state_file.clock()
        state.mark_in_position([one.device for one in readings if one.mode == mode], now)
        if not state.seen:
            state.mark_in_position(["(nothing yet)"], now)  # nothing is known of before, so the grace begins here
        if watchdog and devices:
            readings, reasons["watchdog"] = watchdog.keep(readings, mode)
            if reasons["watchdog"] == reasons["kick daemon"]:
                reasons["watchdog"] = ""  # arming a device failed in the same way, and it is said once
        silent = now - max(state.seen.values())
        answer = decisions.evaluate_monitor(readings, mode, silent, given.unreachable_grace, problem)
        reasons["position"] = answer.reason
        if answer.code == ocf.OCF_NOT_RUNNING and watchdog:
            watchdog.stop_if_idle(readings)
        if answer == OK:
            answer = _degraded(reasons["kick daemon"] or reasons.get("watchdog", ""))
        if answer == OK and call.check_level >= DEEP:
            answer = decisions.evaluate_settings(readings, _expected(given, mode))
            reasons["settings"] = answer.reason
        if answer == OK and call.check_level >= DEEP and now - state.moved_at > dahdi.WAKING_SECONDS:
            reasons["spans"] = _spans(call, given, deadline)
            answer = _degraded(reasons["spans"])
        if state.waking and reasons["position"] == "" and not _spans(call, given, deadline):
            state.waking = False
            ocf.tell_syslog(f"spans {' '.join(given.spans)} are up, {now - state.moved_at:.0f} s after the switch")
        answer = answer._replace(is_news=showing.note_conditions(state, reasons, answer.reason))
        has_failed = answer.code not in (ocf.OCF_SUCCESS, ocf.OCF_DEGRADED)
        state.failure = f"monitor failed: {answer.reason}" if has_failed else ""
        is_set = showing.save(call, state, [one.mode for one in readings if one.mode], deadline, must=False)
        if call.check_level >= DEEP:
            with contextlib.suppress(OutOfTime):  # what was seen is the answer, however Pacemaker's daemons hang
                showing.show(call, "" if is_set else state.attribute, devices, deadline)
    return answer


def validate_all(call: Invocation, deadline: float) -> Result:
    """Check the parameters; from level 10 on also bnfos.conf and the devices."""
    given = parameters_of(call)
    if call.check_level < DEEP:
        return OK
    position_of(call, given, deadline)
    results = _run_on_all(devices_of(given), _examine, deadline)
    errors = [result.error for result in results if result.error]
    if errors:
        worst = decisions.most_severe(errors)
        return Result(decisions.exit_code_of(worst), decisions.together([worst, *errors]))
    readings = [Reading(result.device.name, result.value or {}) for result in results]
    settings = decisions.evaluate_settings(readings, expected_settings(given.scenario, given.watchdog))
    return settings if settings == OK else Result(ocf.OCF_ERR_GENERIC, settings.reason)


def reload_agent(call: Invocation, deadline: float) -> Result:
    """Take changed reloadable parameters: every action reads them anew, only the watchdog has to be adapted.

    Another answer than success would count as a failed start, so what is wrong is logged here.
    """
    reason = ""
    try:
        given = parameters_of(call)
        if statepath.exists(call.state):
            with state_file.locked(call.state, _patience(deadline)):
                reason = _reload_watchdog(call, given, deadline)
    except ParameterError as exc:
        ocf.tell_syslog(f"reload-agent: {exc}; correct it, the next monitor fails", syslog.LOG_ERR)
    except BerofosError as exc:
        reason = str(exc)
    if reason:
        ocf.tell_syslog(f"reload-agent: {reason}; the next monitor tries again", syslog.LOG_ERR)
    return OK


def _reload_watchdog(call: Invocation, given: Parameters, deadline: float) -> str:
    state = state_file.load_started(call.state)[0]
    _name, mode = position_of(call, given, deadline)
    devices = devices_of(given)
    watchdog = _watchdog(call, given, mode, state, devices, deadline)
    if not watchdog:
        return ""
    with _undone_if_stopped(call, watchdog):
        hung = watchdog.restart_if_dead()  # its report would say that a device is kicked, which is armed for that then
        _readings, reason = watchdog.keep(_read_all(devices, _until_watchdog(deadline, watchdog)), mode)
        state_file.save(call.state, state)
    return hung or reason


def after_stop(call: Invocation, state: State) -> None:
    """Do what on_stop asks for, once the state file is gone; the caller catches what fails."""
    ocf.open_syslog(call.syslog_tag)
    deadline = call.deadline_of("stop")
    with alarm(deadline):
        try:
            for problem in _leave(call, state, deadline):
                ocf.tell_syslog(f"stop: {problem}", syslog.LOG_WARNING)
        finally:
            if state.attribute:
                node.set_attribute(
                    call.attribute("lines"), showing.last_seen(state), call.environ, deadline - time.monotonic()
                )


def _leave(call: Invocation, state: State, deadline: float) -> list[BerofosError]:
    """Disarm every device, and with on_stop=fallback switch it; return what went wrong."""
    problems: list[BerofosError] = []
    falls_back, devices = False, []
    try:
        given = parameters_of(call)
        falls_back = given.on_stop == "fallback"
        devices = devices_of(given)
    except BerofosError as exc:
        problems.append(exc)
    watchdog, former = None, []
    if state.targets or state.unsure:
        from berofos_agent.agent.watchdog import Watchdog

        watchdog = Watchdog(call, state, devices, 0, deadline)
        former = watchdog.former()

    def leave(device: Device, end: float) -> Switched | None:
        if watchdog:  # before the relay is moved or left: a stop must not end in an alarm
            try:
                watchdog.disarm(device, end)
            except DeviceError as exc:
                problems.append(exc)
        return device.switch("0", end) if falls_back and device not in former else None

    # Each device in its own thread, from its watchdog to its relay: a silent one keeps no other waiting.
    errors, moved = _switch([*devices, *former], leave, deadline, "stop, on_stop=fallback", state)
    state.attribute = LINES["0"] if moved and not errors else state.attribute
    return [*problems, *errors]


_HANDLERS: Mapping[str, Callable[[Invocation, float], Result]] = {
    "start": start,
    "monitor": monitor,
    "validate-all": validate_all,
    "reload-agent": reload_agent,
}


# --- the watchdog ----------------------------------------------------------------------------------------------


def _watchdog(
    call: Invocation, given: Parameters, mode: str, state: State, devices: Sequence[Device], deadline: float
) -> Watchdog | None:
    """Return the resource's watchdog; None, and nothing of it loaded, if it has none and had none."""
    if not (given.watchdog or state.targets or state.unsure):
        return None
    from berofos_agent.agent.watchdog import Watchdog

    return Watchdog(call, state, devices, _interval(given, mode), deadline)


def _other(mode: str) -> str:
    (other,) = LINES.keys() - {mode}
    return other


def _interval(given: Parameters, mode: str) -> int:
    """Return the watchdog's interval in seconds on the node with this relay mode, 0 for off."""
    return given.watchdog if mode == "1" else 0


def _expected(given: Parameters, mode: str) -> Mapping[str, str]:
    """Return the settings a device should have while this node has the lines."""
    expected = expected_settings(given.scenario, given.watchdog)
    if not _interval(given, mode):
        expected.pop("wdogitime", None)  # the start at B sets it
        expected["wdog"] = "0"
    return expected


def _start_watchdog(watchdog: Watchdog, in_position: Sequence[str], mode: str) -> tuple[Result, str]:
    """Arm the devices in position; return the start's answer, and what to warn of.

    A device that does not answer kicks, or does not take the settings, stays unarmed; without a kick daemon all do. The
    next monitor tries again: the lines are where they belong. One that has left its position meanwhile fails the start:
    then no kick daemon and no armed watchdog stay behind.
    """
    try:
        settings, errors = watchdog.start(in_position)
        readings = [Reading(name, values) for name, values in settings.items()]
        position = decisions.evaluate_monitor(readings, mode, 0, 1) if readings else OK
        if position == OK:
            what = "not armed" if watchdog.is_wanted else "still on"
            return OK, f"watchdog {what}: {decisions.together(errors)}" if errors else ""
    except Superseded:
        raise
    except KickDaemonError as exc:
        watchdog.give_up()
        return OK, str(exc)
    except BaseException:
        watchdog.give_up()
        raise
    watchdog.give_up()
    return Result(ocf.OCF_ERR_GENERIC, position.reason), ""


def _until_watchdog(deadline: float, watchdog: Watchdog | None) -> float:
    """Return when what comes before the watchdog's turn has to end."""
    share = WATCHDOG_SHARE if watchdog and watchdog.is_wanted else 0
    return deadline - share * (deadline - time.monotonic())


@contextlib.contextmanager
def _undone_if_stopped(call: Invocation, watchdog: Watchdog | None) -> Iterator[None]:
    """Take back what the watchdog did if the resource was stopped while this action ran."""
    try:
        yield
    except BaseException:
        if watchdog and not statepath.exists(call.state):
            signal.setitimer(signal.ITIMER_REAL, 0)  # nobody waits for this action any more
            watchdog.undo()
        raise


# --- what the actions share ------------------------------------------------------------------------------------


def _spans(call: Invocation, given: Parameters, deadline: float) -> str:
    """Return what is wrong with the spans; of layer 2 only what Asterisk says, as it need not run here."""
    reason = dahdi.evaluate([dahdi.read(span, call.dahdi) for span in given.spans])
    until = min(deadline, time.monotonic() + node.COMMAND_SECONDS)
    for span in given.spans if given.layer2 and not reason else ():
        told = node.output_of(dahdi.ask_layer2(span), call.environ, until - time.monotonic())
        reason = reason or dahdi.evaluate_layer2(span, told)
    return reason


def _patience(deadline: float) -> float:
    return min(LOCK_SECONDS, (deadline - time.monotonic()) / 2)


def _run_on_all(
    devices: Sequence[Device], work: Callable[[Device, float], T], deadline: float
) -> list[parallel.Result[T]]:
    from berofos_agent.device.parallel import run_on_all

    return run_on_all(devices, work, deadline)


def _read_all(devices: Sequence[Device], deadline: float) -> list[Reading]:
    from berofos_agent.device.parallel import read_all

    return read_all(devices, deadline)


def _degraded(reason: str) -> Result:
    return Result(ocf.OCF_DEGRADED, reason) if reason else OK


def _switch(
    devices: Sequence[Device],
    switch: Callable[[Device, float], Switched | None],
    deadline: float,
    why: str,
    state: State,
) -> tuple[list[DeviceError], list[str]]:
    """Switch the devices, log each movement; return the errors and the names of those in position."""
    results = _run_on_all(devices, switch, deadline)
    for result in results:
        done = result.value
        if done and done.moved:
            state.moved_at = state_file.clock()
            before, after = LINES.get(done.before, "unknown"), LINES[done.after]
            ocf.tell_syslog(f"{result.device.name}: switched from {before} to {after}: {why}, {done.milliseconds} ms")
    return [one.error for one in results if one.error], [one.device.name for one in results if one.value]


def _examine(device: Device, deadline: float) -> Values:
    settings = device.read(deadline)
    device.identify(deadline)
    return settings
