"""The state file: that the cluster started the resource here, and what was last seen; knows no device.

Without it a stop could not be followed by "not running", since a relay is always in one of its positions.
Probes and stops depend on this module, so it imports nothing but os until there is something to read or write.
"""

from __future__ import annotations

import os

from berofos_agent.errors import StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

DEFAULT_FOLDER = "/run/resource-agents"
FOLDER_MODE = 0o1755
MAXIMUM_BYTES = 1 << 16


class State:
    """What one start, and the monitors after it, have to tell the next action."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}
        """Per device, when it was last seen in this node's position, in seconds of `clock()`."""
        self.conditions: dict[str, str] = {}
        """Per kind ("position", "settings"), the reason that was logged last; empty while all is well."""
        self.attribute = ""
        """The value the node attribute was set to last."""
        self.moved_at = 0.0
        """When start switched a relay, in seconds of `clock()`; 0 if it had not to."""
        self.watchdog = 0
        """The interval, in seconds, of the watchdogs armed for this resource; 0 while there are none."""
        self.token = ""
        """What the kicker looks for in the state file, to know that this is still the start it belongs to."""
        self.targets: dict[str, str] = {}
        """Per device, how the kicker kicks it: ADDRESS:PORT:DATAGRAM."""

    def saw(self, devices: Iterable[str], now: float) -> None:
        """Remember that these devices are in position."""
        for device in devices:
            self.seen[device] = now


def clock() -> float:
    """Return seconds since boot, suspended time included: no step of the wall clock changes them."""
    import time

    return time.clock_gettime(time.CLOCK_BOOTTIME)


def path_of(environ: Mapping[str, str]) -> str:
    """Return where the state file of this environment's instance is; never bnfos.conf, which a stop would remove."""
    folder = environ.get("HA_RSCTMP") or DEFAULT_FOLDER
    instance = environ.get("OCF_RESOURCE_INSTANCE", "default").replace("/", "_")
    named = environ.get("OCF_RESKEY_state")
    is_config = named == (environ.get("OCF_RESKEY_config") or "/etc/bnfos.conf")
    return named if named and not is_config else f"{folder}/berofos-{instance}.state"


def exists(path: str) -> bool:
    """Tell whether the cluster started the resource here; a folder is no state file, and would never go away."""
    return os.path.lexists(path) and not os.path.isdir(path)


def remove(path: str) -> bool:
    """Remove the state file; return whether there was one. Raises OSError if it stays."""
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def load(path: str) -> tuple[State, str]:
    """Return the state and an empty text, or a fresh state and what is wrong with the file.

    A time that is still to come was written before this boot; it would make the grace last for ever. What an older
    version did not write is as in a fresh state.
    """
    import json

    state = State()
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe would wait for a writer
        with open(os.open(path, flags), encoding="utf-8") as file:
            told = json.loads(file.read(MAXIMUM_BYTES))
        now = clock()
        seen = {str(name): float(at) for name, at in told["seen"].items() if 0 <= at <= now}
        conditions = {str(kind): str(reason) for kind, reason in told["conditions"].items()}
        attribute = str(told["attribute"])
        moved_at = told.get("moved_at", 0.0)
        moved_at = float(moved_at) if 0 <= moved_at <= now else now
        watchdog, token = int(told.get("watchdog", 0)), str(told.get("token", ""))
        targets = {str(name): str(how) for name, how in told.get("targets", {}).items()}
    except OSError as exc:
        return state, f"{path}: {exc.strerror}"
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return state, f"{path}: is corrupted, a fresh one is written"
    state.seen, state.conditions, state.attribute = seen, conditions, attribute
    state.moved_at, state.watchdog, state.token, state.targets = moved_at, watchdog, token, targets
    return state, ""


def save(path: str, state: State) -> None:
    """Write the state file whole or not at all; raise StateError."""
    import json

    data = json.dumps(vars(state))
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        _make_default_folder(os.path.dirname(path))
        _refuse_links(path)
        _forget(temporary)  # of a process with this number that was killed while it wrote
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError as exc:
        raise StateError(f"cannot write the state file: {exc.strerror}: {path}") from exc
    finally:
        _forget(temporary)


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
    if folder == DEFAULT_FOLDER and not os.path.isdir(folder):
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, FOLDER_MODE)


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return
