"""The heartbeat's loop: checks health, kicks devices, starts tasks, logs changes. decisions.py decides what to do when.

The loop waits in select only. The health command and the tasks that use HTTP run as children, so no kick is late
because of them.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable

from berofos_agent import sentences
from berofos_agent.config.bnfosconf import Entry
from berofos_agent.errors import missing_module
from berofos_agent.heartbeat.decisions import EXCHANGES, Condition, Health, Lines, Place
from berofos_agent.heartbeat.health import default_check
from berofos_agent.heartbeat.notify import notify, watchdog_seconds
from berofos_agent.heartbeat.task import Task
from berofos_agent.watchdog import kickd
from berofos_agent.watchdog.kickd import Target, clock

ON_STOP = ("hand-over", "leave")

INSPECTION_SECONDS = 300.0
"""Between two inspections of healthy devices: somebody may have moved the relay by hand, or disarmed the watchdog."""
RETRY_CHECKS = 2
"""A device that cannot be reached is tried again after this many health checks."""
MARGIN_SECONDS = 3.0
TICK_SECONDS = 1.0
KILL_SECONDS = 0.2
"""How long a killed health check may take to end; one that waits for a disk does not. Kicks must go out meanwhile."""


@dataclass(frozen=True)
class Options:
    """The options of `berofos heartbeat`. Times are in seconds."""

    health: Sequence[str]
    """The health command; empty for the default check."""
    check_seconds: float
    fall: int
    watchdog: int
    recover: float
    on_stop: str
    request_seconds: float
    event: Sequence[str]


class Daemon:
    """The daemon. It passes each line for the log to `log`."""

    def __init__(self, entries: Sequence[Entry], options: Options, log: Callable[[str], None]) -> None:
        self._entries = {entry.name: entry for entry in entries}
        self._options = options
        self._log = log
        self._health = Health(options.fall)
        self._lines = {entry.name: Lines(options.watchdog, options.recover) for entry in entries}
        self._targets: dict[str, Target] = {}
        self._errors: dict[str, str] = {}
        self._waits_for = ""
        self._command: Sequence[str] = options.health
        self._asks = ""
        self._check: subprocess.Popen[bytes] | None = None
        self._check_ended: int | None = None
        self._killed: subprocess.Popen[bytes] | None = None
        self._check_at = 0.0
        self._task: Task | None = None
        self._task_seconds = EXCHANGES * options.request_seconds + MARGIN_SECONDS
        self._task_at = self._inspect_at = self._notify_at = 0.0
        self._task_names: Sequence[str] = ()
        self._events: list[subprocess.Popen[bytes]] = []
        self._was_running = False
        self._stopping = False

    def run(self) -> int:
        """Run until SIGTERM, SIGINT or SIGHUP; return the exit status."""
        ours, waker = socket.socketpair()
        for end in (ours, waker):
            end.setblocking(False)
        signal.set_wakeup_fd(waker.fileno())
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would leave no status of a child
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it
            signal.signal(signal.SIGHUP, self._on_signal)
        self._event("STARTING")
        with ours, waker, socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            notify("READY=1", "STATUS=waiting for the first successful health check")
            while not self._stopping:
                self._round(sock, ours)
            notify("STOPPING=1")
            self._stop(sock, ours)
        if self._check:
            self._kill_check(self._check)
        self._event("STOPPED")
        return 0

    def _on_signal(self, _signal: int, _frame: object) -> None:
        self._stopping = True

    def _round(self, sock: socket.socket, waker: socket.socket) -> None:
        """Do what is due, then wait for the next event."""
        now = clock()
        self._start_check(now)
        self._start_task(now)
        self._find_expired(now)
        if self._notify_at <= now and watchdog_seconds():
            notify("WATCHDOG=1")
            self._notify_at = now + watchdog_seconds()
        self._events = [event for event in self._events if event.poll() is None]
        self._wait(sock, waker)

    def _wait(self, sock: socket.socket, waker: socket.socket) -> None:
        targets = list(self._targets.values())
        interval = self._options.watchdog / 3
        wait = min(TICK_SECONDS, self._check_at - clock())
        if self._health.kicks and targets:
            kickd.send_what_is_due(sock, targets, interval)
            wait = min(wait, *(target.due_at - clock() for target in targets))
        watched: list[Any] = [sock, waker, *filter(None, [self._task])]
        if self._check_ended is not None:
            watched.append(self._check_ended)
        ready, _, _ = select.select(watched, [], [], max(0.0, wait))
        if waker in ready:
            waker.recv(64)
        if sock in ready and kickd.hear(sock, targets, interval):
            self._take_answers(targets)
        if self._task in ready or (self._task and clock() > self._task_at + self._task_seconds):
            self._end_task()
        if self._check and (self._check_ended in ready or clock() > self._check_at):
            self._end_check()

    def _take_answers(self, targets: Sequence[Target]) -> None:
        for target in targets:
            lines = self._lines[target.name]
            if target.answered_at > lines.answered_at and lines.answered(target.answered_at):
                self._inspect_at = 0.0

    # --- health ------------------------------------------------------------------------------------------------

    def _start_check(self, now: float) -> None:
        if self._check or now < self._check_at:
            return
        self._check_at = now + self._options.check_seconds
        if self._killed and self._killed.poll() is None:  # it waits for a disk or a file server
            self._take_check(False, f"{self._command[0]}: cannot be killed")
            return
        if not self._options.health:
            self._command, asks = default_check()
            if asks != self._asks:
                self._log(f"health check: {asks}")
            self._asks = asks
        try:
            self._check = _start_silently(self._command)
        except OSError as exc:
            self._take_check(False, f"{self._command[0]}: {exc.strerror}")
            return
        with contextlib.suppress(OSError):  # without it, the result is taken when the next check is due
            self._check_ended = os.pidfd_open(self._check.pid)

    def _end_check(self) -> None:
        """Take the result; a check that still runs when the next one is due has failed."""
        assert self._check
        status = self._check.poll()
        if status is None:
            self._kill_check(self._check)
        if self._check_ended is not None:
            os.close(self._check_ended)
        self._check = self._check_ended = None
        why = "timed out" if status is None else f"status {status}"
        self._take_check(status == 0, f"{self._command[0]}: {why}")

    def _kill_check(self, check: subprocess.Popen[bytes]) -> None:
        os.killpg(check.pid, signal.SIGKILL)  # a shell's children too, or they would become many
        self._killed = check
        with contextlib.suppress(subprocess.TimeoutExpired):
            check.wait(KILL_SECONDS)

    def _take_check(self, good: bool, why: str) -> None:
        if not self._health.checked(good):
            if self._health.condition is Condition.STARTING and why != self._waits_for:
                self._log(f"health check failed; waiting for the first one that passes ({why})")
                self._waits_for = why
            return
        if self._health.condition is Condition.UNHEALTHY:
            seconds = self._options.watchdog
            self._log(f"health check failed; kicking stopped; the lines go to port D within {seconds} s ({why})")
        else:
            self._log("health check passed; kicking the devices")
        for target in self._targets.values():
            target.due_at, target.waits = 0.0, False
        notify(f"STATUS=telephony is {self._health.condition.value}")

    # --- devices -----------------------------------------------------------------------------------------------

    def _find_expired(self, now: float) -> None:
        for name, lines in self._lines.items():
            if lines.expired(now):
                why = "kicks not answered" if self._health.kicks else "not kicked"
                self._lost(name, f"{why} for {self._options.watchdog} s; the watchdog moved the lines to port D")

    def _lost(self, name: str, why: str) -> None:
        self._log(f"{name}: {why}")
        self._event("WDOG_FAILED", name)

    def _start_task(self, now: float) -> None:
        """Start a task that acquires lines, or inspects the devices that have them here."""
        if self._task or now < self._task_at:
            return
        wanted = [name for name, lines in self._lines.items() if lines.should_acquire(now, self._health)]
        here = [name for name, lines in self._lines.items() if lines.place is Place.HERE]
        if wanted:
            self._launch("acquire", wanted)
        elif here and self._health.kicks and now >= self._inspect_at:
            self._inspect_at = now + INSPECTION_SECONDS
            self._launch("inspect", here)

    def _launch(self, task: str, names: Sequence[str]) -> None:
        entries = [self._entries[name] for name in names]

        def work() -> object:
            try:
                from berofos_agent.heartbeat import lines  # in the child: so only the child imports the HTTP library
            except ImportError as exc:
                return _failed_on(names, missing_module(exc))
            return lines.run(task, entries, self._options.watchdog, self._options.request_seconds)

        self._task_at, self._task_names = clock(), names
        try:
            self._task = Task(work)
        except OSError as exc:
            self._log(f"no process for {task}: {exc.strerror}")
            self._task_at, self._inspect_at = clock() + RETRY_CHECKS * self._options.check_seconds, 0.0

    def _end_task(self) -> None:
        assert self._task
        is_late = clock() > self._task_at + self._task_seconds
        if is_late:
            self._task.cancel()
        if not self._task.take():
            return
        why = f"no answer within {self._task_seconds:g} s" if is_late else "no result; see the kernel's log"
        result, self._task = self._task.result or _failed_on(self._task_names, why), None
        if any(found == "failed" for found, _text in result.values()):
            self._task_at = clock() + RETRY_CHECKS * self._options.check_seconds
        for name, (found, text) in result.items():
            _TAKE[found](self, name, text)
        if not self._was_running and all(lines.place is Place.HERE for lines in self._lines.values()):
            self._was_running = True
            self._event("RUNNING")

    def _acquired(self, name: str, target: str) -> None:
        self._errors.pop(name, None)
        self._targets[name] = Target(f"{name}={target}")
        were_lost = self._lines[name].acquired(clock())
        self._log(f"{name}: lines at port B, watchdog armed, interval {self._options.watchdog} s")
        if were_lost:
            self._event("WDOG_OK", name)

    def _wrong_position(self, name: str, text: str) -> None:
        self._lines[name].lost(clock())
        self._lost(name, text)

    def _disarmed(self, name: str, text: str) -> None:
        self._released(name, text)
        self._lines[name].place = Place.NOT_ACQUIRED

    def _failed(self, name: str, error: str) -> None:
        """Log an error once, not at every attempt; repeat a failed inspection soon."""
        self._inspect_at = 0.0
        if self._errors.get(name) != error:
            self._log(error)
        self._errors[name] = error

    # --- events and the end ------------------------------------------------------------------------------------

    def _event(self, event: str, *device: str) -> None:
        sentence = sentences.say(event, device="".join(device)).text
        self._log(f"{event}: {sentence}")
        words = (event, *device)
        if not self._options.event:
            return
        try:
            self._events.append(_start_silently([*self._options.event, *words], sentence))
        except OSError as exc:
            self._log(f"{self._options.event[0]}: {exc.strerror}")

    def _stop(self, sock: socket.socket, waker: socket.socket) -> None:
        """Disarm, then move the relay or leave it; go on kicking until that is done."""
        self._check_at = math.inf  # no check is due any more; _wait would not wait for one that is overdue
        if self._task:
            self._task.cancel()
        self._launch(self._options.on_stop, list(self._entries))
        until = clock() + self._task_seconds + 1
        while self._task and clock() < until:
            self._wait(sock, waker)

    def _released(self, name: str, text: str) -> None:
        self._log(f"{name}: {text}")


_TAKE: dict[str, Callable[[Daemon, str, str], None]] = {
    "acquired": Daemon._acquired,
    "here": lambda *_: None,
    "wrong-position": Daemon._wrong_position,
    "disarmed": Daemon._disarmed,
    "failed": Daemon._failed,
    "released": Daemon._released,
}
"""What to do with a device, by what a task found."""


def _failed_on(names: Sequence[str], why: str) -> dict[str, tuple[str, str]]:
    return {name: ("failed", f"{name}: {why}") for name in names}


def _start_silently(argv: Sequence[str], sentence: str = "") -> subprocess.Popen[bytes]:
    null = subprocess.DEVNULL
    # NOTIFY_SOCKET is the daemon's: a child that uses it, as systemctl does when it fails, draws a warning of systemd.
    environ = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    if sentence:
        environ["BEROFOS_SENTENCE"] = sentence
    return subprocess.Popen(argv, stdin=null, stdout=null, stderr=null, env=environ, start_new_session=True)
