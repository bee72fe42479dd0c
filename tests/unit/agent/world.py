"""A node, its devices and its kick daemon in one process, without sockets, with a clock that the test moves.

The agent is the real one, called through main(argv, environ); so are the devices' model and the parts of the kick
daemon. Only what lies between them is replaced: HTTP, UDP, processes, the clock. Where the agent sleeps, the clock
moves and the kick daemon goes on. `crash_at` kills an action at its n-th effect: nothing that it does after that has
an effect, as after kill -9.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import pytest

from berofos_agent.agent import actions, node, ocf
from berofos_agent.agent import main as agent_main
from berofos_agent.agent import state as state_file
from berofos_agent.device import frame, gbl4, parallel, resolver
from berofos_agent.device.frame import Command, Frame, ScanReply
from berofos_agent.device.gbl4 import Gbl4Client
from berofos_agent.device.web import WebClient
from berofos_agent.errors import KickDaemonError, Refused, Unreachable, UnusableAnswer
from berofos_agent.simulator import Power, SimulatedDevice, udp, web
from berofos_agent.watchdog import kickd, paths, process

MACS = {"fos1": "00:19:32:00:12:1D", "fos2": "00:19:32:00:12:1E", "fos3": "00:19:32:00:12:1F"}
HOSTS = {"10.0.0.1": "fos1", "10.0.0.2": "fos2", "10.0.0.3": "fos3"}
ADDRESSES = {name: host for host, name in HOSTS.items()}
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where a world's files are: some runs make a hundred thousand of them."""


class Killed(BaseException):
    """The action is killed here."""


class Inline:
    """A thread that does its work when it is started, so that every run is the same."""

    def __init__(self, target: Callable[..., None], args: tuple[Any, ...], daemon: bool) -> None:
        self.work = functools.partial(target, *args)
        self.daemon = daemon

    def start(self) -> None:
        self.work()

    def join(self, _seconds: float) -> None:
        """Nothing is left to wait for."""

    def is_alive(self) -> bool:
        return False


class Daemon:
    """A kick daemon made of kickd's own parts; the world's clock moves it."""

    def __init__(self, world: World, token: str, seconds: float, targets: dict[str, str]) -> None:
        self.world, self.token, self.seconds = world, token, seconds
        self.arguments = (token, seconds, targets)
        self.targets = [kickd.Target(f"{name}={how}") for name, how in targets.items()]
        self.frozen = False
        Path(paths.daemon_lock(world.state)).touch()
        self.kick()

    def kick(self) -> None:
        """Send what is due, hear the answers, report."""
        changed = False
        for target in self.targets:
            if target.due_at <= self.world.now:
                target.sent(self.world.now, self.seconds)
                answer = self.world.datagram(target.address[0], target.kick)
                if answer is not None:
                    target.heard(answer, target.address, self.world.now, self.seconds)
                changed = True
        if changed:
            with self.world.by_others(), pytest.MonkeyPatch.context() as patch:
                patch.setattr(kickd, "clock", lambda: self.world.now)
                kickd.write_report(paths.report_path(self.world.state), self.targets)

    @property
    def next_due(self) -> float:
        return min(target.due_at for target in self.targets)


class World:
    """Everything outside the agent."""

    def __init__(self) -> None:
        self.now = self.began = 1000.0
        self.folder = Path(tempfile.mkdtemp(prefix="berofos-world-", dir=MEMORY))
        (self.folder / "run").mkdir()
        self.config = self.folder / "bnfos.conf"
        self.state = str(self.folder / "run" / "berofos-relay.state")
        self.daemon: Daemon | None = None
        self.environ: dict[str, str] = {}
        self.parameters = {"config": str(self.config), "port_b_node": "xivo-1", "port_d_node": "xivo-2"}
        self.devices = {
            name: SimulatedDevice(name, mac, settings={"modedef": "1", "scenario": "0"}, clock=lambda: self.now)
            for name, mac in MACS.items()
        }
        for device in self.devices.values():
            device.move_by_hand("1")
        self.names: dict[str, str] = {}
        self.replaced_by: dict[tuple[Any, str], Any] = {}
        self.reasons: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.log: list[str] = []
        self.orders: list[str] = []
        self.effects = 0
        self.crash_at = 0
        self._others = False

    def close(self) -> None:
        shutil.rmtree(self.folder)

    # --- the cluster -------------------------------------------------------------------------------------------

    def call(self, action: str, level: int = 0, crash_at: int = 0, **parameters: str) -> int:
        """Do an action; return its exit code; `reasons` has its reasons and `orders` what it wrote to devices."""
        self.reasons, self.orders, self.effects, self.crash_at = [], [], 0, crash_at
        self.began = self.now
        given = {
            "HA_RSCTMP": str(self.folder / "run"),
            "OCF_RESOURCE_INSTANCE": "relay",
            "OCF_CHECK_LEVEL": str(level),
            "OCF_RESKEY_CRM_meta_on_node": "xivo-1",
            **self.environ,
            **{f"OCF_RESKEY_{name}": value for name, value in {**self.parameters, **parameters}.items()},
        }
        with self._replaced():
            try:
                return agent_main.main(["berofos", action], given)
            finally:
                self.crash_at = 0

    @property
    def dead(self) -> bool:
        """True once the action was killed."""
        return bool(self.crash_at) and self.effects >= self.crash_at

    @contextlib.contextmanager
    def by_others(self) -> Iterator[None]:
        """What happens here is no effect of the action."""
        before, self._others = self._others, True
        try:
            yield
        finally:
            self._others = before

    def effect(self, error: BaseException) -> None:
        """Count an effect; the n-th kills, and what a killed action still tries fails with this error."""
        if self._others:
            return
        if self.dead:
            raise error
        self.effects += 1
        if self.dead:
            raise Killed

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self.daemon and not self.daemon.frozen:
            due = min(self.daemon.next_due, self.now + kickd.CHECK_SECONDS)
            if due > end:
                break
            self.now = max(self.now, due)
            if not kickd.still_wanted(self.state, self.daemon.token):
                with self.by_others():
                    self.kill_daemon(tidy=True)
                break
            self.daemon.kick()
        self.now = end
        for device in self.devices.values():
            device.catch_up()

    def kill_daemon(self, tidy: bool = False) -> None:
        self.daemon = None
        if tidy:
            for path in (paths.daemon_lock(self.state), paths.report_path(self.state)):
                Path(path).unlink(missing_ok=True)

    # --- the network -------------------------------------------------------------------------------------------

    def device_at(self, host: str) -> SimulatedDevice | None:
        return self.devices.get(HOSTS.get(self.names.get(host, host), ""))

    def resolve(self, host: str, port: int, _seconds: float) -> tuple[str, int]:
        """What the name server says."""
        return self.names.get(host, host), port

    def datagram(self, host: str, datagram: bytes) -> bytes | None:
        device = self.device_at(host)
        return udp.answer(device, datagram) if device else None

    def broadcast_scan(self, **_limits: float) -> list[tuple[str, ScanReply]]:
        """What answers a broadcast, and where."""
        found = []
        for host in HOSTS:
            datagram = self.datagram(host, frame.encode(Command.SCAN))
            with contextlib.suppress(frame.FrameError):
                found.append((host, frame.decode_scan_reply(frame.decode(datagram or b"").payload)))
        return found

    def reaches(self, name: str) -> bool:
        """True if a device answers HTTP as it should."""
        device = self.devices[name]
        return device.serves_http and not any(device.faults.on(fault) for fault in ("status", "noise", "drop"))

    def takes_kicks(self, name: str) -> bool:
        device = self.devices[name]
        return not device.deaf and not any(device.faults.on(fault) for fault in ("refuse-kick", "noise", "drop"))

    def kicked(self) -> set[tuple[str, str]]:
        """The devices that the daemon kicks, unless it hangs for so long that an action should notice: address, MAC."""
        silent = self.began - process.read_report(self.state).at
        if not self.daemon or (self.daemon.frozen and silent >= 2 * self.daemon.seconds):
            return set()
        return {(target.address[0], target.kick[5:11].hex()) for target in self.daemon.targets}

    @contextlib.contextmanager
    def _replaced(self) -> Iterator[None]:
        world = self
        own_replace, own_unlink = os.replace, os.unlink

        def get(self: WebClient, target: str, _seconds: float, _take: Callable[..., bytes]) -> bytes:
            device = world.device_at(self.host)
            if device is None or not device.serves_http or device.faults.drops():
                raise Unreachable(self.name, f"no answer from {self.host} within 1 s")
            if "?" in target:
                world.effect(Unreachable(self.name, "killed"))
                world.orders.append(target.partition("?")[2])
            reply = web.answer(device, "nonce", target, "")
            if reply.status == 401:
                raise Refused(self.name, f"{self.host} requires a password")
            if not 200 <= reply.status < 300:
                raise UnusableAnswer(self.name, f"{self.host} answered HTTP status {reply.status}")
            return reply.body

        @contextlib.contextmanager
        def conversation(self: Gbl4Client, _seconds: float = 1) -> Iterator[Conversation]:
            yield Conversation(world, self)

        def launch(
            state: str, token: str, seconds: float, targets: dict[str, str], limit: float = 2, _tag: str = ""
        ) -> None:
            assert state == world.state
            if limit <= 0:
                raise KickDaemonError("the kick daemon did not start in time; check this node's load")
            world.effect(KickDaemonError("killed"))
            assert kickd.still_wanted(state, token), "a daemon without its state"
            world.daemon = Daemon(world, token, seconds, dict(targets))

        def runs_with(_state: str, token: str, seconds: float, targets: dict[str, str], _tag: str) -> bool:
            return world.daemon.arguments == (token, seconds, targets) if world.daemon else not targets

        def end(state: str) -> bool:
            assert state == world.state
            world.effect(KickDaemonError("killed"))
            was = world.daemon is not None
            world.kill_daemon(tidy=True)
            return was

        def replace(*args: Any) -> None:
            world.effect(OSError(5, "killed"))
            own_replace(*args)

        def unlink(path: Any, **options: Any) -> None:
            if str(path).endswith(".state"):
                world.effect(OSError(5, "killed"))
            elif world.dead and not world._others:
                raise OSError(5, "killed")
            own_unlink(path, **options)

        def exit_reason(reason: str, _prefix: str, **_options: bool) -> None:
            world.reasons.append(ocf.fit(reason))

        with pytest.MonkeyPatch.context() as patch:
            for owner, name, new in (
                (parallel, "threading", SimpleNamespace(Thread=Inline)),
                (WebClient, "_get", get),
                (Gbl4Client, "conversation", conversation),
                (gbl4, "broadcast_scan", self.broadcast_scan),
                (resolver, "resolve", self.resolve),
                (time, "monotonic", only_here(lambda: world.now, time.monotonic)),
                (time, "sleep", only_here(self.advance, time.sleep)),
                (process, "launch", launch),
                (process, "runs_with", runs_with),
                (process, "end", end),
                (process, "pid_of", lambda _state: os.getpid() if world.daemon else 0),
                (kickd, "clock", lambda: world.now),
                (state_file, "clock", lambda: world.now),
                (node, "output_of", lambda *_rest: ""),
                (node, "set_attribute", lambda name, value, *_rest: self.attributes.append((name, value))),
                (ocf, "exit_reason", exit_reason),
                (ocf, "open_syslog", lambda _instance: None),
                (ocf, "tell_syslog", lambda line, *_priority: self.log.append(line)),
                (agent_main, "_log", lambda _environ, _line: None),
                (os, "replace", replace),
                (os, "unlink", unlink),
                (actions, "LOCK_SECONDS", 0.0),
                (agent_main, "STOP_WAITS_SECONDS", 0.0),
            ):
                patch.setattr(owner, name, new)
            for (owner, name), new in self.replaced_by.items():
                patch.setattr(owner, name, new)
            yield


def only_here(new: Callable[..., Any], own: Callable[..., Any]) -> Callable[..., Any]:
    """Return `new` for this thread, and for any other that an earlier test has left in this process its `own`."""
    here = threading.get_ident()
    return lambda *args: (new if threading.get_ident() == here else own)(*args)


class Conversation:
    """What Gbl4Client asks through; an answer comes at once or never."""

    is_broadcast = False

    def __init__(self, world: World, client: Gbl4Client) -> None:
        self._world, self._client = world, client

    def ask(
        self,
        command: Command,
        payload: bytes,
        _seconds: float,
        is_reply: Callable[[Frame], bool] = lambda _: True,
        **_how: object,
    ) -> Frame:
        datagram = self._world.datagram(self._client.host, frame.encode(command, payload))
        with contextlib.suppress(frame.FrameError):
            reply = frame.decode(datagram or b"")
            if reply.command == command and reply.payload.startswith(payload[:6]) and is_reply(reply):
                return reply
        raise Unreachable(self._client.name, f"no answer from {self._client.host} (UDP port 50123) within 1 s")


def power_cycle(device: SimulatedDevice) -> None:
    device.switch_power(Power.OFF)
    device.switch_power(Power.OPERATIONAL)
