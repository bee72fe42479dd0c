"""What reading and judging a large cluster configuration costs."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .rows import Row

RESOURCES = 2000
REPETITIONS = 5
LIMIT_SECONDS = 0.5

CHECKOUT = Path(__file__).parents[2]
SMALL = CHECKOUT / "tests" / "data" / "cib" / "good-crm.xml"

_FILLER = """\
<primitive id="r{0}" class="ocf" provider="pacemaker" type="Dummy">
  <meta_attributes id="r{0}-m"><nvpair id="r{0}-m-c" name="critical" value="false"/></meta_attributes>
  <operations><op id="r{0}-monitor" name="monitor" interval="10s" timeout="20s"/></operations>
</primitive>
"""
_READ = """\
import sys
from berofos_agent.cluster import cib
from berofos_agent.doctor.checks import examine
from berofos_agent.doctor.findings import Facts
assert examine(Facts(cib.read_file(sys.argv[1]))) == []
"""
_CONSTRAINT = '<rsc_colocation id="c{0}" rsc="r{0}" with-rsc="r{1}" score="INFINITY"/>\n'


def large() -> str:
    """Return a good configuration with 2,000 more resources, each colocated with the next."""
    constraints = "".join(_CONSTRAINT.format(number, number + 1) for number in range(RESOURCES - 1))
    return independent().replace("</constraints>", constraints + "</constraints>")


def independent() -> str:
    """Return a good configuration with 2,000 more resources that nothing connects: crm_simulate is quick with these."""
    fillers = "".join(_FILLER.format(number) for number in range(RESOURCES))
    return SMALL.read_text().replace("</resources>", fillers + "</resources>")


def rows() -> Iterator[Row]:
    """Measure CPU seconds of whole processes, the small configuration's subtracted."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.xml"
        path.write_text(large())
        pairs = [(_cpu_seconds(path), _cpu_seconds(SMALL)) for _ in range(REPETITIONS)]
    yield Row(
        "doctor: a CIB of 2,000 resources, more than a small one",
        statistics.median(big - small for big, small in pairs),
        "s",
        LIMIT_SECONDS,
        f"CPU of the process, median of {REPETITIONS}",
    )


def _cpu_seconds(path: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    argv = [sys.executable, "-c", _READ, str(path)]  # the scheduler takes its own time for so many resources
    subprocess.run(argv, cwd=CHECKOUT, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
