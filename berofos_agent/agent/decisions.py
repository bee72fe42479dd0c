"""From what the devices answered to what the agent answers: the tables of docs/answers.md, without device or clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from berofos_agent.agent import ocf
from berofos_agent.device.reading import Difference, Reading, differences
from berofos_agent.device.settings import WATCHDOG_FAILURE
from berofos_agent.device.topology import LINES, provision_arguments
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
    Unreachable,
    UnusableAnswer,
    row_of,
)


class Result(NamedTuple):
    """An exit code of OCF 1.1 and, unless it is success, its reason."""

    code: int
    reason: str = ""
    is_news: bool = True
    """False for a reason that was logged before."""


OK = Result(ocf.OCF_SUCCESS)


class Row(NamedTuple):
    """What one kind of error becomes: the exit code of the action that it ends, and of a start that goes on."""

    code: int
    start: int | None = None
    """In a start, while another device is in position; None for the same code."""


EXIT_CODE: Mapping[type[BerofosError], Row] = {
    ParameterError: Row(ocf.OCF_ERR_CONFIGURED),
    ConfigurationMissing: Row(ocf.OCF_ERR_INSTALLED),
    # 4 from a start would ban this node until a cleanup. With 0, monitors report the device as degraded; once the login
    # is right, a monitor sees the wrong position, and the cluster recovers the resource by itself.
    Refused: Row(ocf.OCF_ERR_PERM, start=ocf.OCF_SUCCESS),
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
    failed = [error for error in errors if _start_code(error) != ocf.OCF_SUCCESS]
    if failed:
        worst = most_severe(failed)
        return Result(_start_code(worst), together([worst, *errors]))
    if in_position:
        return OK
    return Result(ocf.OCF_ERR_GENERIC, together([most_severe(errors), *errors]))


def _start_code(error: DeviceError) -> int:
    row = row_of(error, EXIT_CODE)
    return row.code if row.start is None else row.start


def together(errors: Sequence[DeviceError]) -> str:
    """Return one line for several errors: the first as it is, and the names of the other devices."""
    others = [error.device for error in errors if error.device != errors[0].device]
    return f"{errors[0]} (also {', '.join(others)})" if others else str(errors[0])


def evaluate_monitor(
    readings: Sequence[Reading], mode: str, seconds_since_seen: float, grace: float, problem: str = ""
) -> Result:
    """Return the answer of a monitor on the node whose relay mode is `mode`.

    `seconds_since_seen` is how long ago a device was last seen in position;
    `grace` is how long unreadable devices are taken to keep their position, for a relay does not move by itself;
    `problem` says why no device could be asked at all.
    """
    here = [one for one in readings if one.mode == mode]
    unknown = [one for one in readings if one.mode is None]
    wrong = [one for one in readings if one.mode is not None and one.mode != mode]
    if wrong:
        code = ocf.OCF_NOT_RUNNING if len(wrong) == len(readings) else ocf.OCF_ERR_GENERIC
        expired = any(one.settings.get("wdogstate") == WATCHDOG_FAILURE for one in wrong)
        return Result(code, f"{_names(wrong)}: {_wrong_position(mode, expired)}")
    if here and unknown:
        return Result(ocf.OCF_DEGRADED, _why_unknown(unknown))
    if here:
        return OK
    failures = [one.failure for one in unknown if one.failure]
    if seconds_since_seen < grace:
        return Result(ocf.OCF_DEGRADED, problem or together(failures))
    return Result(ocf.OCF_ERR_GENERIC, problem or together(failures))


def evaluate_settings(readings: Sequence[Reading], expected: Mapping[str, str]) -> Result:
    """Return degraded for the first device with a latent misconfiguration, or a latched watchdog failure."""
    for one in readings:
        if one.settings.get("wdogstate") == WATCHDOG_FAILURE:
            return Result(ocf.OCF_DEGRADED, watchdog_failure(one.device))
        found = differences(one.settings, expected)
        if found:
            # All of the command is told: without its arguments it would switch a watchdog off.
            arguments = provision_arguments(one.device, expected)
            what = _fitting(found, ocf.EXIT_REASON_BYTES - len(f"{one.device}: ; run berofos provision {arguments}"))
            return Result(ocf.OCF_DEGRADED, f"{one.device}: {what}; run berofos provision {arguments}")
    return OK


def watchdog_failure(device: str) -> str:
    """Return the reason for a device whose watchdog expired, and which was moved back by hand."""
    return f"{device}: watchdog failure latched; find the cause, then bnfos --set wdog=0 -f {device}"


def _fitting(found: Sequence[Difference], room: int) -> str:
    """Return as many differences as there is room for, the first at least, and how many more there are."""
    for told in range(len(found), 0, -1):
        more = [f"{len(found) - told} more"] if told < len(found) else []
        text = "; ".join([*map(str, found[:told]), *more])
        if len(text) <= room:
            break
    return text


def _why_unknown(unknown: Sequence[Reading]) -> str:
    return together([one.failure for one in unknown if one.failure])


def _names(readings: Sequence[Reading]) -> str:
    return ", ".join(one.device for one in readings)


def _wrong_position(mode: str, expired: bool) -> str:
    at, expected = LINES["0" if mode == "1" else "1"], LINES[mode]
    if expired:
        return f"relay is in position {at}, expected {expected} (watchdog expired); find out why kicks stopped"
    return f"relay is in position {at}, expected {expected}; find out who moved it"
