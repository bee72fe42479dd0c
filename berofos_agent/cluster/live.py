"""Asks the running cluster for its CIB, within a time limit; judges nothing."""

from __future__ import annotations

import os
import shutil
import subprocess

from berofos_agent.cluster.cib import Cluster, parse
from berofos_agent.errors import ConfigurationError

QUERY_SECONDS = 5.0


def read() -> Cluster:
    """Return the facts of the live CIB; raise ConfigurationError with one line that says why there is none."""
    path = os.pathsep.join(filter(None, (os.environ.get("PATH"), "/usr/sbin")))
    program = shutil.which("cibadmin", path=path)
    if program is None:
        raise ConfigurationError("Pacemaker is not installed on this host (no cibadmin)")
    try:
        answer = subprocess.run(
            [program, "--query"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=QUERY_SECONDS,
            check=False,
        )
    except OSError as exc:
        raise ConfigurationError(f"{program} cannot be run: {exc.strerror}") from exc
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"the cluster does not answer within {QUERY_SECONDS:g} s") from None
    if answer.returncode:
        raise ConfigurationError("the cluster is not running on this host")
    return parse(answer.stdout, "cibadmin --query")
