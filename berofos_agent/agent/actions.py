"""start, monitor, validate-all and reload-agent, and what on_stop asks for; knows OCF and leaves protocols to `bank`.

Each function reads like its rows of "What the agent answers" in docs/. A monitor never moves the relay.
"""

from __future__ import annotations

import contextlib
import signal
import syslog
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Callable, TypeVar

from berofos_agent.agent import dahdi, decisions, node, ocf, parameters, state, watchdog
from berofos_agent.agent.decisions import OK, Result
from berofos_agent.agent.parameters import Parameters
from berofos_agent.agent.state import State
from berofos_agent.config import bnfosconf
from berofos_agent.device.reading import Reading
from berofos_agent.device.topology import LINES, expected_settings
from berofos_agent.errors import (
    BerofosError,
    ConfigurationError,
    DeviceError,
    NotCabled,
    OutOfTime,
    ParameterError,
    StateError,
)
from berofos_agent.watchdog import process

if TYPE_CHECKING:
    from berofos_agent.device import parallel
    from berofos_agent.device.device import Device, Switched
    from berofos_agent.device.settings import Values

T = TypeVar("T")

START_SECONDS = 7.0
"""While a start runs, Pacemaker recovers nothing else in the cluster; so it is short, whatever its timeout: 8 s at
most, and the interpreter's own start is part of that.
"""
STOP_SECONDS = 8.0
DEFAULT_TIMEOUT_SECONDS = 20.0
DEEP = 10
"""OCF_CHECK_LEVEL from which settings are judged too."""


def run(action: str, environ: Mapping[str, str]) -> int:
    """Do an action and return its exit code; a failure's reason has been told by then."""
    deadline = deadline_of(environ, time.monotonic())
    try:
        with _alarm(deadline):
            return _HANDLERS[action](environ, deadline)
    except BerofosError as exc:
        if isinstance(exc, OutOfTime):
            for line in traceback.format_exc().splitlines():
                ocf.tell_syslog(f"{action}: {line}", syslog.LOG_ERR)
        ocf.exit_reason(str(exc))
        return decisions.exit_code_of(exc)


def deadline_of(environ: Mapping[str, str], now: float) -> float:
    """Return when (time.monotonic()) an action has to end: the cluster's time limit less a tenth, 2 s at most."""
    text = environ.get("OCF_RESKEY_CRM_meta_timeout", "")
    is_number = text.isascii() and text.isdigit() and len(text) < 10
    seconds = int(text) / 1000 if is_number and int(text) else DEFAULT_TIMEOUT_SECONDS
    return now + seconds - min(2.0, seconds / 10)


@contextlib.contextmanager
def _alarm(deadline: float) -> Iterator[None]:
    def ring(_signal: int, _frame: object) -> None:
        raise OutOfTime("the action did not end in time; see syslog")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(0.05, deadline - time.monotonic() + 0.25))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


# --- actions ---------------------------------------------------------------------------------------------------


def start(environ: Mapping[str, str], deadline: float) -> int:
    """Bring every device into this node's position."""
    given = _parameters(environ)
    name, mode = _position(environ, given)
    devices = _devices(given)
    path = state.path_of(environ)
    memory = State()
    state.save(path, memory)  # before the first switch: what was begun here must be stopped here
    process.end(path)  # of a start before this one
    end = min(deadline, time.monotonic() + START_SECONDS)
    errors, in_position = _switch(devices, mode, end, f"start on {name}", memory)
    memory.saw(in_position, state.clock())
    answer = decisions.evaluate_start(errors, len(in_position))
    if answer == OK:
        degraded = {"position": decisions.together(errors) if errors else ""}
        if given.watchdog:
            seconds = watchdog.interval(given, mode)
            degraded["watchdog"], answer = watchdog.begin(path, memory, devices, in_position, seconds, end)
        for kind, reason in degraded.items():
            if reason:
                ocf.tell_syslog(f"warning: {reason}", syslog.LOG_WARNING)
                memory.conditions[kind] = reason
    _show(environ, memory, [mode] if in_position else [])
    state.save(path, memory)
    return _end(answer)


def monitor(environ: Mapping[str, str], deadline: float) -> int:
    """Tell whether the relay is in this node's position; agent.main has made sure that the state file is there."""
    given = _parameters(environ)
    _name, mode = _position(environ, given)
    path = state.path_of(environ)
    memory, damage = state.load(path)
    if damage:
        ocf.tell_syslog(f"warning: {damage}", syslog.LOG_WARNING)
    reasons = {"kicker": watchdog.revive(path, memory)}  # first of all: it is what must not wait for a device
    trouble, devices = "", []
    try:
        devices = _devices(given)
    except ConfigurationError as exc:
        # 2 or 5 here would stop the relay resource for good, although the relay has not moved.
        trouble = str(exc)
    seen = _ask(devices, deadline)
    now = state.clock()
    memory.saw([one.device for one in seen if one.mode == mode], now)
    if not memory.seen:
        memory.saw(["(nothing yet)"], now)  # nothing is known of before, so the grace begins here
    answer = decisions.evaluate_monitor(seen, mode, now - max(memory.seen.values()), given.unreachable_grace, trouble)
    reasons["position"] = answer.reason
    if answer == OK:
        reasons["watchdog"] = ""
        if given.watchdog or memory.watchdog:
            seconds = watchdog.interval(given, mode)
            seen, reasons["watchdog"] = watchdog.keep(path, memory, devices, seen, seconds, deadline)
        answer = _degraded(reasons["kicker"] or reasons["watchdog"])
    if answer.code == ocf.OCF_NOT_RUNNING:
        watchdog.rest(path, memory, devices, seen)
    if answer == OK and _level(environ) >= DEEP:
        answer = decisions.evaluate_settings(seen, watchdog.settings(given, mode))
        reasons["settings"] = answer.reason
    if answer == OK and _level(environ) >= DEEP and now - memory.moved_at > dahdi.WAKING_SECONDS:
        reasons["spans"] = dahdi.judge([dahdi.read(span, environ) for span in given.spans])
        answer = _degraded(reasons["spans"])
    is_news = _note_conditions(memory, reasons)
    _show(environ, memory, [one.mode for one in seen if one.mode])
    try:
        state.save(path, memory)
    except StateError as exc:
        ocf.tell_syslog(f"warning: {exc}", syslog.LOG_WARNING)
    return _end(answer, is_news)


def validate_all(environ: Mapping[str, str], deadline: float) -> int:
    """Judge the parameters; from level 10 on also bnfos.conf and the devices."""
    given = _parameters(environ)
    if _level(environ) < DEEP:
        return _end(OK)
    _position(environ, given)
    results = _run_on_all(_devices(given), _examine, deadline)
    errors = [result.error for result in results if result.error]
    if errors:
        worst = decisions.most_severe(errors)
        return _end(Result(decisions.exit_code_of(worst), decisions.together([worst, *errors])))
    seen = [Reading(result.device.name, result.value or {}) for result in results]
    settings = decisions.evaluate_settings(seen, expected_settings(given.scenario, given.watchdog))
    return _end(settings if settings == OK else Result(ocf.OCF_ERR_GENERIC, settings.reason))


def reload_agent(environ: Mapping[str, str], deadline: float) -> int:
    """Take changed reloadable parameters: every action reads them anew, only the watchdog has to be told.

    Another answer than success would count as a failed start, so a bad parameter is logged here.
    """
    try:
        given = _parameters(environ)
    except ParameterError as exc:
        ocf.tell_syslog(f"reload-agent: {exc}; correct it, the next monitor fails", syslog.LOG_ERR)
        return _end(OK)
    path = state.path_of(environ)
    if not state.exists(path):
        return _end(OK)
    memory = state.load(path)[0]
    if given.watchdog != memory.watchdog:
        try:
            _name, mode = _position(environ, given)
            devices = _devices(given)
            seen = [one for one in _ask(devices, deadline) if one.mode == mode]
            reason = watchdog.keep(path, memory, devices, seen, watchdog.interval(given, mode), deadline)[1]
            state.save(path, memory)
        except BerofosError as exc:
            reason = str(exc)
        if reason:
            ocf.tell_syslog(f"reload-agent: {reason}; the next monitor tries again", syslog.LOG_ERR)
    return _end(OK)


def after_stop(environ: Mapping[str, str], memory: State) -> None:
    """Do what on_stop asks for, once the state file is gone; the caller catches what fails."""
    deadline = deadline_of(environ, time.monotonic())
    with _alarm(deadline):
        try:
            given = _parameters(environ)
            end = min(deadline, time.monotonic() + STOP_SECONDS)
            errors: list[DeviceError] = []
            if memory.watchdog:  # before the relay is moved or left: a clean stop must not end in an alarm
                errors += watchdog.end(state.path_of(environ), memory, _devices(given), end)
            if given.on_stop == "fallback":
                errors += _switch(_devices(given), "0", end, "stop, on_stop=fallback", memory)[0]
            for error in errors:
                ocf.tell_syslog(f"stop: {error}", syslog.LOG_WARNING)
        except BerofosError as exc:
            ocf.tell_syslog(f"stop: {exc}", syslog.LOG_ERR)
        finally:
            if memory.attribute:
                node.set_attribute(_attribute_name(environ), "")


_HANDLERS: Mapping[str, Callable[[Mapping[str, str], float], int]] = {
    "start": start,
    "monitor": monitor,
    "validate-all": validate_all,
    "reload-agent": reload_agent,
}


# --- what the actions share ------------------------------------------------------------------------------------


def _parameters(environ: Mapping[str, str]) -> Parameters:
    clones = environ.get("OCF_RESKEY_CRM_meta_clone_max", "")
    if clones.isascii() and clones.isdigit() and int(clones) > 1:
        raise ParameterError("must not be cloned: two instances would fight over one relay; remove the clone")
    return parameters.parse(ocf.get_parameter)


def _position(environ: Mapping[str, str], given: Parameters) -> tuple[str, str]:
    """Return this node's name and the relay mode that brings the lines here; raise NotCabled."""
    name = node.this_node(environ)
    mode = node.relay_mode_for(name, given.port_b_node, given.port_d_node)
    if mode is None:
        cabled = " and ".join(filter(None, (given.port_b_node, given.port_d_node)))
        raise NotCabled(f"node {name} is cabled to neither port (port_b_node, port_d_node name {cabled})")
    return name, mode


def _devices(given: Parameters) -> list[Device]:
    """Return the resource's devices; raise ConfigurationError."""
    from berofos_agent.device.device import Device

    entries = bnfosconf.select(bnfosconf.read(given.config), given.devices, given.config)
    return [Device(entry, given.request_timeout) for entry in entries]


def _level(environ: Mapping[str, str]) -> int:
    text = environ.get("OCF_CHECK_LEVEL", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _run_on_all(
    devices: Sequence[Device], work: Callable[[Device, float], T], deadline: float
) -> list[parallel.Result[T]]:
    from berofos_agent.device.parallel import run_on_all

    return run_on_all(devices, work, deadline)


def _ask(devices: Sequence[Device], deadline: float) -> list[Reading]:
    from berofos_agent.device.parallel import read_all

    return read_all(devices, deadline)


def _degraded(reason: str) -> Result:
    return Result(ocf.OCF_DEGRADED, reason) if reason else OK


def _switch(
    devices: Sequence[Device], mode: str, deadline: float, why: str, memory: State
) -> tuple[list[DeviceError], list[str]]:
    """Bring the devices to a mode, log each movement; return the errors and the names of those in position."""

    def switch(device: Device, end: float) -> Switched:
        return device.switch(mode, end)

    results = _run_on_all(devices, switch, deadline)
    for result in results:
        done = result.value
        if done and done.moved:
            memory.moved_at = state.clock()
            before, after = LINES.get(done.before, "unknown"), LINES[done.after]
            ocf.tell_syslog(f"{result.device.name}: switched from {before} to {after}: {why}, {done.milliseconds} ms")
    return [one.error for one in results if one.error], [one.device.name for one in results if one.value]


def _examine(device: Device, deadline: float) -> Values:
    told = device.read(deadline)
    device.identify(deadline)
    return told


def _note_conditions(memory: State, reasons: Mapping[str, str]) -> bool:
    """Remember what is wrong; log what has ended, and return whether something began or changed."""
    is_news = False
    for kind, reason in reasons.items():
        before = memory.conditions.get(kind, "")
        if before and not reason:
            ocf.tell_syslog(f"over: {before}")
        is_news = is_news or bool(reason and reason != before)
        memory.conditions[kind] = reason
    return is_news


def _show(environ: Mapping[str, str], memory: State, modes: Iterable[str]) -> None:
    """Let `crm_mon -A` show where the lines are, and what is wrong; tried once a change, whether it works or not."""
    lines = "/".join(sorted({LINES[mode] for mode in modes})) or "unknown"
    value = "; ".join([lines, *filter(None, memory.conditions.values())])
    if value != memory.attribute:
        memory.attribute = value
        node.set_attribute(_attribute_name(environ), value)


def _attribute_name(environ: Mapping[str, str]) -> str:
    return environ.get("OCF_RESOURCE_INSTANCE", "default").replace(":", "-") + "-lines"


def _end(answer: Result, is_news: bool = True) -> int:
    if answer.reason:
        ocf.exit_reason(answer.reason, log=is_news)
    return answer.code
