"""What OCF asks of an agent: exit codes, one exit reason, lines for syslog.

The codes and the logger are those of ClusterLabs' own Python library for agents (`ocf.py` of the Debian package
resource-agents), a top-level module of the same name as this one: `import ocf` is the library, `agent.ocf` is this.
The codes of OCF 1.1 that it lacks are here. Its run() is not used: it judges parameters before a stop. Nor are
get_parameter and ocf_exit_reason: they read the environment of the process, not the one that `main` was given.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import syslog
from typing import Any

from berofos_agent import systemlog

OCF_DEGRADED = 190
EXIT_REASON_BYTES = 128
"""Pacemaker cuts the rest."""


class OcfLibraryMissing(ImportError):
    """ClusterLabs' ocf.py is not installed, or cannot be imported."""


def _library() -> Any:
    root = os.environ.get("OCF_ROOT", "/usr/lib/ocf")
    folders = (
        os.environ.get("OCF_FUNCTIONS_DIR", ""),
        os.path.join(root, "lib/heartbeat"),
        "/usr/lib/ocf/lib/heartbeat",
    )
    folder = next((name for name in folders if os.path.isfile(os.path.join(name, "ocf.py"))), None)
    if folder is None:
        raise OcfLibraryMissing("ocf.py is not installed; install the package resource-agents")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("ocf")
    except OSError:  # it opens log files when imported, and one that cannot be opened must not stop a telephone line
        for name in ("HA_LOGFILE", "HA_DEBUGLOG"):
            os.environ.pop(name, None)
        sys.modules.pop("ocf", None)
        return importlib.import_module("ocf")
    finally:
        sys.path.remove(folder)


_ocf = _library()
logging.raiseExceptions = False  # else a log file that cannot be written prints a traceback in front of the cluster

OCF_SUCCESS: int = _ocf.OCF_SUCCESS
OCF_ERR_GENERIC: int = _ocf.OCF_ERR_GENERIC
OCF_ERR_ARGS: int = _ocf.OCF_ERR_ARGS
OCF_ERR_PERM: int = _ocf.OCF_ERR_PERM
OCF_ERR_INSTALLED: int = _ocf.OCF_ERR_INSTALLED
OCF_ERR_CONFIGURED: int = _ocf.OCF_ERR_CONFIGURED
OCF_NOT_RUNNING: int = _ocf.OCF_NOT_RUNNING


def exit_reason(reason: str, prefix: str, log: bool) -> None:
    """Tell the cluster why an action fails; `log` is false for a condition that was logged when it began."""
    text = fit(reason)
    with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
        print(f"{prefix}{text}", file=sys.stderr, flush=True)
    if log and systemlog.has_room():  # the library's logger would wait, too
        _ocf.logger.error(text)


def fit(reason: str) -> str:
    """Return the reason on one line of at most 128 bytes, where Pacemaker would cut it."""
    line = " ".join(_writable(reason).split())
    data = line.encode()
    if len(data) <= EXIT_REASON_BYTES:
        return line
    return data[: EXIT_REASON_BYTES - 3].decode(errors="ignore") + "..."


def open_syslog(tag: str) -> None:
    """Give the lines of tell_syslog, and those of the library, a tag."""
    systemlog.name(tag)
    syslog.openlog(tag, syslog.LOG_PID, syslog.LOG_DAEMON)


def tell_syslog(line: str, priority: int = syslog.LOG_NOTICE) -> None:
    """Log a line that must be seen.

    The library's logger has a syslog handler only where HA_LOGFACILITY is set, which `crm_resource --force-*`
    does not do, so this goes the direct way.
    """
    systemlog.tell(priority, _writable(line))


def _writable(text: str) -> str:
    """Return the text with what cannot be shown spelt out: a parameter may hold any byte, even an escape sequence."""
    return "".join(
        char if char.isprintable() or char.isspace() else char.encode("unicode_escape").decode() for char in text
    )
