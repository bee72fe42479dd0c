"""Does the same on several devices at once, a thread each, and returns in time whatever hangs."""

from __future__ import annotations

import syslog
import threading
import time
import traceback
from collections.abc import Sequence
from typing import Callable, Generic, TypeVar

from berofos_agent import systemlog
from berofos_agent.device.device import Device
from berofos_agent.device.reading import Reading
from berofos_agent.errors import BerofosError, DeviceError, Unexpected, Unreachable

T = TypeVar("T")

GRACE_SECONDS = 0.2


class Result(Generic[T]):
    """What the work on one device returned, or the error it raised."""

    def __init__(self, device: Device, error: DeviceError | None = None) -> None:
        self.device = device
        self.value: T | None = None
        self.error = error


def run_on_all(devices: Sequence[Device], work: Callable[[Device, float], T], deadline: float) -> list[Result[T]]:
    """Do `work(device, deadline)` on every device, a thread each, and return the results in their order.

    Returns at the deadline (time.monotonic() seconds) even if a thread hangs where no time limit reaches,
    as in a name look-up: such a device is unreachable. An error in this program is one of that device, too: it must
    not keep the other devices' lines where they are.
    """
    results: list[Result[T]] = [Result(device) for device in devices]
    fatal: list[BaseException] = []

    def run(result: Result[T]) -> None:
        try:
            result.value = work(result.device, deadline)
        except DeviceError as exc:
            result.error = exc
        except (BerofosError, ImportError, MemoryError) as exc:  # nothing of one device
            fatal.append(exc)
        except Exception as exc:
            for line in traceback.format_exc().splitlines():
                systemlog.tell(syslog.LOG_ERR, f"{result.device.name}: {line}")
            result.error = Unexpected(result.device.name, f"internal error ({type(exc).__name__})")

    threads: dict[int, threading.Thread] = {}
    for index, result in enumerate(results):
        thread = threading.Thread(target=run, args=(result,), daemon=True)
        try:
            thread.start()
            threads[index] = thread
        except RuntimeError:  # no memory for a thread: one device after the other
            run(result)
    for index, thread in threads.items():
        thread.join(max(0.0, deadline + GRACE_SECONDS - time.monotonic()))
        if thread.is_alive():
            device = devices[index]
            results[index] = Result(device, error=Unreachable(device.name, f"no answer from {device.entry.host}"))
    if fatal:
        raise fatal[0]
    return results


def read_all(devices: Sequence[Device], deadline: float) -> list[Reading]:
    """Read the settings of every device, as run_on_all does."""
    results = run_on_all(devices, lambda device, end: device.read_or_find(end), deadline)
    return [Reading(result.device.name, result.value or {}, result.error) for result in results]
