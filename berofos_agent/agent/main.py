"""What Pacemaker calls: from an action's name to an exit code; loads no more than the action needs.

meta-data and a probe without state load neither the OCF library nor anything that could speak to a device, so
this module imports only what every answer needs; berofos_agent.actions has the rest.
"""

from __future__ import annotations

import os
import sys

from berofos_agent.agent import state
from berofos_agent.watchdog import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SUCCESS = 0
ERR_GENERIC = 1
ERR_UNIMPLEMENTED = 3
ERR_INSTALLED = 5
NOT_RUNNING = 7

USAGE = """\
usage: berofos {start|stop|monitor|validate-all|reload-agent|meta-data|usage|help|methods}

OCF resource agent for bero*fos relays; run by Pacemaker as ocf:xivo:berofos.
See ocf_xivo_berofos(7) for its parameters.
"""
METHODS = "start\nstop\nmonitor\nvalidate-all\nreload-agent\nmeta-data\nusage\nhelp\nmethods\n"


def main(argv: Sequence[str], environ: Mapping[str, str], before_giving_up: Callable[[], None] = lambda: None) -> int:
    """Do the action named by argv[1] and return its exit code; never raises.

    `before_giving_up` is called before the cluster is told of a fault of the agent itself; it need not return.
    """
    action = argv[1] if len(argv) == 2 else ""
    try:
        if action in _PRINTED:
            sys.stdout.write(_PRINTED[action]())
            sys.stdout.flush()
            return SUCCESS
        if action == "stop":
            return _stop(environ)
        # First of all: nothing that is wrong here may make a probe say anything but "not running", for that
        # would ban the node or stop a resource that was never started.
        if action == "monitor" and not state.exists(state.path_of(environ)):
            return NOT_RUNNING
        if action in ("start", "monitor", "validate-all", "reload-agent"):
            return _act(action, environ, before_giving_up)
    except BaseException as exc:
        before_giving_up()
        return _internal_error(action, exc)
    sys.stderr.write(USAGE)
    return ERR_UNIMPLEMENTED


def _act(action: str, environ: Mapping[str, str], before_giving_up: Callable[[], None]) -> int:
    try:
        from berofos_agent.agent import actions

        return actions.run(action, environ)
    except ImportError as exc:
        before_giving_up()
        return _installation_error(exc)


def _stop(environ: Mapping[str, str]) -> int:
    """Stop never fails: a failed stop gets a telephone server fenced, and the other node's start moves the relay
    whatever this node believes. So the duty comes first, and what on_stop asks for is tried under a catch-all.
    """
    path = state.path_of(environ)
    try:
        if not state.exists(path):
            _end_kicker(path)
            return SUCCESS
        try:
            memory = state.load(path)[0]
        finally:
            state.remove(path)
            _end_kicker(path)
        from berofos_agent.agent import actions

        actions.after_stop(environ, memory)
    except BaseException as exc:
        _log_traceback(f"stop: {exc}")
    return SUCCESS


def _end_kicker(path: str) -> None:
    try:
        if not os.path.lexists(paths.kicker_lock(path)):
            return
        from berofos_agent.watchdog import process

        process.end(path)
    except BaseException as exc:
        _log_traceback(f"stop: {exc}; it ends by itself, as the state file is gone")


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


def _installation_error(exc: ImportError) -> int:
    # The shim may be what is missing, so the reason is written without it.
    missing = f"Python module {exc.name} is missing; install python3-{exc.name}" if exc.name else str(exc)
    sys.stderr.write(f"ocf-exit-reason:{missing[:128]}\n")
    _log_traceback(f"cannot be loaded: {exc}")
    return ERR_INSTALLED


def _internal_error(action: str, exc: BaseException) -> int:
    sys.stderr.write(f"ocf-exit-reason:{action}: internal error ({type(exc).__name__}); syslog has the details\n")
    _log_traceback(f"{action}: internal error")
    return ERR_GENERIC


def _log_traceback(what: str) -> None:
    import syslog
    import traceback

    syslog.openlog("berofos", syslog.LOG_PID, syslog.LOG_DAEMON)
    for line in [what, *traceback.format_exc().splitlines()]:
        syslog.syslog(syslog.LOG_ERR, line.replace("\0", " "))
