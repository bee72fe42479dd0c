"""What can go wrong, one class for each thing a caller does differently; knows no exit code.

    BerofosError
    +-- ConfigurationError          bnfos.conf or an argument cannot be used
    |   +-- ConfigurationMissing    the file is not there
    +-- DeviceError                 names the device
        +-- Unreachable             no answer in time
        +-- Refused                 the password was not accepted
        +-- NotABerofos             something else answered
        +-- UnusableAnswer          it answered, but not with anything to rely on
        +-- DidNotFollow            a setting written did not read back

The text of each is one line for the administrator; it never contains a password.
"""


class BerofosError(Exception):
    """Base of everything this package raises on purpose."""


class ConfigurationError(BerofosError):
    """The configuration cannot be used; the text names file and line, or the argument."""


class ConfigurationMissing(ConfigurationError):
    """The configuration file does not exist."""


class DeviceError(BerofosError):
    """Something about one device."""

    def __init__(self, device: str, what: str) -> None:
        is_named = what.startswith(f"{device}: ")  # one that is known by its address only
        super().__init__(what if is_named else f"{device}: {what}")
        self.device = device
        self.what = what


class Unreachable(DeviceError):
    """The device did not answer in time, or the network refused."""


class Refused(DeviceError):
    """The device did not accept the login, or wants one that is not configured."""


class NotABerofos(DeviceError):
    """Something answered that is no bero*fos, or a bero*fos with another MAC."""


class UnusableAnswer(DeviceError):
    """The answer is no success, too long, or not what the protocol says."""


class DidNotFollow(DeviceError):
    """A setting was written, but reads back otherwise."""
