"""Every recommended configuration through all single faults and a few pairs; `make rehearsal` takes all pairs."""

from __future__ import annotations

import pytest

from berofos_agent.doctor.findings import Facts
from tests.shown import read

from .__main__ import rehearsed
from .recommended import Recommended, all_of_them

PAIRS, SEED = 2, 1


@pytest.mark.parametrize("name", [one.name for one in all_of_them()])
def test_no_fault_does_what_it_must_not(name: str) -> None:
    situations, runs, wrong = rehearsed(name, PAIRS, SEED)
    assert wrong == []
    assert situations > 15
    assert runs > situations


@pytest.mark.parametrize("one", list(all_of_them()), ids=lambda one: one.name)
def test_where_the_scheduler_shows_nothing_wrong_the_doctor_reads_nothing_wrong(one: Recommended) -> None:
    assert read(Facts(one.cluster, quorum_device="heuristics" if one.has_quorum_device else "")) == []
