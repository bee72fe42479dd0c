"""A configuration with 2,000 more resources is rehearsed as without them."""

from __future__ import annotations

from berofos_agent.cluster import cib
from berofos_agent.cluster.rehearsal import rehearse
from berofos_agent.cluster.scheduler import Scheduler
from tests.bench.doctor import SMALL, large


def test_resources_that_nothing_connects_with_telephony_change_no_answer_and_cost_no_run() -> None:
    scheduler = Scheduler()
    rows = rehearse(cib.read_file(str(SMALL)), scheduler)
    runs = scheduler.runs
    assert rehearse(cib.parse(large().encode(), "large"), scheduler) == rows
    # With Pacemaker 3.0.0 the first question is asked twice, see Scheduler.run.
    assert scheduler.runs - runs in (runs, runs - 1)
    assert rows
    assert not any(row.violations for row in rows)
