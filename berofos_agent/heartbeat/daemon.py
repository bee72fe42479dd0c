"""The heartbeat's one loop: checks health, kicks, sends errands to the devices, tells what changed; decides nothing.

What to do when is in decisions.py. The loop never waits for anything but select: the health command and whatever
needs HTTP run as children, so that no kick is late for their sake.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable

from berofos_agent.config.bnfosconf import Entry
from berofos_agent.heartbeat.decisions import EXCHANGES, Condition, Health, Lines, Place
from berofos_agent.heartbeat.notify import notify, watchdog_seconds
from berofos_agent.heartbeat.task import Errand
from berofos_agent.watchdog import kickd
from berofos_agent.watchdog.kickd import Target, clock

ON_STOP = ("hand-over", "leave")

LOOK_SECONDS = 300.0
"""From look to look at a device all seems well with: somebody may have moved its relay, or disarmed it."""
RETRY_CHECKS = 2
"""A device that cannot be reached is tried again after so many checks."""
MARGIN_SECONDS = 3.0
TICK_SECONDS = 1.0


@dataclass(frozen=True)
class Orders:
    """What the administrator wants."""

    health: Sequence[str]
    check_seconds: float
    fall: int
    watchdog: int
    recover: float
    on_stop: str
    request_seconds: float
    event: Sequence[str]


class Heart:
    """The daemon. `tell` takes each line for the log."""

    def __init__(self, entries: Sequence[Entry], orders: Orders, tell: Callable[[str], None]) -> None:
        self._entries = {entry.name: entry for entry in entries}
        self._orders = orders
        self._tell = tell
        self._health = Health(orders.fall)
        self._lines = {entry.name: Lines(orders.watchdog, orders.recover) for entry in entries}
        self._targets: dict[str, Target] = {}
        self._troubles: dict[str, str] = {}
        self._check: subprocess.Popen[bytes] | None = None
        self._check_over: int | None = None
        self._check_at = 0.0
        self._errand: Errand | None = None
        self._errand_seconds = EXCHANGES * orders.request_seconds + MARGIN_SECONDS
        self._errand_at = self._look_at = self._notify_at = 0.0
        self._sent_to: Sequence[str] = ()
        self._events: list[subprocess.Popen[bytes]] = []
        self._was_running = False
        self._ended = False

    def beat(self) -> int:
        """Go on until SIGTERM or SIGINT; return the exit status."""
        ours, waker = socket.socketpair()
        for end in (ours, waker):
            end.setblocking(False)
        signal.set_wakeup_fd(waker.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        self._event("STARTING")
        with ours, waker, socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            notify("READY=1", "STATUS=waiting for the telephone system")
            while not self._ended:
                self._round(sock, ours)
            notify("STOPPING=1")
            self._stop(sock, ours)
        self._event("STOPPED")
        return 0

    def _end(self, _signal: int, _frame: object) -> None:
        self._ended = True

    def _round(self, sock: socket.socket, waker: socket.socket) -> None:
        """Do what is due, then wait for what comes first."""
        now = clock()
        self._begin_check(now)
        self._begin_errand(now)
        self._look_after_lines(now)
        if self._notify_at <= now and watchdog_seconds():
            notify("WATCHDOG=1")
            self._notify_at = now + watchdog_seconds()
        self._events = [event for event in self._events if event.poll() is None]
        self._wait(sock, waker)

    def _wait(self, sock: socket.socket, waker: socket.socket) -> None:
        targets = list(self._targets.values())
        pace = self._orders.watchdog / 3
        wait = min(TICK_SECONDS, self._check_at - clock())
        if self._health.kicks and targets:
            kickd.send_what_is_due(sock, targets, pace)
            wait = min(wait, *(target.due_at - clock() for target in targets))
        heard: list[Any] = [sock, waker, *filter(None, [self._errand])]
        if self._check_over is not None:
            heard.append(self._check_over)
        ready, _, _ = select.select(heard, [], [], max(0.0, wait))
        if waker in ready:
            waker.recv(64)
        if sock in ready and kickd.hear(sock, targets, pace):
            self._take_answers(targets)
        if self._errand in ready or (self._errand and clock() > self._errand_at + self._errand_seconds):
            self._end_errand()
        if self._check and (self._check_over in ready or clock() > self._check_at):
            self._end_check()

    def _take_answers(self, targets: Sequence[Target]) -> None:
        for target in targets:
            lines = self._lines[target.name]
            if target.answered_at > lines.answered_at and lines.heard(target.answered_at):
                self._look_at = 0.0

    # --- health ------------------------------------------------------------------------------------------------

    def _begin_check(self, now: float) -> None:
        if self._check or now < self._check_at:
            return
        self._check_at = now + self._orders.check_seconds
        try:
            self._check = _quiet(self._orders.health)
        except OSError as exc:
            self._judge(False, f"{self._orders.health[0]}: {exc.strerror}")
            return
        self._check_over = os.pidfd_open(self._check.pid)

    def _end_check(self) -> None:
        """Take the result; a check that is not over when the next is due is a bad one."""
        assert self._check
        status = self._check.poll()
        if status is None:
            self._check.kill()
            self._check.wait()
        if self._check_over is not None:
            os.close(self._check_over)
        self._check = self._check_over = None
        why = "does not end" if status is None else f"status {status}"
        self._judge(status == 0, f"{self._orders.health[0]}: {why}")

    def _judge(self, good: bool, why: str) -> None:
        if not self._health.checked(good):
            return
        condition = self._health.condition
        if condition is Condition.ILL:
            seconds = self._orders.watchdog
            self._tell(f"the telephone system is ill ({why}): no more kicks, in {seconds} s the lines go to port D")
        else:
            self._tell("the telephone system is healthy")
        for target in self._targets.values():
            target.due_at, target.waits = 0.0, False
        notify(f"STATUS=the telephone system is {condition.value}")

    # --- devices -----------------------------------------------------------------------------------------------

    def _look_after_lines(self, now: float) -> None:
        for name, lines in self._lines.items():
            if lines.ran_out(now):
                why = "not kicked" if not self._health.kicks else "kicks not answered"
                self._lost(name, f"{why} for {self._orders.watchdog} s, so the watchdog has put the lines to port D")

    def _lost(self, name: str, why: str) -> None:
        self._tell(f"{name}: {why}")
        self._event("WDOG_FAILED", name)

    def _begin_errand(self, now: float) -> None:
        """Send a child to fetch lines, or to look whether they are still here."""
        if self._errand or now < self._errand_at:
            return
        away = [name for name, lines in self._lines.items() if lines.is_to_be_fetched(now, self._health)]
        here = [name for name, lines in self._lines.items() if lines.place is Place.HERE]
        if away:
            self._send("fetch", away)
        elif here and self._health.kicks and now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._send("look", here)

    def _send(self, errand: str, names: Sequence[str]) -> None:
        entries = [self._entries[name] for name in names]
        self._errand_at, self._sent_to = clock(), names
        self._errand = Errand(lambda: _do(errand, entries, self._orders))

    def _end_errand(self) -> None:
        assert self._errand
        if clock() > self._errand_at + self._errand_seconds:
            self._errand.cancel()
        if not self._errand.take():
            return
        unknown = {name: ("failed", f"{name}: no answer within {self._errand_seconds:g} s") for name in self._sent_to}
        result, self._errand = self._errand.result or unknown, None
        if any(what == "failed" for what, _told in result.values()):
            self._errand_at = clock() + RETRY_CHECKS * self._orders.check_seconds
        for name, (what, told) in result.items():
            _TAKE[what](self, name, told)
        if not self._was_running and all(lines.place is Place.HERE for lines in self._lines.values()):
            self._was_running = True
            self._event("RUNNING")

    def _fetched(self, name: str, order: str) -> None:
        self._troubles.pop(name, None)
        self._targets[name] = Target(f"{name}={order}")
        were_lost = self._lines[name].fetched(clock())
        self._tell(f"{name}: the lines are here, watchdog armed, interval {self._orders.watchdog} s")
        if were_lost:
            self._event("WDOG_OK", name)

    def _still_here(self, _name: str, _told: str) -> None:
        return

    def _elsewhere(self, name: str, told: str) -> None:
        self._lines[name].lost(clock())
        self._lost(name, told)

    def _disarmed(self, name: str, told: str) -> None:
        self._tell(f"{name}: {told}")
        self._lines[name].place = Place.AWAY

    def _failed(self, name: str, trouble: str) -> None:
        """Tell of a trouble once, not at every attempt; a look that failed is repeated."""
        self._look_at = 0.0
        if self._troubles.get(name) != trouble:
            self._tell(trouble)
        self._troubles[name] = trouble

    # --- events and the end ------------------------------------------------------------------------------------

    def _event(self, *words: str) -> None:
        self._tell(" ".join(words))
        if not self._orders.event:
            return
        try:
            self._events.append(_quiet([*self._orders.event, *words]))
        except OSError as exc:
            self._tell(f"{self._orders.event[0]}: {exc.strerror}")

    def _stop(self, sock: socket.socket, waker: socket.socket) -> None:
        """Disarm before the relay is moved or left, kicking until that is done."""
        if self._errand:
            self._errand.cancel()
        self._send("hand_over" if self._orders.on_stop == "hand-over" else "leave", list(self._entries))
        until = clock() + self._errand_seconds + 1
        while self._errand and clock() < until:
            self._wait(sock, waker)

    def _left(self, name: str, told: str) -> None:
        self._tell(f"{name}: {told}")


_TAKE: dict[str, Callable[[Heart, str, str], None]] = {
    "fetched": Heart._fetched,
    "here": Heart._still_here,
    "elsewhere": Heart._elsewhere,
    "disarmed": Heart._disarmed,
    "failed": Heart._failed,
    "left": Heart._left,
}
"""By what an errand found of a device, what follows."""


def _do(errand: str, entries: Sequence[Entry], orders: Orders) -> object:
    """Do an errand; called in the child, so that only there the HTTP library is imported."""
    from berofos_agent.heartbeat import lines

    return lines.ERRANDS[errand](entries, orders.watchdog, orders.request_seconds)


def _quiet(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    null = subprocess.DEVNULL
    return subprocess.Popen(argv, stdin=null, stdout=null, stderr=null)
