"""Orders to a running simulator over a Unix domain socket, both ends of it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import stat
from collections.abc import Mapping
from typing import Any

from berofos_agent.errors import BerofosError
from berofos_agent.simulator.listener import Listener
from berofos_agent.simulator.model import SimulatedDevice
from berofos_agent.simulator.orders import Reply, execute

_ANSWER_SECONDS = 10.0


def order(path: str, text: str) -> dict[str, Any]:
    """Give one order to the simulator at a socket and return its answer; raise BerofosError if there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ANSWER_SECONDS)
        try:
            connection.connect(path)
            connection.sendall(" ".join(text.split()).encode() + b"\n")
            with connection.makefile("r", encoding="utf-8") as answers:
                answer: dict[str, Any] = json.loads(answers.readline())
        except (OSError, ValueError) as exc:
            why = getattr(exc, "strerror", None) or exc
            raise BerofosError(f"{path}: no simulator takes orders there ({why}); run berofos simulate") from exc
    return answer


class ControlServer:
    """Takes orders for some devices at a socket, which only its owner may use."""

    def __init__(self, path: str, devices: Mapping[str, SimulatedDevice]) -> None:
        self._path = path
        self._devices = devices
        self._listener = Listener("control", _listen(path), self._serve)
        self.start = self._listener.start

    def close(self) -> None:
        """Take no more orders and remove the socket."""
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)

    def _serve(self, connection: socket.socket, _peer: object) -> None:
        with connection.makefile("rwb") as lines:
            for line in lines:
                lines.write(answer_line(self._devices, line.decode(errors="replace")).encode())
                lines.flush()


def answer_line(devices: Mapping[str, SimulatedDevice], line: str) -> str:
    """Do what a line says and return the answer as a line."""
    reply: Reply = execute(devices, line)
    return json.dumps(reply) + "\n"


def _listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            listener.bind(path)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE or not _is_left_over(path):
                raise
            os.unlink(path)
            listener.bind(path)
        os.chmod(path, 0o600)
        listener.listen()
    except OSError as exc:
        listener.close()
        raise BerofosError(f"{path}: cannot take orders there: {exc.strerror or exc}; choose another path") from exc
    return listener


def _is_left_over(path: str) -> bool:
    """True for the socket of a simulator that was killed; a file that is no socket refuses connections too."""
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
