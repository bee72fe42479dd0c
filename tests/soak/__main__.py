"""Many sequences of actions and faults, see tests/unit/agent/test_every_order.py: python -m tests.soak --sequences N.

Every core tries a batch at a time. Progress is kept in build/soak/progress.json, so that an interrupted run goes on
where it was. A counterexample ends it with the sequence, which becomes a named test.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.unit.agent.test_every_order import STEPS, Promises

PROGRESS = Path("build/soak/progress.json")
BATCH = 250


def main() -> int:
    """Run until so many sequences have been tried in all; return 1 for a counterexample."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--sequences", type=int, default=100_000)
    parser.add_argument("--anew", action="store_true", help="forget the progress of an earlier run")
    wanted = parser.parse_args()
    PROGRESS.parent.mkdir(parents=True, exist_ok=True)
    if wanted.anew:
        PROGRESS.unlink(missing_ok=True)
    done = json.loads(PROGRESS.read_text()) if PROGRESS.exists() else {"sequences": 0, "seconds": 0.0}
    left = wanted.sequences - done["sequences"]
    began, before = time.monotonic(), done["seconds"]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        batches = [pool.submit(tried, min(BATCH, left - begun)) for begun in range(0, left, BATCH)]
        for batch in as_completed(batches):
            try:
                done["sequences"] += batch.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
            done["seconds"] = before + time.monotonic() - began
            PROGRESS.write_text(json.dumps(done))
            each = 1000 * done["seconds"] / done["sequences"]
            print(
                f"{done['sequences']} of {wanted.sequences} sequences, {done['seconds']:.0f} s, {each:.0f} ms each",
                flush=True,
            )
    return 0


def tried(count: int) -> int:
    """Try so many sequences; return their number, raise what the first counterexample raised."""
    batch = settings(
        max_examples=count,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):  # what killed actions say
        run_state_machine_as_test(Promises, settings=batch)
    return count


if __name__ == "__main__":
    sys.exit(main())
