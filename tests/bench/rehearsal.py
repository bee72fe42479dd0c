"""What a rehearsal of a large cluster costs, next to one run of Pacemaker's scheduler on the same CIB."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .doctor import CHECKOUT, independent
from .rows import Command, Row, peak_kilobytes

REPETITIONS = 3
NODES_UP = ("--node-up", "xivo-1", "--node-up", "xivo-2")
MOST_RUNS = 10.0
MOST_MEBIBYTES = 150.0


def rows() -> Iterator[Row]:
    """Compare CPU seconds, so that other load does not count."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.xml"
        path.write_text(independent())
        argv = [sys.executable, "-m", "berofos_agent", "rehearse", "--cib", str(path), "--json"]
        single = ["crm_simulate", "--xml-file", str(path), *NODES_UP]
        told = json.loads(subprocess.run(argv, cwd=CHECKOUT, stdout=subprocess.PIPE, check=True).stdout)
        whole = statistics.median(_cpu_seconds(argv) for _ in range(REPETITIONS))
        once = statistics.median(_cpu_seconds(single) for _ in range(REPETITIONS))
        peak = peak_kilobytes(Command(argv, {**os.environ, "PYTHONPATH": str(CHECKOUT)})) / 1024
    yield Row(
        "rehearse: a situation of 2,000 resources, against one crm_simulate",
        whole / len(told["rows"]) / once,
        "",
        MOST_RUNS,
        f"CPU, {whole:.1f} s for {len(told['rows'])} situations, one run {once:.2f} s",
    )
    yield Row("rehearse: memory with 2,000 resources", peak, "MiB", MOST_MEBIBYTES, "most that was resident")


def _cpu_seconds(argv: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, cwd=CHECKOUT, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
