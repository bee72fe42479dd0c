"""Pacemaker's scheduler on the configurations of tests/data: each planted fault is visible, nothing on the good ones.

And the doctor, which reads the same configurations, finds nothing that the scheduler does not show.
"""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from berofos_agent.cluster import cib
from berofos_agent.cluster.rehearsal import Row, rehearse
from berofos_agent.cluster.scheduler import Scheduler
from berofos_agent.cluster.situations import DECISIVE
from berofos_agent.doctor.checks import examine, explains
from berofos_agent.doctor.findings import Facts
from berofos_agent.errors import ConfigurationError
from tests.shown import read

CIBS = Path(__file__).parents[1] / "data" / "cib"
ALL = sorted(path.stem for path in CIBS.glob("*.xml"))
GOOD = [name for name in ALL if name.startswith("good-")]
BAD = [name for name in ALL if name not in GOOD]

NO_CONSEQUENCE = {
    "bad-parameter--word": "the agent refuses it, the scheduler does not know the agent's parameters",
    "fallback-with-several--pbx": "the scheduler does not know devices",
    "fallback-with-several--two-nodes": "the scheduler does not know devices",
    "fencing-without-delay--none": "the fencer delays, not the scheduler",
    "fencing-without-delay--no-priority": "the fencer delays, not the scheduler",
    "fencing-without-delay--same-for-both": "the fencer delays, not the scheduler",
    "leftover-move-constraint--of-xivo": "telephony prefers a node, which is a policy like any other",
    "no-deep-monitor": "the scheduler does not know what a monitor looks at",
    "no-readiness-monitor": "the scheduler does not know what a monitor looks at",
    "no-readiness-monitor--disabled": "the scheduler does not know what a monitor looks at",
    "no-monitor--disabled": "the failure is noticed, only later",
    "no-monitor--same-interval": "crm_simulate takes it that the failure is noticed",
    "no-monitor--only-deep": "the failure is noticed, only later",
    "no-relay": "there is nothing to rehearse",
    "no-fencing--switched-off-by-its-new-name": "Pacemaker 2.1 knows the option by its old name alone",
    "old-cluster": "the scheduler that is asked is a newer one",
    "no-watchdog": "the device's watchdog switches, not the cluster",
    "shared-device--all": "the scheduler does not know devices",
    "shared-device--named": "the scheduler does not know devices",
    "short-timeout--by-default": "how long an operation takes is not known in advance",
    "short-timeout--monitor": "how long an operation takes is not known in advance",
    "short-timeout--start": "how long an operation takes is not known in advance",
    "unfenced-node--disabled": "the scheduler takes it that each fencing works",
    "unfenced-node--not-named": "the scheduler takes it that each fencing works",
    "waiting-order--optional": "how long an operation takes is not known in advance",
    "waiting-order--set": "how long an operation takes is not known in advance",
}
"""Planted faults without a consequence for the scheduler, and why."""

NEWER = {"good-new-option-names", "no-fencing--switched-off-by-its-new-name"}
"""Written by a Pacemaker newer than 2.1. An older scheduler crashes on some, which is one line, and guesses at none."""


@functools.lru_cache(maxsize=4)
def rehearsed(name: str) -> list[Row]:
    return rehearse(cib.read_file(str(CIBS / f"{name}.xml")), Scheduler())


def checks(facts: Facts) -> list[str]:
    return [finding.check.id for finding in examine(facts)]


@pytest.mark.parametrize("name", ALL)
def test_the_scheduler_shows_the_planted_fault_and_the_doctor_names_it(name: str) -> None:
    """A file is named CHECK--VARIANT.xml."""
    cluster = cib.read_file(str(CIBS / f"{name}.xml"))
    try:
        rows = rehearsed(name)
    except ConfigurationError as exc:
        if name in NEWER and str(exc).startswith("crm_simulate crashed (signal 6)"):
            return
        raise
    wrong = [(row, violation) for row in rows for violation in row.violations]
    planted = [] if name in GOOD else [name.split("--")[0]]
    assert name in NEWER or bool(wrong) is (name in BAD and name not in NO_CONSEQUENCE), [
        (row.text, one) for row, one in wrong
    ]
    findings = examine(Facts(cluster, rows=rows))
    assert [finding.check.id for finding in findings] == planted
    assert all(explains(findings[0], row, one) for row, one in wrong)
    decisive = [row for row in rows if row.situation in {one.id for one in DECISIVE}]
    assert checks(Facts(cluster, rows=decisive)) == planted, "the doctor asks less"
    assert [one.check.id for one in read(Facts(cluster))] == planted, "the doctor reads the reason, and no other"


def test_every_situation_was_asked_from_both_nodes() -> None:
    asked = {(row.active, row.situation) for row in rehearsed("good-crm")}
    assert len(asked) == len(rehearsed("good-crm"))
    assert {situation for active, situation in asked if active == "xivo-1"} == {
        situation for active, situation in asked if active == "xivo-2"
    }
