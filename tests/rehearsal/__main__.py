"""Rehearses every recommended configuration: all faults, and all ordered pairs of faults or a sample of them.

python -m tests.rehearsal [--sample N] [--seed N] [--only TEXT] [--anew]

A part of the work is a configuration's single faults, or its pairs that begin with one fault. What is done is kept in
build/rehearsal, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import random
import shlex
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from lxml import etree

from berofos_agent.cluster import scheduler as product
from berofos_agent.cluster.rehearsal import Stage, rehearse

from . import pairs
from .recommended import Recommended, all_of_them

KEPT = Path("build/rehearsal")

ALL = "all"
SINGLE = "single faults"
Part = tuple[str, str]
"""A configuration, and the fault that its pairs begin with, or SINGLE or ALL."""


def main() -> int:
    arguments = _arguments()
    seed = int(arguments.seed or random.SystemRandom().randrange(1 << 32))
    number = int(arguments.sample) if arguments.sample else None
    chosen = [one.name for one in all_of_them() if arguments.only in one.name]
    parts = [(name, part) for name in chosen for part in (SINGLE, *(fault.id for fault in pairs.FAULTS))]
    progress = KEPT / f"{_digest(number, seed)}.json"
    KEPT.mkdir(parents=True, exist_ok=True)
    if arguments.anew:
        progress.unlink(missing_ok=True)
    lines = [json.loads(line) for line in progress.read_text().splitlines()] if progress.exists() else []
    done: dict[Part, dict[str, Any]] = {(one["name"], one["part"]): one for one in lines}
    left = [part for part in parts if part not in done]
    print(f"{len(chosen)} configurations, {len(pairs.FAULTS)} faults, {number or 'all'} pairs each; SEED={seed}")
    print(f"{len(parts) - len(left)} of {len(parts)} parts were done before", flush=True)
    began = time.monotonic()
    with open(progress, "a") as file, ProcessPoolExecutor(os.cpu_count()) as pool:
        for future in as_completed([pool.submit(_asked, part, number, seed) for part in left]):
            one = future.result()
            done[one["name"], one["part"]] = one
            print(json.dumps(one), file=file, flush=True)
            what = f"{len(done):4} of {len(parts)}: {one['name']:36} {one['part']:20}"
            print(f"{what} {one['situations']:4} situations {one['runs']:5} runs {len(one['wrong']):3} wrong")
            print("".join(f"  {line}\n" for line in one["wrong"]), end="", flush=True)
    asked, runs = (sum(one[key] for one in done.values()) for key in ("situations", "runs"))
    wrong = sum(len(one["wrong"]) for one in done.values())
    print(f"{asked} situations, {runs} runs of crm_simulate, {wrong} wrong, {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


def _asked(part: Part, number: int | None, seed: int) -> dict[str, Any]:
    situations, runs, wrong = rehearsed(part[0], number, seed, part[1])
    return {"name": part[0], "part": part[1], "situations": situations, "runs": runs, "wrong": wrong}


def rehearsed(name: str, number: int | None, seed: int, part: str = ALL) -> tuple[int, int, list[str]]:
    """Return how many situations and runs a part of a configuration took, and a line for each violation."""
    one, scheduler, stages = _at_rest(name)
    chance = random.Random(f"{seed} {name}")
    wrong: list[str] = []
    asked, before = 0, scheduler.runs
    if part in (ALL, SINGLE):
        rows = rehearse(one.cluster, scheduler, one.has_quorum_device)
        wrong += [f"{row.active}: {row.text}: {', '.join(row.violations)}" for row in rows if row.violations]
        asked += len(rows)
    for stage in stages:
        for pair in pairs.sample(stage, number, chance):
            if part in (ALL, pair[0].id):
                asked += 1
                violations = pairs.ask(stage, pair)
                if violations:
                    wrong.append(replayed(one, stage.subject.relay.id, stage.active, pair, violations))
    return asked, scheduler.runs - before, wrong


@functools.lru_cache(maxsize=1)
def _at_rest(name: str) -> tuple[Recommended, pairs.Remembering, list[Stage]]:
    """Return a configuration and its stages, which a worker prepares once for all parts that it gets."""
    one = next(each for each in all_of_them() if each.name == name)
    scheduler = pairs.Remembering()
    return one, scheduler, pairs.stages_of(one, scheduler)


def replayed(one: Recommended, relay: str, active: str, pair: pairs.Pair, violations: list[str]) -> str:
    """Ask once more, keep the last question that was asked with the relay, and return it as a command."""
    recorder = pairs.Recorder()
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


def _digest(number: int | None, seed: int) -> str:
    """Return what changes with the question: our code, the scheduler's version, and which pairs."""
    tests, ours = Path(__file__).parent, Path(product.__file__).parent
    code = b"".join(path.read_bytes() for path in sorted([*tests.glob("*.py"), *ours.glob("*.py")]))
    version = subprocess.run(["crm_simulate", "--version"], capture_output=True, check=True).stdout
    which = b"" if number is None else f"{number} {seed}".encode()
    return hashlib.sha256(code + version + which).hexdigest()[:12]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal", description=__doc__)
    parser.add_argument("--sample", default="", help="so many pairs for each active node; default: all")
    parser.add_argument("--seed", default="", help="which pairs; default: others each time")
    parser.add_argument("--only", default="", help="only configurations with this in their name")
    parser.add_argument("--anew", action="store_true", help="forget what an interrupted run has done")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
