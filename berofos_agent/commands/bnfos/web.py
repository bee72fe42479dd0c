"""The modes of `bnfos` that speak HTTP: set, get and show; knows no UDP."""

from __future__ import annotations

import getpass
import sys
import time
from collections.abc import Mapping
from typing import Callable, TypeVar

from berofos_agent.commands.bnfos.context import Job
from berofos_agent.config.bnfosconf import Entry, Login
from berofos_agent.device.device import Device, Written
from berofos_agent.device.settings import MAGIC_KEY, SETTINGS, USER, Values, check
from berofos_agent.errors import BerofosError, ConfigurationError, Refused, Unreachable, UnusableAnswer

EXCHANGES = 6
"""A --set is a read, a write and a read, and twice that if other settings were lost."""

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
        written = _write(job, device, {keyword: value}, before)
    except Refused:
        if (keyword, value) != ("pwd", "1"):
            raise
        _confirm_protection(job, device)
        return
    setting = SETTINGS[keyword]
    if setting.read and keyword not in written.settings:
        raise UnusableAnswer(device.name, f"took {keyword}, but does not report it, so it may or may not be in force")
    if keyword == "apwd":
        _confirm_password(job, device, before)
    elif setting.read:
        job.talk.say(f"{device.name}: {keyword} = {value}, read back")
    else:
        job.talk.say(f"{device.name}: took {keyword} ({setting.meaning}); check whether it arrives")
    if written.restored:
        job.talk.say(f"{device.name}: its firmware lost {', '.join(written.restored)} on the way; written back")
    for one in written.changed:
        job.talk.say(f"{device.name}: {one.keyword} has changed too: {one.now}, was {one.expected}")


def _write(job: Job, device: Device, values: Mapping[str, str], before: Values) -> Written:
    """Write a setting; one that moves the device is read back where the device is then."""
    try:
        return device.write(values, before, _deadline(job))
    except Unreachable:
        ((keyword, value),) = values.items()
        if keyword not in _NEW_PLACE:
            raise
        moved = _NEW_PLACE[keyword](device.entry, value)
        gone = f"was told {keyword} = {value}, and does not answer at {device.entry.host} since; find it: bnfos --scan"
        if moved == device.entry:
            raise Unreachable(device.name, gone) from None
    try:
        written = Device(moved, job.seconds).confirm(values, before, _deadline(job))
    except Unreachable:
        raise Unreachable(device.name, gone) from None
    job.talk.say(f"it has moved, so update {job.arguments.config}: bnfos --scan -x -h {moved.host}")
    return written


_NEW_PLACE: Mapping[str, Callable[[Entry, str], Entry]] = {
    "address": lambda entry, value: entry._replace(host=value),
    "port": lambda entry, value: entry._replace(port=int(value)),
    **dict.fromkeys(("netmask", "gateway", "dhcp"), lambda entry, _value: entry),
}
"""Where to look for a device after one of the settings that say where it is; for most that cannot be known."""


def _confirm_protection(job: Job, device: Device) -> None:
    """Say that a device asks for a password now, which shows that protection is on."""
    known = "the login given is not accepted" if device.entry.login else "no login is configured"
    job.talk.say(f"{device.name}: protection is on, the device requires a password; {known}")
    job.talk.say(f"put it into {job.arguments.config}: login = {USER}:<password>")


def _confirm_password(job: Job, device: Device, before: Values) -> None:
    if before.get("pwd") != "1":
        job.talk.say(f"{device.name}: password written; the device asks for it once pwd=1 is set")
        return
    job.talk.say(f"{device.name}: password changed; the device accepts the new one")
    if device.entry.login != device.web.login:
        job.talk.say(f"put it into {job.arguments.config}: login = {USER}:<password>")


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
