"""What one device answered, and which of its settings differ from those expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from berofos_agent.device.settings import Values
from berofos_agent.device.topology import LINES
from berofos_agent.errors import DeviceError, UnusableAnswer


@dataclass(frozen=True)
class Reading:
    """What one device answered: its settings, or an error and no settings."""

    device: str
    settings: Values = field(default_factory=dict)
    error: DeviceError | None = None

    @property
    def mode(self) -> str | None:
        """The relay mode, None if it is not known."""
        mode = self.settings.get("mode")
        return mode if mode in LINES else None

    @property
    def failure(self) -> DeviceError | None:
        """Why the relay mode is not known, None if it is."""
        if self.error or self.mode:
            return self.error
        return UnusableAnswer(self.device, "reports no relay mode", "update its firmware")


class Difference(NamedTuple):
    """A setting that is not as expected; `now` is None if the device does not report it."""

    keyword: str
    now: str | None
    expected: str

    def __str__(self) -> str:
        return f"{self.keyword}={'?' if self.now is None else self.now}, expected {self.expected}"


def differences(
    settings: Mapping[str, str], expected: Mapping[str, str], *, unreported: bool = False
) -> list[Difference]:
    """Return the settings that are not as expected, in the order of `expected`.

    A setting that this firmware does not report differs only if `unreported` is set.
    """
    return [
        Difference(keyword, settings.get(keyword), value)
        for keyword, value in expected.items()
        if settings.get(keyword, None if unreported else value) != value
    ]
