"""From what the devices said to what the agent answers; pure decisions, no device, no clock, no exit.

The tables of "What the agent answers" in docs/ are decided here, a function each for start and monitor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from berofos_agent.agent import ocf
from berofos_agent.device.reading import Reading, differences
from berofos_agent.device.settings import WATCHDOG_FAILURE
from berofos_agent.device.topology import LINES
from berofos_agent.errors import (
    BerofosError,
    ConfigurationError,
    ConfigurationMissing,
    DeviceError,
    DidNotFollow,
    NotABerofos,
    NotCabled,
    ParameterError,
    Refused,
    SectionError,
    Unreachable,
    UnusableAnswer,
    row_of,
)


class Result(NamedTuple):
    """An exit code of OCF 1.1 and, unless it is success, its reason."""

    code: int
    reason: str = ""


OK = Result(ocf.OCF_SUCCESS)


class Row(NamedTuple):
    """What one kind of error becomes: the exit code of the action that it ends, and of a start that goes on."""

    code: int
    start: int | None = None
    """In a start, while another device is in position; None for the same code."""


EXIT_CODE: Mapping[type[BerofosError], Row] = {
    ParameterError: Row(ocf.OCF_ERR_CONFIGURED),
    ConfigurationMissing: Row(ocf.OCF_ERR_INSTALLED),
    Refused: Row(ocf.OCF_ERR_PERM),
    NotCabled: Row(ocf.OCF_ERR_ARGS),
    ConfigurationError: Row(ocf.OCF_ERR_ARGS),
    # 2 would ban this node until a cleanup, though the right device may be plugged in again at any time.
    NotABerofos: Row(ocf.OCF_ERR_ARGS, start=ocf.OCF_ERR_GENERIC),
    DidNotFollow: Row(ocf.OCF_ERR_GENERIC),
    UnusableAnswer: Row(ocf.OCF_ERR_GENERIC),
    # A device that is off must not keep the lines of the others where they are.
    Unreachable: Row(ocf.OCF_ERR_GENERIC, start=ocf.OCF_SUCCESS),
    BerofosError: Row(ocf.OCF_ERR_GENERIC),
}
"""The one table from error to exit code, most severe first. The nearest base class decides."""


def exit_code_of(error: BaseException) -> int:
    """Return the exit code of an action that an error ends."""
    return row_of(error, EXIT_CODE).code


def most_severe(errors: Sequence[DeviceError]) -> DeviceError:
    """Return the error that comes first in EXIT_CODE."""
    return min(errors, key=lambda error: next(at for at, kind in enumerate(EXIT_CODE) if isinstance(error, kind)))


def evaluate_start(errors: Sequence[DeviceError], in_position: int) -> Result:
    """Return the answer of a start that brought `in_position` devices there and met these errors on the others."""
    if not errors:
        return OK
    worst = most_severe(errors)
    row = row_of(worst, EXIT_CODE)
    code = row.code if row.start is None else row.start
    if code != ocf.OCF_SUCCESS:
        return Result(code, together([worst, *errors]))
    if in_position:
        return OK
    return Result(row.code, _with_advice(errors))


def together(errors: Sequence[DeviceError]) -> str:
    """Return one line for several errors: the first as it is, and the names of the other devices."""
    others = [error.device for error in errors if error.device != errors[0].device]
    return f"{errors[0]} (also {', '.join(others)})" if others else str(errors[0])


def _with_advice(errors: Sequence[DeviceError]) -> str:
    text = together(errors)
    return text if isinstance(errors[0], SectionError) else f"{text}; check power and network"


def evaluate_monitor(
    seen: Sequence[Reading], mode: str, seconds_since_seen: float, grace: float, trouble: str = ""
) -> Result:
    """Return the answer of a monitor on the node whose relay mode is `mode`.

    `seconds_since_seen` is how long ago a device was last seen in position;
    `grace` is how long unreadable devices are taken to keep their position, for a relay does not move by itself;
    `trouble` says why no device could be asked at all.
    """
    here = [one for one in seen if one.mode == mode]
    unknown = [one for one in seen if one.mode is None]
    elsewhere = [one for one in seen if one.mode is not None and one.mode != mode]
    if elsewhere:
        code = ocf.OCF_NOT_RUNNING if len(elsewhere) == len(seen) else ocf.OCF_ERR_GENERIC
        ran_out = any(one.settings.get("wdogstate") == WATCHDOG_FAILURE for one in elsewhere)
        return Result(code, f"{_names(elsewhere)}: {_astray(mode)}{', the watchdog ran out' if ran_out else ''}")
    if here and unknown:
        return Result(ocf.OCF_DEGRADED, _why_unknown(unknown))
    if here:
        return OK
    failures = [one.failure for one in unknown if one.failure]
    if seconds_since_seen < grace:
        return Result(ocf.OCF_DEGRADED, trouble or together(failures))
    return Result(ocf.OCF_ERR_GENERIC, trouble or _with_advice(failures))


def evaluate_settings(seen: Sequence[Reading], expected: Mapping[str, str]) -> Result:
    """Return degraded for the first device with a setting that will bite later, or a watchdog failure noted."""
    for one in seen:
        if one.settings.get("wdogstate") == WATCHDOG_FAILURE:
            return Result(ocf.OCF_DEGRADED, f"{one.device}: watchdog failure noted; clear it: --set wdog=0")
        wrong = differences(one.settings, expected)
        if wrong:
            return Result(ocf.OCF_DEGRADED, f"{one.device}: {'; '.join(map(str, wrong))}; correct it with bnfos --set")
    return OK


def _why_unknown(unknown: Sequence[Reading]) -> str:
    return together([one.failure for one in unknown if one.failure])


def _names(seen: Sequence[Reading]) -> str:
    return ", ".join(one.device for one in seen)


def _astray(mode: str) -> str:
    other = "0" if mode == "1" else "1"
    return f"relay connects {LINES[other]}, not {LINES[mode]}"
