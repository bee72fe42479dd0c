"""One fault planted in a recommended configuration of each shape of telephony: scheduler and doctor see the same."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from lxml import etree

from berofos_agent.cluster import cib
from berofos_agent.cluster.rehearsal import rehearse
from berofos_agent.cluster.scheduler import Scheduler
from berofos_agent.cluster.situations import DECISIVE
from berofos_agent.doctor.checks import examine
from berofos_agent.doctor.findings import Facts
from tests.shown import read

from .recommended import all_of_them

SHAPES = ["clone", "promotable", "bundle"]


def without(path: str) -> Callable[[Any], None]:
    def change(tree: Any) -> None:
        found = tree.xpath(path)
        assert found
        for one in found:
            one.getparent().remove(one)

    return change


def reversed_colocation(tree: Any) -> None:
    (one,) = tree.xpath("//rsc_colocation")
    before = dict(one.attrib)
    one.attrib.clear()
    one.attrib.update({"id": before["id"], "score": "INFINITY", "rsc": before["with-rsc"], "with-rsc": before["rsc"]})


def stop_fails_by_default(tree: Any) -> None:
    (one,) = tree.xpath("//primitive[@id='relay']//op[@name='stop']")
    del one.attrib["on-fail"]


PLANTED: dict[str, Callable[[Any], None]] = {
    "critical": without("//primitive[@id='relay']//nvpair[@name='critical']"),
    "no-failure-timeout": without("//primitive[@id='relay']//nvpair[@name='failure-timeout']"),
    "no-migration-threshold": without("//primitive[@id='relay']//nvpair[@name='migration-threshold']"),
    "not-colocated": without("//rsc_colocation"),
    "colocated-backwards": reversed_colocation,
    "stop-may-fence": stop_fails_by_default,
}
"""By check, what makes it true."""

HARMLESS = {("critical", "clone"): "its instances stay where they are, and the relay goes to another one"}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("check", PLANTED)
def test_the_scheduler_and_the_doctor_see_the_same_fault(shape: str, check: str) -> None:
    good = next(one for one in all_of_them() if one.name == f"two-nodes-{shape}-one-device")
    tree = etree.fromstring(etree.tostring(good.cluster.tree))
    PLANTED[check](tree)
    cluster = cib.parse(etree.tostring(tree), shape)
    rows = rehearse(cluster, Scheduler(), situations=DECISIVE)
    wrong = [(row.active, row.text, one) for row in rows for one in row.violations]
    planted = [] if (check, shape) in HARMLESS else [check]
    assert bool(wrong) is bool(planted)
    assert [one.check.id for one in examine(Facts(cluster, rows=rows))] == planted, wrong
    assert [one.check.id for one in read(Facts(cluster))] == [check], "the doctor reads the reason, and no other"
