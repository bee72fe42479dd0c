"""Plays a schedule on a real two-node cluster until the time is over or something is violated: `make chaos`."""

from __future__ import annotations

import argparse
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.lab.cluster import Cluster
from tests.cluster.lab.processes import LabError
from tests.cluster.lab.two_nodes import lab_of_environment

from .faults import FAULTS
from .judge import Record, violations
from .schedule import Round, rounds
from .stage import Stage

TYPICAL_RECOVERY_SECONDS = 15.0


@dataclass
class Tally:
    """What was done and how it went."""

    faults: Counter[str] = field(default_factory=Counter)
    settling: dict[int, float] = field(default_factory=dict)
    failovers: dict[str, list[float]] = field(default_factory=dict)
    """By fault: seconds from its beginning until the last line had followed, where nothing else was wrong."""

    def count(self, one: Round, settling: float, began: float, record: Record) -> None:
        """Take a round that began at a moment of time.monotonic()."""
        self.faults.update(event.fault for event in one.events)
        self.settling[one.number] = settling
        moves = [moved.at for moved in record.movements]
        if len(one.events) == 1 and record.after.node != record.before.node and moves:
            event = one.events[0]
            self.failovers.setdefault(event.fault, []).append(max(moves) - began - event.at)

    def report(self) -> list[str]:
        lines = [f"{sum(self.faults.values())} faults in {len(self.settling)} rounds:"]
        lines += [f"  {times:4}  {fault}" for fault, times in sorted(self.faults.items())]
        if self.settling:
            slowest = max(self.settling, key=lambda number: self.settling[number])
            median = statistics.median(self.settling.values())
            lines.append(
                f"time to settle after the last fault's end: median {median:.1f} s, "
                f"slowest {self.settling[slowest]:.1f} s (round {slowest})"
            )
        for fault, times in sorted(self.failovers.items()):
            lines.append(
                f"failovers by '{fault}': {len(times)}, the slowest {max(times):.1f} s until the last line had followed"
            )
        return lines


def main(argv: list[str]) -> int:
    """Return 0 when nothing was violated, 1 when something was, 2 when the lab failed, 130 when interrupted."""
    given = _arguments(argv)
    again = f"MINUTES={given.minutes:g} SEED={given.seed}{' QUORUM_DEVICE=yes' if given.quorum_device else ''}"
    _say(f"chaos, seed {given.seed}; the same again: make chaos {again}")
    tale: list[str] = []
    tally = Tally()

    def tell(line: str) -> None:
        tale.append(line)
        _say(line)

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with lab_of_environment(tell=tell, quorum_device=given.quorum_device) as lab:
            cluster = Cluster(lab)
            # The quorum device has decided who may fence.
            cluster.configure(fencing=True, properties={"priority-fencing-delay": "0"} if given.quorum_device else {})
            wrong = _play(Stage(lab, cluster, tale), given, tally)
            if wrong:
                kept = lab.keep_logs(Path(tempfile.mkdtemp(prefix="chaos-")))
                _say(*wrong, "its timeline:", lab.story(), f"the nodes' logs are kept in {kept}")
    except LabError as exc:
        _say(f"the lab failed, with seed {given.seed}: {exc}")
        return 2
    except KeyboardInterrupt:
        _say(*tally.report(), f"seed {given.seed}: interrupted")
        return 130
    _say(*tally.report(), f"seed {given.seed}: {'VIOLATED' if wrong else 'nothing was violated'}")
    return 1 if wrong else 0


def _play(stage: Stage, given: argparse.Namespace, tally: Tally) -> list[str]:
    """Play rounds while there is time; return what was violated."""
    end = time.monotonic() + 60 * given.minutes
    for one in rounds(given.seed):
        if one.number < given.first:
            continue
        if time.monotonic() + one.seconds + TYPICAL_RECOVERY_SECONDS > end:
            return []
        stage.new_round(one.fencing)
        _say("", f"round {one.number}, {_circumstances(one)}; {stage.place.active} is active")
        _say(*(f"    {event}" for event in one.events))
        began = time.monotonic()
        _inject(stage, one, began)
        seconds, unsettled = stage.settle(one.cleanup)
        record = stage.record(unsettled)
        tally.count(one, seconds, began, record)
        found = violations(record, one.allowance(stage.place))
        if found:
            return [f"VIOLATED with seed {given.seed} in round {one.number}:", *(f"  {what}" for what in found)]
        _say(f"    all is right on {record.after.node}, {seconds:.1f} s after the last fault's end")
    return []


def _inject(stage: Stage, one: Round, began: float) -> None:
    """Let each fault begin and end at its time."""
    due = [(event.at, FAULTS[event.fault].begin, event.arguments) for event in one.events]
    due += [(event.over, FAULTS[event.fault].end, event.arguments) for event in one.events]
    for at, happen, arguments in sorted(due, key=lambda step: step[0]):
        time.sleep(max(0.0, began + at - time.monotonic()))
        happen(stage, *arguments)


def _circumstances(one: Round) -> str:
    fencing = "with fencing" if one.fencing else "without fencing"
    return f"{fencing}, {'then a cleanup' if one.cleanup else 'no cleanup'}"


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long; a round that does not fit is not begun")
    parser.add_argument("--seed", type=_seed, default="", help="a whole number; another each time unless given")
    parser.add_argument("--quorum-device", action="store_true", help="a third host runs corosync-qnetd")
    parser.add_argument("--first", type=int, default=1, help="the round to begin with")
    return parser.parse_args(argv)


def _seed(text: str) -> int:
    return int(text) if text else random.SystemRandom().randrange(1_000_000)


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
