"""`berofos-alert`: from one event of Pacemaker to one sentence at its recipient; bounded in time, and without a daemon.

Most events need nobody: they end before anything but the standard library is imported.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import sys
import syslog
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable

from berofos_agent import __version__, sentences, systemlog
from berofos_agent.alert import event as events
from berofos_agent.alert.event import Event
from berofos_agent.errors import BerofosError, ConfigurationError, NotDelivered

if TYPE_CHECKING:
    import argparse

    from berofos_agent.alert.delivery import Deliver, Options
    from berofos_agent.alert.notes import Notes
    from berofos_agent.alert.queue import Queue
    from berofos_agent.alert.story import View

PROG = "berofos-alert"
DONE, NOT_DELIVERED, WRONG_ARGUMENTS = 0, 1, 2

MOST_SECONDS = 20.0
"""After this, nothing is begun. Pacemaker kills an alert agent after 30 s, unless its alert says otherwise."""
SETTLE_SECONDS = 2.0
"""Processes of events 10 ms apart overtook each other in one of ten; so each waits until all before it have begun."""
DELIVERY_SECONDS = 8.0
RETRY_SECONDS = 5.0


def main(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Tell of the event in the environment, or of the one in the arguments; return the exit status."""
    try:
        if argv:
            return _by_hand(argv, environ)
        event = events.parse(environ)
        if event.needs_nobody:
            return DONE
        return _tell(event, environ.get("CRM_alert_recipient", ""), environ)
    except NotDelivered as exc:
        _complain(str(exc))
        return NOT_DELIVERED
    except BerofosError as exc:
        _complain(str(exc))
        return WRONG_ARGUMENTS


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, for a call by hand or by `berofos heartbeat`."""
    import argparse

    parser = argparse.ArgumentParser(
        prog=PROG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Tell people in one sentence what happened to the lines. Pacemaker runs it for each event of the\n"
        "cluster (see docs: alerts); with --to, it tells of an event of berofos heartbeat.",
        epilog=_EXAMPLES,
    )
    parser.add_argument("--to", metavar="RECIPIENT", required=True, help="ADDRESS@DOMAIN, https://... or exec:COMMAND")
    parser.add_argument("--version", action="version", version=f"{PROG} {__version__}")
    parser.add_argument(
        "event",
        nargs="?",
        default="TEST",
        choices=(*sentences.HEARTBEAT, "TEST"),
        metavar="EVENT",
        help=f"{', '.join(sentences.HEARTBEAT)} or TEST (%(default)s)",
    )
    parser.add_argument("device", nargs="?", default="", metavar="DEVICE", help="the device that the event is about")
    return parser


_EXAMPLES = """\
examples:
  berofos-alert --to oncall@example.org
  berofos heartbeat --event \\
    "/usr/share/pacemaker/alerts/berofos-alert --to oncall@example.org"
"""


def _by_hand(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    given = parser().parse_args(argv)
    import socket

    from berofos_agent.alert.delivery import Message, Options, way_to

    deliver, address = way_to(given.to)
    sentence = sentences.say(given.event, device=given.device)
    message = Message(sentence.text, sentence.severity.value, time.time(), socket.gethostname())
    deliver(address, message, Options.of(environ), DELIVERY_SECONDS)
    return DONE


def _tell(event: Event, recipient: str, environ: Mapping[str, str]) -> int:
    """Put the event behind those before it, and do what is due until it is done or the time is over."""
    now = time.monotonic()
    due, until = now + SETTLE_SECONDS, now + MOST_SECONDS
    event = event if event.at else dataclasses.replace(event, at=time.time())
    item = {"event": dataclasses.asdict(event), "due": due}
    queue, name = _queue(recipient, event, item, environ)  # first of all, as it may be overtaken
    from berofos_agent.alert import delivery

    try:
        way = delivery.way_to(recipient) if recipient else None
    except ConfigurationError:
        queue.remove(name)
        raise
    teller = Teller(queue, recipient, way, environ, until)
    problem = ""
    while max(time.monotonic(), due) <= until:
        time.sleep(max(0.0, due - time.monotonic()))
        problem = teller.compose_due()
        if _due(queue.read(name)) <= time.monotonic():  # else there is no time for a delivery: this event comes first
            problem = teller.deliver_all(problem)
        if not queue.has(name):
            return DONE
        due = max(_due(queue.read(name)), time.monotonic() + (RETRY_SECONDS if problem else 0.1))
    return NOT_DELIVERED if problem else DONE


def _due(item: Mapping[str, Any] | None) -> float:
    """Return when an item is to be looked at, a time of time.monotonic(), as somebody may set the clock.

    It is 0 if its file is damaged there, or from before a restart of the node: then it is more than any delay ahead.
    """
    from berofos_agent.alert.story import LATER_SECONDS

    due = (item or {}).get("due", 0.0)
    is_near = isinstance(due, (int, float)) and 0 <= due <= time.monotonic() + LATER_SECONDS
    return float(due) if is_near else 0.0


def _queue(recipient: str, event: Event, item: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[Queue, str]:
    """Return the recipient's queue with the event in it, in the first folder that can be written."""
    from berofos_agent.alert.queue import FOLDERS, Queue

    why = ""
    for folder in [environ["folder"]] if environ.get("folder") else FOLDERS:
        queue = Queue(os.path.join(folder, queue_id(recipient)))
        try:
            return queue, queue.put(event.at, event.sequence, item)
        except OSError as exc:
            why = f"{queue.folder}: {exc.strerror}"
    raise NotDelivered(f"{why}; not told: {event.kind} event of {sentences.clean(event.resource or event.node)[:80]}")


def queue_id(recipient: str) -> str:
    """Return the name of a recipient's folder and marks, which does not show the recipient."""
    return hashlib.sha256(recipient.encode("utf-8", "replace")).hexdigest()[:12]


class Teller:
    """Does what is due in one queue, until a time of time.monotonic().

    Composing and delivering have a lock each: a recipient that hangs must not delay the look at the cluster.
    """

    def __init__(
        self,
        queue: Queue,
        recipient: str,
        way: tuple[Deliver, str] | None,
        environ: Mapping[str, str],
        until: float,
    ) -> None:
        from berofos_agent.alert.delivery import Options, name_of
        from berofos_agent.alert.notes import Notes

        self._queue = queue
        self._way = way
        self._name = name_of(recipient) or "syslog only"
        self._environ = environ
        self._until = until
        self._options: Options = Options.of(environ)
        self._notes: Notes = Notes(queue.notes_path, queue_id(recipient), environ)

    def compose_due(self) -> str:
        """Make sentences of the events that are due; return why it ended early, or ""."""
        return self._bounded("composing", self._compose_due)

    def deliver_all(self, problem: str) -> str:
        """Deliver all sentences, and log why not; `problem` is known already. Return what keeps some here, or ""."""
        return self._bounded("delivering", lambda: self._note_problem(self._attempt(self._deliver) or problem))

    def _bounded(self, what: str, work: Callable[[], str]) -> str:
        """Do work behind a lock; without it in time, another process is at it, and says so itself."""
        try:
            with self._queue.lock(what, self._until) as is_mine:
                return work() if is_mine else f"{what} takes too long"
        except OSError as exc:
            return f"{self._queue.folder}: {exc.strerror}"

    def _attempt(self, work: Callable[[str], None]) -> str:
        """Do work on each item in order; return what ended it, or ""."""
        try:
            for name in self._queue.names():
                work(name)
        except BerofosError as exc:  # the cluster does not answer, or the recipient
            return str(exc)
        except OSError as exc:
            return f"{self._queue.folder}: {exc.strerror}"
        return ""

    def _note_problem(self, problem: str) -> str:
        """Log a problem once, not with each event."""
        known = self._queue.problem
        if problem != known:
            self._queue.problem = problem
            if problem:
                _complain(f"{problem}; it is tried again, at the latest with the next event")
        return problem

    def _compose_due(self) -> str:
        self._notes.load()
        for name in self._queue.excess():
            self._queue.remove(name)
            _complain("too many messages wait; the oldest was dropped, syslog has it")
        seen: list[View] = []

        def compose(name: str) -> None:
            item = self._queue.read(name)
            if item is None or ("text" not in item and "event" not in item):
                self._queue.remove(name)
            elif "event" in item and _due(item) <= time.monotonic():
                if not seen:
                    seen.append(look(self._environ))
                self._compose(name, item, seen[0])

        return self._attempt(compose)

    def _compose(self, name: str, item: Mapping[str, Any], view: View) -> None:
        from berofos_agent.alert.story import LATER_SECONDS, NotYet, compose

        sentence, now = None, time.time()
        try:
            event = Event(**item["event"])
            later = event.at + LATER_SECONDS
            if item.get("waited"):  # so much time has passed, even if the clock was set back to before the event
                now = max(now, later)
            sentence = compose(event, view, self._notes, now)
        except NotYet:
            due = time.monotonic() + min(max(1.0, later - now), LATER_SECONDS)
            self._queue.replace(name, {**item, "due": due, "waited": True})
            return
        except Exception as exc:  # of an event that nobody has thought of: the next one must not wait for it
            _complain(f"internal error ({type(exc).__name__}: {exc}); not told: {item['event']!r}"[:900])
        if sentence is None:
            self._queue.remove(name)
        else:
            _log(f"{sentence.text} ({self._name})")
            message = {"text": sentence.text, "severity": sentence.severity.value, "at": event.at, "node": view.me}
            self._queue.replace(name, message)
        self._notes.save()

    def _deliver(self, name: str) -> None:
        from berofos_agent.alert.delivery import Message

        item = self._queue.read(name)
        if item is None or "text" not in item or time.monotonic() > self._until:
            return
        if self._way:
            deliver, address = self._way
            try:
                deliver(address, Message(**item), self._options, DELIVERY_SECONDS)
            except (NotDelivered, OSError):
                raise
            except ConfigurationError as exc:
                _complain(f"{exc}; not delivered: {item['text']}")
            except Exception as exc:  # the messages after it must not wait for it; its text may hold the address
                _complain(f"internal error ({type(exc).__name__}); not delivered: {item['text']}")
        self._queue.remove(name)


def look(environ: Mapping[str, str]) -> View:
    """Return the cluster as this node sees it; raise ConfigurationError."""
    from berofos_agent.agent.node import this_node
    from berofos_agent.alert.story import View
    from berofos_agent.cluster import cib, status
    from berofos_agent.cluster.relays import relay_states

    plain = {name: environ[name] for name in environ if not name.startswith("OCF_")}
    live = status.read(environ=plain)
    configuration = cib.read_live()
    return View(
        me=this_node(plain),
        status=live,
        relays=relay_states(configuration, live),
        to_pbx_on_stop={
            one.id: not one.parameters.get("port_d_node") and one.parameters.get("on_stop") != "keep"
            for one in configuration.relays
        },
    )


def _log(line: str, priority: int = syslog.LOG_NOTICE) -> None:
    systemlog.name(PROG)
    systemlog.tell(priority, line)


def _complain(problem: str) -> None:
    """Put a problem into syslog and on standard error, which Pacemaker logs."""
    line = sentences.clean(problem)
    _log(line, syslog.LOG_ERR)
    try:
        print(f"{PROG}: {line}", file=sys.stderr, flush=True)
    except OSError:
        return
