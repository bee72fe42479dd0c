"""Sets a new password on a device and in bnfos.conf, so that the two agree whatever fails."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from berofos_agent.config.bnfosconf import Entry, Login
from berofos_agent.config.editor import ConfFile
from berofos_agent.device.device import Device
from berofos_agent.device.settings import USER, Values
from berofos_agent.errors import ConfigurationError, DeviceError, DidNotFollow, Refused

_EXCHANGES = 10


@dataclass(frozen=True)
class Change:
    """What is to become of one device; made by `prepare`, before anything is changed."""

    entry: Entry
    path: str
    seconds: float
    old: Login | None
    new: Login
    before: Values

    def device(self, login: Login | None) -> Device:
        """The device, spoken to with one password or the other."""
        return Device(self.entry._replace(login=login), self.seconds)


def prepare(entries: Sequence[Entry], path: str, old: Login | None, new: str, seconds: float) -> list[Change]:
    """Return the changes to be made, all of which look possible; raise DeviceError or ConfigurationError.

    `old` is None for whatever bnfos.conf has. Nothing is changed yet, on no device.
    """
    folder = os.path.dirname(os.path.realpath(path))
    if not os.access(folder, os.W_OK):
        step = "run this as root" if os.geteuid() else "correct that and try again"
        raise ConfigurationError(f"{path}: cannot be replaced, {folder} is not writable; nothing changed, {step}")
    changes = []
    for entry in entries:
        login = Login(USER, new)
        _edited(path, entry.name, login)
        was = old or entry.login
        device = Device(entry._replace(login=was), seconds)
        try:
            settings = device.read(time.monotonic() + seconds)
        except Refused as exc:
            half_done = Change(entry, path, seconds, login, login, {})
            settings = _settings(half_done, login, time.monotonic() + seconds)
            if settings:  # a change that was killed halfway: the device has the new password, the file does not
                changes.append(replace(half_done, before=settings))
                continue
            what = f"{entry.host} refuses the old password you gave" if old else exc.what
            step = "give the right one" if old else f"{exc.step}, or give the old password"
            raise Refused(entry.name, f"{what}; nothing changed", step) from exc
        changes.append(Change(entry, path, seconds, was, login, settings))
    return changes


def make(change: Change) -> None:
    """Set the password, turn protection on and write bnfos.conf; raise DeviceError or ConfigurationError.

    If a step fails, the device and the file still agree on a password, or the error says how they differ.
    """
    deadline = time.monotonic() + _EXCHANGES * change.seconds
    warning = _set(change, deadline)
    try:
        _edited(change.path, change.entry.name, change.new).save()
    except ConfigurationError as exc:
        raise ConfigurationError(f"{exc}; {_taken_back(change, deadline)}") from exc
    if warning:
        raise warning


def _edited(path: str, section: str, login: Login) -> ConfFile:
    conf = ConfFile.load(path)
    conf.set(section, "login", f"{login.user}:{login.password}")
    return conf


def _set(change: Change, deadline: float) -> DeviceError | None:
    """Bring the new password into force; return what else went wrong with a device that has it now."""
    failure = None
    try:
        change.device(change.old).write({"apwd": change.new.password}, change.before, deadline)
    except Refused:
        raise
    except DeviceError as exc:
        failure = exc  # the device may have received it: the next step shows
    try:
        change.device(change.new).write({"pwd": "1"}, change.before, deadline)
    except DeviceError as exc:
        if _settings(change, change.new, deadline).get("pwd") == "1":
            return exc
        raise _which(change, failure or exc, deadline) from exc
    return None


def _which(change: Change, exc: DeviceError, deadline: float) -> DeviceError:
    """Return the error that says which password is in force after a step failed."""
    name, path = change.entry.name, change.path
    protection = _settings(change, change.old, deadline).get("pwd")
    if protection == "1":
        return DidNotFollow(name, f"did not take the password ({exc.what}); it and {path} keep the old one", _AGAIN)
    if protection:
        what = f"did not turn protection on ({exc.what}); {path} is unchanged and still valid"
        return DidNotFollow(name, what, _AGAIN)
    return type(exc)(
        name,
        f"{exc.what}; it may have the new password while {path} has the old one",
        f"once it answers, run `berofos password {name}` again; if the old password is refused then, give the new one "
        "as the old one",
    )


_AGAIN = "correct that and try again"


def _taken_back(change: Change, deadline: float) -> str:
    """Undo what was done to the device, as the file could not be written; return how they stand to each other now."""
    name = change.entry.name
    new = change.device(change.new)
    was_protected = change.before.get("pwd") == "1"
    try:
        if was_protected and change.old:
            new.write({"apwd": change.old.password}, change.before, deadline)
        else:
            new.write({"pwd": "0"}, change.before, deadline)
    except DeviceError:
        pass  # whether it worked is seen below
    if _settings(change, change.old, deadline).get("pwd") == ("1" if was_protected else "0"):
        return f"{name} has its old password again" if was_protected else f"{name} is unprotected again"
    return f"{name} has the new password, {change.path} does not: write it into the login of [{name}] by hand"


def _settings(change: Change, login: Login | None, deadline: float) -> Values:
    """Return the settings read with this login; none if it is not accepted, or if the device does not answer."""
    try:
        return change.device(login).read(deadline)
    except DeviceError:
        return {}
