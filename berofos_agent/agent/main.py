"""What Pacemaker calls: from an action's name to an exit code, loading no more than the action needs.

meta-data and a probe without state load neither the OCF library nor anything that could speak to a device, so
this module imports only what every answer needs; agent.actions has the rest.
"""

from __future__ import annotations

import errno
import os
import sys

from berofos_agent.agent import statepath
from berofos_agent.agent.invocation import Invocation, syslog_tag
from berofos_agent.errors import missing_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SUCCESS = 0
ERR_GENERIC = 1
ERR_UNIMPLEMENTED = 3
ERR_INSTALLED = 5
NOT_RUNNING = 7

STOP_WAITS_SECONDS = 2.0
"""For another action that runs beside this stop, which only `crm_resource --force-...` lets happen.

After 3 s, on a busy machine, too little of the 8 s was left to disarm a device with three answers of 1.5 s each.
"""

USAGE = """\
usage: berofos {start|stop|monitor|validate-all|reload-agent|meta-data|usage|help|methods}

OCF resource agent for bero*fos relays; run by Pacemaker as ocf:xivo:berofos.
See ocf_xivo_berofos(7) for its parameters.
"""
METHODS = "start\nstop\nmonitor\nvalidate-all\nreload-agent\nmeta-data\nusage\nhelp\nmethods\n"


def main(
    argv: Sequence[str],
    environ: Mapping[str, str],
    before_giving_up: Callable[[], None] = lambda: None,
    age: float = 0.0,
) -> int:
    """Do the action named by argv[1] and return its exit code; never raises.

    `before_giving_up` is called before the cluster hears of a fault of the agent itself; it need not return.
    `age` is for how many seconds this process runs already.
    """
    action = argv[1] if len(argv) == 2 else ""
    try:
        if action in _PRINTED:
            sys.stdout.write(_PRINTED[action]())
            sys.stdout.flush()
            return SUCCESS
        if action in ("start", "stop", "monitor", "validate-all", "reload-agent"):
            return _act(action, Invocation(environ, age), before_giving_up)
    except BaseException as exc:
        if action == "stop":
            return SUCCESS
        before_giving_up()
        return _internal_error(action, exc, environ)
    _say(USAGE)
    return ERR_UNIMPLEMENTED


def _act(action: str, call: Invocation, before_giving_up: Callable[[], None]) -> int:
    if action == "stop":
        return _stop(call)
    # First of all: nothing that is wrong here may make a probe say anything but "not running", for that would ban
    # the node or stop a resource that was never started.
    if action == "monitor" and not statepath.exists(call.state):
        return _look_whether_ready(call) if call.asks_for_readiness else NOT_RUNNING
    try:
        from berofos_agent.agent import actions

        return actions.run(action, call)
    except ImportError as exc:
        before_giving_up()
        return _installation_error(exc, call)


def _look_whether_ready(call: Invocation) -> int:
    """Any other answer than "not running" from a monitor with role=Stopped would count as a failure."""
    try:
        from berofos_agent.agent import readiness

        readiness.publish(call)
    except BaseException as exc:
        _log_traceback(call.environ, f"readiness: {exc}")
    return NOT_RUNNING


def _stop(call: Invocation) -> int:
    """Stop never fails: a failed stop gets a telephone server fenced, and the other node's start moves the relay
    whatever this node believes. So the duty comes first, each step of it whatever the others met, and what on_stop
    asks for is tried under a catch-all.
    """
    if not statepath.exists(call.state):
        _end_kick_daemon(call)
        _tidy_up(call.state)
        return SUCCESS
    try:
        from berofos_agent.agent import state

        with state.locked(call.state, STOP_WAITS_SECONDS):
            try:
                known, damage = state.load(call.state)
                if damage:
                    _log(call.environ, f"stop: {damage}")
            finally:
                _remove(call)
                _end_kick_daemon(call)
            try:
                from berofos_agent.agent import actions

                actions.after_stop(call, known)
            finally:
                _remove(call)  # an action that hung longer than we waited for it may have written it again
    except BaseException as exc:
        _remove(call)  # first, as there may be no memory left for anything else
        _end_kick_daemon(call)
        _log_traceback(call.environ, f"stop: {exc}")
    _tidy_up(call.state)
    return SUCCESS


def _tidy_up(path: str) -> None:
    """Remove what actions that were killed left beside the state file."""
    folder, name = os.path.split(path)
    try:
        for left in os.listdir(folder):
            if left == f"{name}.lock" or (left.startswith(f"{name}.") and left.endswith(".tmp")):
                os.unlink(os.path.join(folder, left))
    except OSError:
        return  # nothing that matters


def _remove(call: Invocation) -> None:
    try:
        statepath.remove(call.state)
    except OSError as exc:
        _log(call.environ, f"stop: {call.state}: {exc.strerror}; remove it, the next probe finds the resource running")


def _end_kick_daemon(call: Invocation) -> None:
    try:
        from berofos_agent.watchdog import paths

        if not os.path.lexists(paths.daemon_lock(call.state)):
            return
        from berofos_agent.watchdog import process

        process.end(call.state)
    except BaseException as exc:
        _log_traceback(call.environ, f"stop: {exc}; it ends by itself, as the state file is gone")


def _metadata() -> str:
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder in (os.path.join(package, "metadata"), os.path.join(os.path.dirname(package), "metadata")):
        path = os.path.join(folder, "berofos.xml")
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                return file.read()
    raise FileNotFoundError("metadata/berofos.xml is not installed; reinstall resource-agents-berofos")


_PRINTED: dict[str, Callable[[], str]] = {
    "meta-data": _metadata,
    "usage": lambda: USAGE,
    "help": lambda: USAGE,
    "methods": lambda: METHODS,
}


def _installation_error(exc: ImportError, call: Invocation) -> int:
    # The shim may be what is missing, so the reason is written without it.
    _say(f"ocf-exit-reason:{missing_module(exc)[:128]}\n")
    _log_traceback(call.environ, f"cannot be loaded: {exc}")
    return ERR_INSTALLED


def _internal_error(action: str, exc: BaseException, environ: Mapping[str, str]) -> int:
    what = f"internal error ({type(exc).__name__}); see syslog and report it"
    no_memory = isinstance(exc, MemoryError) or getattr(exc, "errno", None) == errno.ENOMEM
    if no_memory or (isinstance(exc, SystemError) and _has_memory_limit()):
        what = "this node is out of memory; see ps aux --sort=-rss"
    _say(f"ocf-exit-reason:{action}: {what}\n")
    _log_traceback(environ, f"{action}: {what}")
    return ERR_GENERIC


def _has_memory_limit() -> bool:
    """Tell whether `ulimit -v` is set: CPython turns some allocations that fail into a SystemError."""
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def _say(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # nobody reads it; the exit code is what counts


def _log_traceback(environ: Mapping[str, str], what: str) -> None:
    try:
        import traceback

        for line in [what, *traceback.format_exc().splitlines()]:
            _log(environ, line)
    except (MemoryError, SystemError, ImportError):
        return  # too little memory even to log: the exit code is what counts


def _log(environ: Mapping[str, str], line: str) -> None:
    import syslog

    from berofos_agent import systemlog

    systemlog.name(syslog_tag(environ))
    systemlog.tell(syslog.LOG_ERR, line.encode("ascii", "backslashreplace").decode())
