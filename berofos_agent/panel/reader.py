"""Reads devices and cluster in the background, once for everybody who looks."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Callable, Generic, TypeVar

from berofos_agent.cluster import cib, status
from berofos_agent.device.device import Device
from berofos_agent.device.inspection import SCAN_SECONDS, Inspection, inspect_all
from berofos_agent.doctor.findings import Facts
from berofos_agent.doctor.overview import View
from berofos_agent.errors import ConfigurationError
from berofos_agent.panel import view
from berofos_agent.panel.view import NOT_READ, Event, State

T = TypeVar("T")

WATCHED_SECONDS = 2.0
"""From one reading to the next while somebody looks, and never less."""

UNWATCHED_SECONDS = 10.0
"""Between two readings while no page is open, so that movements are still noted."""

LOOKING_SECONDS = 10.0
"""How long after a request somebody counts as looking."""

CONFIGURATION_SECONDS = 30.0
"""From one reading of the cluster's configuration to the next: it changes when somebody changes it."""

_EVENTS = 100


class Poll(Generic[T]):
    """Does some reading again and again in a thread, and keeps the last result."""

    def __init__(self, name: str, read: Callable[[], T], noticed: Callable[[T, T], None]) -> None:
        self.value: T | None = None
        self.at = time.monotonic()
        """When the last reading ended; before the first, when this began."""
        self._read = read
        self._noticed = noticed
        self._looked = -math.inf
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def look(self) -> None:
        """Somebody is looking, so the next reading comes soon."""
        self._looked = time.monotonic()
        self._wake.set()

    def _run(self) -> None:
        while True:
            began = time.monotonic()
            try:
                value = self._read()
                before, self.value, self.at = self.value, value, time.monotonic()
                if before is not None:
                    self._noticed(before, value)
            except Exception:  # the page tells how old a reading is, and the next one may be right
                with contextlib.suppress(OSError):  # nobody may read standard error any more
                    traceback.print_exc()
            time.sleep(max(0.0, began + WATCHED_SECONDS - time.monotonic()))
            while time.monotonic() - self._looked > LOOKING_SECONDS:
                self._wake.clear()
                if not self._wake.wait(max(0.0, began + UNWATCHED_SECONDS - time.monotonic())):
                    break


class Reader:
    """Reads some devices, and the cluster of this host if there is one."""

    def __init__(self, devices: Sequence[Device], request_seconds: float, config: str) -> None:
        """`config` is the file that declares the devices, by the name that the cluster has for it."""
        self._devices = devices
        self._config = os.path.abspath(config)
        self._seconds = request_seconds + SCAN_SECONDS
        self._known: dict[str, Inspection] = {}
        self._events: deque[Event] = deque(maxlen=_EVENTS)
        self._changes: Counter[str] = Counter()
        self._configuration: tuple[float, cib.Cluster] | None = None
        self._device_poll = Poll("devices", self._read_devices, self._note_devices)
        self._cluster_poll = Poll("cluster", self._read_cluster, self._note_cluster)

    def start(self) -> None:
        """Begin to read."""
        self._device_poll.start()
        self._cluster_poll.start()

    def look(self) -> State:
        """Return what was read last; somebody is looking."""
        self._device_poll.look()
        self._cluster_poll.look()
        return self.state()

    def state(self) -> State:
        """Return what was read last; nobody is looking."""
        return State(
            devices=self._device_poll.value or (),
            known=dict(self._known),
            cluster=self._cluster_poll.value or NOT_READ,
            events=list(self._events),
            changes=dict(self._changes),
            age=time.monotonic() - self._device_poll.at,
            limit=self._seconds + UNWATCHED_SECONDS,
            cluster_age=time.monotonic() - self._cluster_poll.at,
            cluster_limit=status.QUERY_SECONDS + cib.QUERY_SECONDS + UNWATCHED_SECONDS,
        )

    def _read_devices(self) -> list[Inspection]:
        deadline = time.monotonic() + self._seconds
        read = inspect_all(self._devices, deadline)
        known = self._known
        self._changes.update(one.device for one in read if one.mode and one.mode != known.get(one.device, one).mode)
        self._known.update({one.device: one for one in read if one.mode})
        return read

    def _read_cluster(self) -> View | str:
        try:
            live = status.read()
            now = time.monotonic()
            if self._configuration is None or now - self._configuration[0] > CONFIGURATION_SECONDS:
                self._configuration = now, cib.read_live()
            attributes = {node.name: node.attributes for node in live.nodes}
        except ConfigurationError as exc:
            return str(exc)
        configuration = replace(self._configuration[1], attributes=attributes)
        return View(Facts(configuration, status=live), live, [], self._config)

    def _note_devices(self, before: Sequence[Inspection], after: Sequence[Inspection]) -> None:
        self._events.extend(Event(time.time(), text) for text in view.device_changes(before, after))

    def _note_cluster(self, before: View | str, after: View | str) -> None:
        self._events.extend(Event(time.time(), text) for text in view.cluster_changes(before, after))
