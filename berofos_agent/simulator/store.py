"""The file that keeps simulated devices between two runs of their simulator."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from berofos_agent.config.editor import replace_file
from berofos_agent.errors import BerofosError
from berofos_agent.simulator.model import SimulatedDevice


class Store:
    """Keeps what devices dump, by name, in one JSON file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._kept: dict[str, Any] = self._read()

    def restore(self, device: SimulatedDevice) -> None:
        """Bring a device to what was kept of it, if anything was; raise BerofosError if that cannot be used."""
        if device.name not in self._kept:
            return
        try:
            device.restore(self._kept[device.name])
        except (ValueError, KeyError, TypeError) as exc:
            raise BerofosError(f"{self._path}: {device.name} cannot be restored ({exc}); remove the file") from exc

    def save(self, device: SimulatedDevice) -> None:
        """Keep what a device is now; raise BerofosError if that cannot be written."""
        with self._lock:
            self._kept[device.name] = device.dump()
            try:
                replace_file(self._path, json.dumps(self._kept, indent=1) + "\n")
            except OSError as exc:
                raise BerofosError(f"{self._path}: cannot be written: {exc.strerror}; choose another folder") from exc

    def _read(self) -> dict[str, Any]:
        try:
            with open(self._path, encoding="utf-8") as old:
                kept = json.load(old)
        except FileNotFoundError:
            return {}
        except OSError as exc:
            raise BerofosError(f"{self._path}: cannot be read: {exc.strerror}; choose another file") from exc
        except ValueError:
            kept = None
        if not isinstance(kept, dict) or not all(isinstance(one, dict) and "settings" in one for one in kept.values()):
            raise BerofosError(f"{self._path}: is not a state file of a simulator; choose another file")
        return kept

    def try_to_save(self, device: SimulatedDevice) -> None:
        """Keep what a device is now, or say that it is not kept: a device goes on whatever becomes of the file."""
        try:
            self.save(device)
        except BerofosError as exc:
            print(f"{device.name}: state not kept: {exc}", file=sys.stderr)
