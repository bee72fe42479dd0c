"""Every error this package raises on purpose, one class for each thing a caller does differently.

    BerofosError
    +-- ConfigurationError          bnfos.conf or an argument cannot be used
    |   +-- ConfigurationMissing    the file does not exist
    |   +-- NoDeviceDeclared        the file has no section
    +-- ParameterError              a parameter of the resource is wrong by itself
    +-- NotCabled                   this node is neither port_b_node nor port_d_node
    +-- StateError                  the state file cannot be written
    |   +-- Superseded              the resource was stopped, or started by another, meanwhile
    +-- KickDaemonError             the kick daemon cannot be started, or not be ended
    +-- OutOfTime                   the action's time is over
    +-- FrameError                  bytes that are not a GBL4 frame
    +-- NotDelivered                a message did not reach its recipient
    +-- DeviceError                 names the device
        +-- Unreachable             no answer in time
        |   +-- Moved               it answers at another address than that of bnfos.conf
        |   +-- SectionError        its section of bnfos.conf is wrong, so it was not asked
        +-- Refused                 the password was not accepted
        +-- NotABerofos             something else answered
        +-- UnusableAnswer          it answered, but not with anything to rely on
        |   +-- Unexpected          what it said met an error in this program
        +-- DidNotFollow            a setting was written, but reads back otherwise
            +-- StuckRelay          the setting was the relay mode

The text of each is one line for the administrator, ends in what to do next, and never contains a password.
Which exit code an error becomes is in two tables: agent.decisions.EXIT_CODE for the cluster,
commands.commandline.EXIT_STATUS for people.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeVar

    T = TypeVar("T")


class BerofosError(Exception):
    """Base of everything this package raises on purpose."""


class ConfigurationError(BerofosError):
    """The configuration cannot be used; the text names file and line, or the argument."""


class ConfigurationMissing(ConfigurationError):
    """The configuration file does not exist."""


class NoDeviceDeclared(ConfigurationError):
    """The configuration file has no section."""


class ParameterError(BerofosError):
    """A parameter of the resource is wrong by itself, whatever the node."""


class NotCabled(BerofosError):
    """This node is neither port_b_node nor port_d_node."""


class StateError(BerofosError):
    """The state file cannot be written."""


class Superseded(StateError):
    """The resource was stopped, or started by another action, while this one ran."""


class KickDaemonError(BerofosError):
    """The kick daemon cannot be started, or not be ended."""


class OutOfTime(BerofosError):
    """The action's time is over, and something hangs where no time limit reaches."""


class FrameError(BerofosError):
    """These bytes are not a GBL4 frame, or its payload is too short for its command."""


class NotDelivered(BerofosError):
    """A message did not reach its recipient; the text does not name what may be secret of its address."""


class DeviceError(BerofosError):
    """Something about one device: `what` was seen, and the `step` to take, that of the class unless one is given."""

    STEP = "switch it off and on"

    def __init__(self, device: str, what: str, step: str = "") -> None:
        self.device = device
        self.what = what
        self.step = step or self.STEP
        is_named = what.startswith(f"{device}: ")  # a device that is known by its address only
        super().__init__(self.advice if is_named else f"{device}: {self.advice}")

    @property
    def advice(self) -> str:
        """What was seen and the step to take, without the device's name."""
        return f"{self.what}; {self.step}" if self.step else self.what


class Unreachable(DeviceError):
    """The device did not answer in time, or the network refused."""

    STEP = "check power and network"


class Moved(Unreachable):
    """The device does not answer at its address in bnfos.conf, but at another one."""

    def __init__(self, device: str, host: str, address: str) -> None:
        super().__init__(
            device, f"answers at {address} now, not at {host}", f"update bnfos.conf: bnfos --scan -x -h {address}"
        )
        self.address = address


class SectionError(Unreachable):
    """The device's section of bnfos.conf is wrong or incomplete, so nothing is sent to it."""

    STEP = ""  # the problem of the section ends in a step


class Refused(DeviceError):
    """The device did not accept the login, or requires one that is not configured."""

    STEP = "correct its login in bnfos.conf"


class NotABerofos(DeviceError):
    """Something answered that is not a bero*fos, or a bero*fos with another MAC."""

    STEP = "correct host and mac in bnfos.conf"


class UnusableAnswer(DeviceError):
    """The answer is not a success, too long, or not what the protocol says."""


class Unexpected(UnusableAnswer):
    """What a device said met an error in this program; syslog has the traceback."""

    STEP = "see syslog and report it"


class DidNotFollow(DeviceError):
    """A setting was written, but reads back otherwise."""


class StuckRelay(DidNotFollow):
    """The relay is still in the position that it was to leave."""


def row_of(error: BaseException, table: Mapping[type[BerofosError], T]) -> T:
    """Return what a table says of an error: the row of its class, else that of its nearest base.

    Raises KeyError if there is none.
    """
    for kind in type(error).__mro__:
        if kind in table:
            return table[kind]
    raise KeyError(type(error))


def missing_module(exc: ImportError) -> str:
    """Return what to install, in one line."""
    module = (exc.name or "").partition(".")[0]
    return f"Python module {module} is missing; install python3-{module.replace('_', '-')}" if module else str(exc)
