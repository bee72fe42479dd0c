"""The state file: what one action has to tell the next. Its presence says that the cluster started the resource here.

Without it a stop could not be followed by "not running", since a relay is always in one of its positions.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from berofos_agent.agent import statepath
from berofos_agent.errors import StateError, Superseded

FOLDER_MODE = 0o1755
MAXIMUM_BYTES = 1 << 16
LOCK_PAUSE_SECONDS = 0.02

_NAME = re.compile(r"[!-<>-~]{1,64}")
"""Printable, no space and no "=": the kick daemon's arguments and report separate names with them."""
_KICK = re.compile(r"[0-9.]{7,15}:[0-9]{1,5}:47424c040b[0-9a-f]{16}")


@dataclass(frozen=True)
class Target:
    """A device that the kick daemon kicks, since its watchdog may be armed."""

    kick: str
    """How it is kicked: ADDRESS:PORT:DATAGRAM, the datagram in hexadecimal digits."""
    interval: int
    """Its watchdog's interval in seconds."""
    port: int = 80
    """Its HTTP port: by it a device is disarmed that is no longer in bnfos.conf."""


@dataclass
class State:
    """What one start, and the monitors after it, have to tell the next action."""

    seen: dict[str, float] = field(default_factory=dict)
    """Per device, when it was last seen in this node's position, in seconds since boot."""
    conditions: dict[str, str] = field(default_factory=dict)
    """Per kind ("position", "settings"), the reason that was logged last; empty while all is well."""
    attribute: str = ""
    """The value that the node attribute was set to last."""
    failure: str = ""
    """Why the last start or monitor failed; the stop that follows leaves it in the node attribute."""
    moved_at: float = 0.0
    """When start switched a relay, in seconds since boot; 0 if it did not."""
    waking: bool = False
    """The start switched a relay, and its spans have not been seen up since."""
    token: str = ""
    """Of the start that this belongs to; the kick daemon ends when the file does not contain it any more."""
    targets: dict[str, Target] = field(default_factory=dict)
    """Per device, what the kick daemon kicks."""
    interval: int = 0
    """A third of it, in seconds, is what the kick daemon waits from kick to kick; 0 while there is none."""
    unsure: bool = False
    """The file was damaged: a device may be armed that is not among the targets."""

    def __post_init__(self) -> None:
        self.loaded_token: str | None = None
        """The token in the file when it was read, None without a file; it must still be there when it is written."""

    def mark_in_position(self, devices: Iterable[str], now: float) -> None:
        """Note when these devices were in this node's position."""
        self.seen.update(dict.fromkeys(devices, now))


def clock() -> float:
    """Return seconds since boot, suspended time included: no step of the wall clock changes them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def load(path: str) -> tuple[State, str]:
    """Return the state and an empty text, or a fresh state and what is wrong with the file.

    A time that is still to come was written before this boot; it would make the grace last for ever. What an older
    version did not write is as in a fresh state.
    """
    damage = ""
    try:
        state = _parse(_read(path), clock())
    except (FileNotFoundError, IsADirectoryError):
        return State(), ""
    except OSError as exc:
        damage = f"{path}: {exc.strerror}"
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        damage = f"{path}: is corrupted; replaced by a new one"
    if damage:
        state = State(unsure=True)
        state.loaded_token = token_in(path)  # what is there may be replaced, whatever else in it cannot be used
    return state, damage


def load_started(path: str) -> tuple[State, str]:
    """Return what `load` does; raise Superseded if a stop removed the file while this action waited for it."""
    state, damage = load(path)
    if state.loaded_token is None:
        raise _superseded()
    return state, damage


def _read(path: str) -> dict[str, Any]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe would wait for a writer
    with open(os.open(path, flags), encoding="utf-8") as file:
        text = file.read(MAXIMUM_BYTES)
    if "\0" in text or "\\u0000" in text:  # we write none, and no program takes one as an argument
        raise ValueError("NUL")
    found: dict[str, Any] = json.loads(text)
    return found


def _parse(found: dict[str, Any], now: float) -> State:
    moved_at = found.get("moved_at", 0.0)
    state = State(
        seen={name: float(at) for name, at in found["seen"].items() if 0 <= at <= now},
        conditions={kind: str(reason) for kind, reason in found["conditions"].items()},
        attribute=str(found["attribute"]),
        failure=str(found.get("failure", "")),
        moved_at=float(moved_at) if 0 <= moved_at <= now else now,
        waking=bool(found.get("waking", False)),
        token=str(found.get("token", "")),
        targets={name: _target(target, found) for name, target in found.get("targets", {}).items()},
        interval=_sixteen_bits(found.get("interval", found.get("watchdog", 0)), 0),
        unsure=bool(found.get("unsure", False)),
    )
    state.loaded_token = state.token
    if "watchdog" in found:
        state.token = ""  # version 0.1.0: its kick daemon, with a lock of another name, ends without its token
    for name, target in state.targets.items():
        _sixteen_bits(target.interval, 1)
        _sixteen_bits(target.port, 1)
        if not _NAME.fullmatch(name) or not _KICK.fullmatch(target.kick):
            raise ValueError(name)
    return state


def _target(target: object, found: Mapping[str, Any]) -> Target:
    """Return a target without what a newer version added; 0.1.0 wrote how it is kicked, and one interval for all."""
    if isinstance(target, dict):
        return Target(**{one.name: target[one.name] for one in fields(Target) if one.name in target})
    return Target(str(target), found["watchdog"])


def _sixteen_bits(number: object, lowest: int) -> int:
    """Return the number if it is an interval or a port; raise ValueError otherwise."""
    if not isinstance(number, int) or not lowest <= number <= 65535:
        raise ValueError(number)
    return number


def save(path: str, state: State) -> None:
    """Write the state file whole or not at all.

    Raises StateError, and Superseded if the resource was stopped, or started by another, since the state was loaded:
    an action that is late must not undo that.
    """
    state.token = state.token or os.urandom(8).hex()
    with _written_aside(path, state) as temporary:
        check_current(path, state)
        os.replace(temporary, path)
    state.loaded_token = state.token


def check_writable(path: str) -> None:
    """Raise StateError where `save` would, on a full file system too. Leaves nothing there."""
    with _written_aside(path, State(token="0" * 16)):
        pass


@contextlib.contextmanager
def _written_aside(path: str, state: State) -> Iterator[str]:
    """Write the state into a file beside the state file, for as long as the context lasts; give its name."""
    data = json.dumps({"written by": "ocf:xivo:berofos", **asdict(state)})
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        _make_default_folder(os.path.dirname(path))
        _refuse_links(path)
        if os.path.lexists(path) and not os.path.isdir(path) and not statepath.exists(path):
            raise StateError(f"not written by this agent; choose another state file: {path}")
        _forget(temporary)  # of a process with this number that was killed while it wrote
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
            file.write(data)
        yield temporary
    except OSError as exc:
        raise StateError(f"cannot write the state file: {exc.strerror}; check its folder: {path}") from exc
    finally:
        _forget(temporary)


def check_current(path: str, state: State) -> None:
    """Raise Superseded if the state file is not the one that the state was loaded from, or saved to last."""
    if token_in(path) != state.loaded_token:
        raise _superseded()


def _superseded() -> Superseded:
    return Superseded("the resource was stopped or started while this action ran; see crm_mon")


def token_in(path: str) -> str | None:
    """Return the token in the state file: None if there is no file, empty if it is damaged."""
    try:
        return str(_read(path).get("token", "")) if statepath.exists(path) else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError, RecursionError):
        return ""


@contextlib.contextmanager
def locked(path: str, seconds: float) -> Iterator[None]:
    """Keep other actions on this resource out, waiting for `seconds` at most for one that runs.

    The cluster runs one action at a time; `crm_resource --force-...` does not ask it. An action that hangs must not
    keep a stop waiting, so after that time this one goes on: `save` finds out who was stopped by whom. The lock file
    is removed, so that nothing is left after a stop.
    """
    until = time.monotonic() + seconds
    name = f"{path}.lock"
    with contextlib.suppress(OSError):  # `save` gives the reason
        _make_default_folder(os.path.dirname(path))
    lock = _try_lock(name)
    while lock == _BUSY and time.monotonic() < until:
        time.sleep(LOCK_PAUSE_SECONDS)
        lock = _try_lock(name)
    try:
        yield
    finally:
        if lock >= 0:
            _forget(name)
            os.close(lock)


_BUSY, _IMPOSSIBLE = -1, -2


def _try_lock(name: str) -> int:
    """Return the descriptor of the lock file, locked, _BUSY or (as on a read-only mount) _IMPOSSIBLE."""
    try:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return _IMPOSSIBLE
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(name).st_ino == os.fstat(lock).st_ino:
            return lock
    except OSError:
        pass
    os.close(lock)  # another has it, or has just removed the file
    return _BUSY


def _refuse_links(path: str) -> None:
    """Refuse a state file that is a link, and a link on the way there that is someone else's or leads to them."""
    if os.path.islink(path):
        raise StateError(f"the state file is a symbolic link; remove it: {path}")
    folder = os.path.dirname(os.path.abspath(path))
    real = os.path.realpath(folder)
    if real == folder:
        return
    trusted = (0, os.geteuid())
    owners = [os.lstat(name).st_uid for name in _way_to(folder) if os.path.islink(name)]
    if any(owner not in trusted for owner in (*owners, os.stat(real).st_uid)):
        raise StateError(f"the state file's folder is a link of, or to, another user's; choose another: {path}")


def _way_to(folder: str) -> Iterator[str]:
    while folder != os.path.dirname(folder):
        yield folder
        folder = os.path.dirname(folder)


def _make_default_folder(folder: str) -> None:
    if folder == statepath.DEFAULT_FOLDER and not os.path.isdir(folder):
        with contextlib.suppress(FileExistsError):
            os.makedirs(folder)
            os.chmod(folder, FOLDER_MODE)


def _forget(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
