"""A third host with corosync-qnetd.

It lives on the LAN side, which the nodes reach also while they do not hear each other.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from .lan import GATEWAY, Lan
from .processes import Nursery, end

DUMMY_RUNS = "/usr/bin/test -e /run/Dummy-xivo.state"
"""Succeeds where the lab's usual telephony runs, a Dummy."""
HEARTBEAT_MS = 1500
"""How long corosync-qdevice and -qnetd wait for each other, times 1.5 at most; the default is 10 s."""


class QuorumDevice:
    """corosync-qnetd, without TLS: the certificates are pcs' business."""

    def __init__(self, here: Path, nursery: Nursery, lan: Lan, telephony_runs: str) -> None:
        """`telephony_runs` is the command of the heuristics."""
        self._here = here
        self._nursery = nursery
        self._lan = lan
        self._daemon: subprocess.Popen[bytes] | None = None
        self.configuration = f"""\
  device {{
    model: net
    votes: 1
    timeout: {HEARTBEAT_MS}
    sync_timeout: {3 * HEARTBEAT_MS}
    net {{
      host: {GATEWAY}
      algorithm: ffsplit
      tls: off
    }}
    heuristics {{
      mode: sync
      timeout: 1000
      sync_timeout: 1000
      exec_telephony: {telephony_runs}
    }}
  }}
"""

    @property
    def runs(self) -> bool:
        """True while the daemon is there."""
        return self._daemon is not None and self._daemon.poll() is None

    def start(self) -> None:
        """Start the daemon."""
        files = f"lock_file={self._here}/qnetd.pid,local_socket_file={self._here}/qnetd.sock"
        enter = ["nsenter", "-t", str(self._lan.pid), "-n"]
        with (self._here / "qnetd.log").open("ab") as log:
            self._daemon = self._nursery.start(
                [*enter, "corosync-qnetd", "-f", "-s", "off", "-l", GATEWAY, "-S", files],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """Kill it."""
        if self._daemon:
            end(self._daemon)
