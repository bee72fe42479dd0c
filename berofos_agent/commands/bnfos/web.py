"""The modes of `bnfos` that use HTTP: set, get and show."""

from __future__ import annotations

import getpass
import sys
import time
from collections.abc import Mapping
from typing import Callable, TypeVar

from berofos_agent.cluster import resources
from berofos_agent.commands import commandline
from berofos_agent.commands.bnfos.context import PROG, Context
from berofos_agent.config.bnfosconf import Entry, Login
from berofos_agent.device.device import Device, Written
from berofos_agent.device.settings import MAGIC_KEY, SETTINGS, USER, Values, check
from berofos_agent.device.topology import LINES
from berofos_agent.doctor.remedies import with_config
from berofos_agent.errors import ConfigurationError, Refused, Unreachable, UnusableAnswer

EXCHANGES = 6
"""A --set is a read, a write and a read, and twice that if other settings were lost."""

Result = TypeVar("Result")


def get(context: Context) -> None:
    """Print one setting."""
    keyword = context.arguments.argument
    entry, values = _read(context)
    if keyword not in values:
        raise UnusableAnswer(
            entry.name, f"does not report {keyword}; its firmware may not know it", "update its firmware"
        )
    context.show(f"{keyword} = {values[keyword]}")


def show(context: Context) -> None:
    """Print all settings that the device reports."""
    entry, values = _read(context)
    context.reporter.info(f"Configuration of device {entry.name} at {entry.host}:")
    for keyword in SETTINGS:
        if keyword in values:
            context.show(f" {keyword:10}= {values[keyword]}")


def _read(context: Context) -> tuple[Entry, Values]:
    device = Device(context.target(host_needed=True), context.seconds)
    values = _with_login(context, device, lambda: device.read(_deadline(context)))
    _warn_of_version(context, device, values)
    return device.entry, values


def _warn_of_version(context: Context, device: Device, values: Values) -> None:
    if MAGIC_KEY in values:
        context.reporter.error(
            f"{device.name}: config.txt has the unknown version {values[MAGIC_KEY][:20]!r}; check the values"
        )


# --- set -------------------------------------------------------------------------------------------------------


def set_value(context: Context) -> None:
    """Write a setting and see that it reads back."""
    keyword, value = context.arguments.argument
    device = Device(context.target(host_needed=True), context.seconds)
    if value is None:
        value = _ask_for(keyword)
    managed_by = resources.relay_resources() if keyword == "mode" else []
    if managed_by:
        context.reporter.info(f"warning: {resources.warning(managed_by)}")
    before = _with_login(context, device, lambda: device.read(_deadline(context)))
    _warn_of_version(context, device, before)
    with commandline.uninterrupted():
        _set(context, device, keyword, value, before)


def _set(context: Context, device: Device, keyword: str, value: str, before: Values) -> None:
    try:
        written = _write(context, device, {keyword: value}, before)
    except Refused:
        if (keyword, value) != ("pwd", "1"):
            raise
        _confirm_protection(context, device)
        return
    setting = SETTINGS[keyword]
    if setting.read and keyword not in written.settings:
        raise UnusableAnswer(
            device.name,
            f"took {keyword}, but does not report it, so it may or may not be in force",
            "update its firmware",
        )
    if keyword == "mode" and before.get("mode") != value:
        was = LINES.get(before.get("mode", ""), "unknown")
        who = f"bnfos --set mode={value} by {commandline.user()}"
        commandline.tell_syslog(PROG, f"{device.name}: switched from {was} to {LINES[value]}: {who}")
    context.reporter.info(f"{device.name}: Setting {keyword} succeeded!{_how_confirmed(keyword, value)}")
    if keyword == "apwd":
        _confirm_password(context, device, before)
    if written.restored:
        context.reporter.info(
            f"{device.name}: its firmware lost {', '.join(written.restored)} on the way; written back"
        )
    for one in written.changed:
        context.reporter.info(f"{device.name}: {one.keyword} has changed too: {one.now}, was {one.expected}")


def _how_confirmed(keyword: str, value: str) -> str:
    if SETTINGS[keyword].read:
        return f" {keyword} = {value}, read back"
    return "" if keyword == "apwd" else f" Check whether it arrives ({SETTINGS[keyword].meaning})"


def _write(context: Context, device: Device, values: Mapping[str, str], before: Values) -> Written:
    """Write a setting; one that moves the device is read back where the device is then."""
    try:
        return device.write(values, before, _deadline(context))
    except Unreachable:
        ((keyword, value),) = values.items()
        if keyword not in _NEW_PLACE:
            raise
        moved = _NEW_PLACE[keyword](device.entry, value)
        gone = f"does not answer at {device.entry.host} since {keyword} = {value} was written", "find it: bnfos --scan"
        if moved == device.entry:
            raise Unreachable(device.name, *gone) from None
    try:
        written = Device(moved, context.seconds).confirm(values, before, _deadline(context))
    except Unreachable:
        raise Unreachable(device.name, *gone) from None
    scan = with_config(f"bnfos --scan -x -h {moved.host}", context.arguments.config)
    context.reporter.info(f"it has moved, so update {context.arguments.config}: {scan}")
    return written


_NEW_PLACE: Mapping[str, Callable[[Entry, str], Entry]] = {
    "address": lambda entry, value: entry._replace(host=value),
    "port": lambda entry, value: entry._replace(port=int(value)),
    **dict.fromkeys(("netmask", "gateway", "dhcp"), lambda entry, _value: entry),
}
"""Where to look for a device after one of the settings that say where it is; for most that cannot be known."""


def _confirm_protection(context: Context, device: Device) -> None:
    """Say that a device asks for a password now, which shows that protection is on."""
    known = "the login given is not accepted" if device.entry.login else "no login is configured"
    context.reporter.info(f"{device.name}: Setting pwd succeeded! The device requires a password now; {known}")
    context.reporter.info(f"put it into {context.arguments.config}: login = {USER}:<password>")


def _confirm_password(context: Context, device: Device, before: Values) -> None:
    if before.get("pwd") != "1":
        context.reporter.info(f"{device.name}: the device asks for the password once pwd=1 is set")
        return
    context.reporter.info(f"{device.name}: the device accepts the new password")
    if device.entry.login != device.web.login:
        context.reporter.info(f"put it into {context.arguments.config}: login = {USER}:<password>")


# --- login -----------------------------------------------------------------------------------------------------


def _with_login(context: Context, device: Device, work: Callable[[], Result]) -> Result:
    """Do the work; if the device requires a password and none is configured, ask for it on a terminal and try again."""
    try:
        return work()
    except Refused as exc:
        if device.entry.login or not sys.stdin.isatty() or context.reporter.to_syslog:
            raise _with_step(exc, context, device.entry.login) from exc
    device.web.login = Login(USER, _ask(f"Password of {USER} at {device.name}: "))
    try:
        return work()
    except Refused as exc:
        raise Refused(exc.device, exc.what, "try again" if exc.step == Refused.STEP else exc.step) from exc


def _with_step(exc: Refused, context: Context, login: Login | None) -> Refused:
    """Return the error with a step that helps where the login does not come from bnfos.conf."""
    given = context.arguments
    if not login and not given.f:
        return Refused(exc.device, exc.what, "give -u USER:PASSWORD, or -f NAME")
    if login and given.u and exc.step == Refused.STEP:
        return Refused(exc.device, exc.what, "correct -u USER:PASSWORD")
    return exc


def _ask_for(keyword: str) -> str:
    if not sys.stdin.isatty():
        raise ConfigurationError(f"--set {keyword}: no value given, and no terminal to ask at; run it on one")
    value = _ask(f"New {SETTINGS[keyword].meaning}: ")
    if value != _ask("Again: "):
        raise ConfigurationError("the two are not the same; nothing was written, try again")
    try:
        return check(keyword, value)
    except ValueError as exc:
        raise ConfigurationError(str(exc)) from None


def _ask(prompt: str) -> str:
    with commandline.reading_password():
        return getpass.getpass(prompt)


def _deadline(context: Context) -> float:
    return time.monotonic() + context.seconds * EXCHANGES


WORK: Mapping[str, Callable[[Context], None]] = {"set": set_value, "get": get, "show": show}
