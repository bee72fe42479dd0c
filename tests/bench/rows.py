"""A row of the table that `make bench` prints, and how processes are timed."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

REPETITIONS = 21


@dataclass(frozen=True)
class Row:
    """One figure. `limit` is what was promised, None where nothing was."""

    name: str
    value: float
    unit: str
    limit: float | None
    how: str

    @property
    def kept(self) -> bool:
        """False if the promise was not kept."""
        return self.limit is None or self.value <= self.limit


@dataclass(frozen=True)
class Command:
    """A process to time."""

    argv: Sequence[str]
    environ: Mapping[str, str]
    before: Sequence[str] | None = None
    """Run before each round, not timed."""


def seconds_of(command: Command) -> float:
    """Run a command once and return its wall-clock seconds."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": {**command.environ}}
    if command.before:
        subprocess.run(command.before, check=False, **quiet)  # type: ignore[call-overload]
    began = time.perf_counter()
    subprocess.run(command.argv, check=False, **quiet)  # type: ignore[call-overload]
    return time.perf_counter() - began


def ratio(one: Command, other: Command, repetitions: int = REPETITIONS) -> float:
    """Return the median of one's time divided by the other's, taken in turns so that drift hits both."""
    for command in (one, other):
        seconds_of(command)
    return statistics.median(seconds_of(one) / seconds_of(other) for _ in range(repetitions))


def peak_kilobytes(command: Command) -> int:
    """Run a command once and return the most memory it had resident, in KiB."""
    with open(os.devnull, "wb") as null:
        process = subprocess.Popen(command.argv, env={**command.environ}, stdout=null, stderr=null)
        _pid, _status, usage = os.wait4(process.pid, 0)
    return usage.ru_maxrss
