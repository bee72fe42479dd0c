"""The shim over ClusterLabs' own Python library for agents; knows where it is and what OCF 1.1 has beyond it.

That library (`ocf.py` of the Debian package resource-agents) is a top-level module of the same name as this one;
`import ocf` below is the library, `berofos_agent.ocf` is the shim. Its run() is not used: it judges parameters
before a stop. Importing it opens log files and fails where it cannot, which must not stop a telephone line.
"""

from __future__ import annotations

import importlib
import os
import sys
import syslog
from typing import Any

OCF_DEGRADED = 190
OCF_DEGRADED_PROMOTED = 191
EXIT_REASON_BYTES = 128

RELOAD_ACTION = "reload-agent"


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
    except OSError:  # a log file that cannot be opened
        for name in ("HA_LOGFILE", "HA_DEBUGLOG"):
            os.environ.pop(name, None)
        sys.modules.pop("ocf", None)
        return importlib.import_module("ocf")
    finally:
        sys.path.remove(folder)


_ocf = _library()

OCF_SUCCESS: int = _ocf.OCF_SUCCESS
OCF_ERR_GENERIC: int = _ocf.OCF_ERR_GENERIC
OCF_ERR_ARGS: int = _ocf.OCF_ERR_ARGS
OCF_ERR_UNIMPLEMENTED: int = _ocf.OCF_ERR_UNIMPLEMENTED
OCF_ERR_PERM: int = _ocf.OCF_ERR_PERM
OCF_ERR_INSTALLED: int = _ocf.OCF_ERR_INSTALLED
OCF_ERR_CONFIGURED: int = _ocf.OCF_ERR_CONFIGURED
OCF_NOT_RUNNING: int = _ocf.OCF_NOT_RUNNING

logger = _ocf.logger


def get_parameter(name: str) -> str | None:
    """Return a parameter of the resource as the cluster gave it; an empty one counts as not given."""
    return _ocf.get_parameter(name) or None


def is_probe() -> bool:
    """Tell whether the cluster asks what is here already, rather than whether what it started still runs."""
    return bool(_ocf.is_probe())


def exit_reason(reason: str, log: bool = True) -> None:
    """Tell the cluster why an action fails; `log` is false for a condition that was logged when it began."""
    text = fit(reason)
    if log:
        _ocf.ocf_exit_reason(text)
    else:
        prefix = os.environ.get("OCF_EXIT_REASON_PREFIX", "ocf-exit-reason:")
        print(f"{prefix}{text}", file=sys.stderr, flush=True)


def fit(reason: str) -> str:
    """Return the reason on one line of at most 128 bytes, where Pacemaker would cut it."""
    line = " ".join(_writable(reason).split())
    data = line.encode()
    if len(data) <= EXIT_REASON_BYTES:
        return line
    return data[: EXIT_REASON_BYTES - 3].decode(errors="ignore") + "..."


def tell_syslog(line: str, priority: int = syslog.LOG_NOTICE) -> None:
    """Log a line that must be seen.

    The library's logger has a syslog handler only where HA_LOGFACILITY is set, which `crm_resource --force-*`
    does not do, so this goes the direct way.
    """
    instance = os.environ.get("OCF_RESOURCE_INSTANCE", "default")
    syslog.openlog(f"berofos({instance})", syslog.LOG_PID, syslog.LOG_DAEMON)
    syslog.syslog(priority, _writable(line).replace("\0", " "))


def _writable(text: str) -> str:
    """Return the text with what cannot be shown spelt out: a parameter may hold any byte, even an escape sequence."""
    return "".join(
        char if char.isprintable() or char.isspace() else char.encode("unicode_escape").decode() for char in text
    )
