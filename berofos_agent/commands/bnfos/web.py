"""The modes of `bnfos` that speak HTTP: set, get and show; knows no UDP."""

from __future__ import annotations

import getpass
import sys
import time
from collections.abc import Mapping
from typing import Callable, TypeVar

from berofos_agent.commands.bnfos.context import Job
from berofos_agent.config.bnfosconf import Entry, Login
from berofos_agent.device.device import FOLLOW_PAUSE_SECONDS, FOLLOW_SECONDS, Device
from berofos_agent.device.provisioning import lost_settings, with_their_groups
from berofos_agent.device.settings import MAGIC_KEY, SETTINGS, Values, check
from berofos_agent.errors import BerofosError, ConfigurationError, DidNotFollow, Refused, Unreachable, UnusableAnswer

USER = "admin"
EXCHANGES = 6
"""A --set is a read, a write and a read, and twice that where firmware 1.3.3 forgot other settings."""

Result = TypeVar("Result")


def get(job: Job) -> None:
    """Print one setting."""
    keyword = job.arguments.argument
    entry, told = _read(job)
    if keyword not in told:
        raise UnusableAnswer(entry.name, f"does not tell {keyword}; its firmware may not know it")
    job.show(f"{keyword} = {told[keyword]}")


def show(job: Job) -> None:
    """Print all settings that the device tells."""
    entry, told = _read(job)
    job.talk.say(f"Configuration of device {entry.name} at {entry.host}:")
    for keyword in SETTINGS:
        if keyword in told:
            job.show(f" {keyword:10}= {told[keyword]}")


def _read(job: Job) -> tuple[Entry, Values]:
    device = Device(job.target(host_needed=True), job.seconds)
    told = _with_login(job, device, lambda: device.read(_deadline(job)))
    if MAGIC_KEY in told:
        job.talk.complain(
            f"{device.name}: config.txt has the unknown version {told[MAGIC_KEY][:20]!r}; mind the values"
        )
    return device.entry, told


# --- set -------------------------------------------------------------------------------------------------------


def set_value(job: Job) -> None:
    """Write a setting and see that it reads back."""
    keyword, value = job.arguments.argument
    device = Device(job.target(host_needed=True), job.seconds)
    if value is None:
        value = _ask_for(keyword)
    before = _with_login(job, device, lambda: device.read(_deadline(job)))
    try:
        device.web.write({keyword: value}, job.seconds)
    except Unreachable:
        if keyword not in _NEW_PLACE:  # it may be gone before it has answered
            raise
    confirm = _CONFIRM.get(keyword, _confirm)
    told = confirm(job, device, keyword, value)
    if told:
        _put_back_lost_flags(job, device, keyword, value, before, told)


def _confirm(job: Job, device: Device, keyword: str, value: str) -> Values:
    """Read back; raise DidNotFollow if the value is another."""
    told = _read_until(device, keyword, value, _deadline(job))
    if keyword not in told:
        raise UnusableAnswer(device.name, f"took {keyword}, but does not tell it, so it may or may not hold")
    if told[keyword] != value:
        raise DidNotFollow(device.name, f"does not follow: {keyword} = {told[keyword]} after writing {value}")
    job.talk.say(f"{device.name}: {keyword} = {value}, read back")
    return told


def _confirm_where_it_went(job: Job, device: Device, keyword: str, value: str) -> Values:
    """Read back a setting by which the device may leave the place where it was spoken to."""
    moved = _NEW_PLACE[keyword](device.entry, value)
    try:
        told = _confirm(job, device, keyword, value)
    except Unreachable:
        if moved == device.entry:
            raise _gone(device, keyword, value) from None
        try:
            told = _confirm(job, Device(moved, job.seconds), keyword, value)
        except Unreachable:
            raise _gone(device, keyword, value) from None
    if moved != device.entry:
        job.talk.say(f"once it has moved, let {job.arguments.config} follow: bnfos --scan -x -h {moved.host}")
    return told


_NEW_PLACE: Mapping[str, Callable[[Entry, str], Entry]] = {
    "address": lambda entry, value: entry._replace(host=value),
    "port": lambda entry, value: entry._replace(port=int(value)),
    **dict.fromkeys(("netmask", "gateway", "dhcp"), lambda entry, _value: entry),
}
"""Where to look for a device after one of the settings that say where it is; for most that cannot be known."""


def _gone(device: Device, keyword: str, value: str) -> Unreachable:
    return Unreachable(
        device.name,
        f"was told {keyword} = {value}, and does not answer at {device.entry.host} since; find it with bnfos --scan",
    )


def _confirm_protection(job: Job, device: Device, keyword: str, value: str) -> Values:
    """Read back pwd; with it on, a device that asks for a login confirms it as well."""
    try:
        return _confirm(job, device, keyword, value)
    except Refused:
        if value != "1":
            raise
    known = "the login given is not accepted" if device.entry.login else "no login is configured"
    job.talk.say(f"{device.name}: protection is on, the device wants a password; {known}")
    job.talk.say(f"put it into {job.arguments.config}: login = {USER}:<password>")
    return {}


def _confirm_password(job: Job, device: Device, _keyword: str, value: str) -> Values:
    """Read with the new password; without protection nothing can tell whether it was taken."""
    told = _read_without_login(job, device)
    if told:
        job.talk.say(f"{device.name}: password written; it cannot be read back, and is asked for once pwd=1 is set")
        return told
    device.web.login = Login(device.entry.login.user if device.entry.login else USER, value)
    try:
        told = device.read(_deadline(job))
    except Refused:
        raise DidNotFollow(device.name, "does not accept the new password; the old one may still hold") from None
    job.talk.say(f"{device.name}: password changed; the device accepts the new one")
    if device.entry.login != device.web.login:
        job.talk.say(f"put it into {job.arguments.config}: login = {device.web.login.user}:<password>")
    return told


def _read_without_login(job: Job, device: Device) -> Values:
    device.web.login = None
    try:
        return device.read(_deadline(job))
    except Refused:
        return {}


def _confirm_trigger(job: Job, device: Device, keyword: str, _value: str) -> Values:
    job.talk.say(f"{device.name}: took {keyword} ({SETTINGS[keyword].meaning}); look whether it arrives")
    return {}


_CONFIRM: Mapping[str, Callable[[Job, Device, str, str], Values]] = {
    **dict.fromkeys(_NEW_PLACE, _confirm_where_it_went),
    "pwd": _confirm_protection,
    "apwd": _confirm_password,
    "smtptest": _confirm_trigger,
}


def _put_back_lost_flags(job: Job, device: Device, keyword: str, value: str, before: Values, told: Values) -> None:
    """Firmware 1.3.3 clears the other flags of a group when one is written: write the whole group again then."""
    lost = _lost_flags(before, told, keyword)
    if not lost:
        return
    told = device.write(with_their_groups({**lost, keyword: value}, before), _deadline(job))
    still = _lost_flags(before, told, keyword)
    if still:
        names = ", ".join(f"{other} = {told.get(other, '?')} (was {was})" for other, was in still.items())
        raise DidNotFollow(device.name, f"other settings changed along with {keyword}, set them again: {names}")
    job.talk.say(f"{device.name}: its firmware forgot {', '.join(lost)} on the way; written again, as before")


def _lost_flags(before: Values, told: Values, keyword: str) -> Values:
    lost = lost_settings(before, told, {keyword})
    return {other: was for other, was in lost.items() if SETTINGS[other].is_stored_flag}


def _read_until(device: Device, keyword: str, value: str, deadline: float) -> Values:
    """Read back, for as long as a relay may take to move."""
    until = time.monotonic() + FOLLOW_SECONDS
    told = device.read(deadline)
    while told.get(keyword, value) != value and time.monotonic() < until:
        time.sleep(FOLLOW_PAUSE_SECONDS)
        told = device.read(deadline)
    return told


# --- login -----------------------------------------------------------------------------------------------------


def _with_login(job: Job, device: Device, work: Callable[[], Result]) -> Result:
    """Do the work; if the device wants a password and none is configured, ask for it on a terminal and try again."""
    try:
        return work()
    except Refused:
        if device.entry.login or not sys.stdin.isatty() or job.talk.to_syslog:
            raise
    device.web.login = Login(USER, _ask(f"Password of {USER} at {device.name}: "))
    return work()


def _ask_for(keyword: str) -> str:
    if not sys.stdin.isatty():
        raise ConfigurationError(f"--set {keyword}: no value given, and no terminal to ask at")
    value = _ask(f"New {SETTINGS[keyword].meaning}: ")
    if value != _ask("Again: "):
        raise ConfigurationError("the two are not the same; nothing was written")
    try:
        return check(keyword, value)
    except ValueError as exc:
        raise ConfigurationError(str(exc)) from None


def _ask(prompt: str) -> str:
    try:
        return getpass.getpass(prompt)
    except EOFError:
        raise BerofosError("no password given; nothing was written") from None


def _deadline(job: Job) -> float:
    return time.monotonic() + job.seconds * EXCHANGES


WORK: Mapping[str, Callable[[Job], None]] = {"set": set_value, "get": get, "show": show}
