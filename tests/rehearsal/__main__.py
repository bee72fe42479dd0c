"""Rehearses every recommended configuration: all faults, and all ordered pairs of faults or a sample of them.

python -m tests.rehearsal [--sample N] [--seed N] [--only TEXT]
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from lxml import etree

from berofos_agent.cluster.rehearsal import rehearse

from . import pairs
from .recommended import Recommended, all_of_them

KEPT = Path("build/rehearsal")


def main() -> int:
    arguments = _arguments()
    seed = int(arguments.seed or random.SystemRandom().randrange(1 << 32))
    number = int(arguments.sample) if arguments.sample else None
    names = [one.name for one in all_of_them() if arguments.only in one.name]
    print(
        f"{len(names)} configurations, {len(pairs.FAULTS)} faults, {number or 'all'} pairs each; SEED={seed}",
        flush=True,
    )
    began, asked, runs, wrong = time.monotonic(), 0, 0, 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        futures = {pool.submit(rehearsed, name, number, seed): name for name in names}
        for future in as_completed(futures):
            situations, used, violations = future.result()
            asked, runs, wrong = asked + situations, runs + used, wrong + len(violations)
            print(f"{futures[future]:40} {situations:5} situations {used:6} runs {len(violations):4} wrong", flush=True)
            for line in violations:
                print(f"  {line}", flush=True)
    print(f"{asked} situations, {runs} runs of crm_simulate, {wrong} wrong, {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


def rehearsed(name: str, number: int | None, seed: int) -> tuple[int, int, list[str]]:
    """Return how many situations and runs a configuration took, and a line for each violation."""
    one = next(each for each in all_of_them() if each.name == name)
    chance = random.Random(f"{seed} {name}")
    wrong = []
    with pairs.Remembering() as scheduler:
        rows = rehearse(one.cluster, scheduler, one.has_quorum_device)
        wrong += [f"{row.active}: {row.text}: {', '.join(row.violations)}" for row in rows if row.violations]
        asked = len(rows)
        for stage in pairs.stages_of(one, scheduler):
            for pair in pairs.sample(stage, number, chance):
                asked += 1
                violations = pairs.ask(stage, pair)
                if violations:
                    wrong.append(replayed(one, stage.subject.relay.id, stage.active, pair, violations))
        return asked, scheduler.runs, wrong


def replayed(one: Recommended, relay: str, active: str, pair: pairs.Pair, violations: list[str]) -> str:
    """Ask once more, keep the last question that was asked with the relay, and return it as a command."""
    with pairs.Recorder() as recorder:
        stages = pairs.stages_of(one, recorder)
        stage = next(each for each in stages if each.active == active and each.subject.relay.id == relay)
        recorder.asked.clear()
        pairs.ask(stage, pair)
        cib, options = [each for each in recorder.asked if each[0].xpath(f"//primitive[@id='{relay}']")][-1]
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{one.name}-{active}-{pair[0].id}-{pair[1].id}.xml"
    path.write_bytes(etree.tostring(cib))
    command = shlex.join(["crm_simulate", "--xml-file", str(path), "--simulate", *options])
    return f"{active}: {pair[0].id}, then {pair[1].id}: {', '.join(violations)}\n    {command}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal", description=__doc__)
    parser.add_argument("--sample", default="", help="so many pairs for each active node; default: all")
    parser.add_argument("--seed", default="", help="which pairs; default: others each time")
    parser.add_argument("--only", default="", help="only configurations with this in their name")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
