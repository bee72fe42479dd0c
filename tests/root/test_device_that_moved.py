"""A device gets another address: everything says where it is now, and nothing is switched there unasked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .site import Site, new_site

OLD, NEW = "10.34.1.50", "10.34.1.77"
MOVED = f"fos1: answers at {NEW} now, not at {OLD}; update bnfos.conf: bnfos --scan -x -h {NEW}"
AGENT = (
    "OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=relay HA_RSCTMP={run} OCF_RESKEY_CRM_meta_on_node=xivo-1 "
    "OCF_RESKEY_CRM_meta_timeout=20000 OCF_RESKEY_CRM_meta_interval=10000 OCF_RESKEY_port_b_node=xivo-1 "
    "OCF_RESKEY_port_d_node=xivo-2 OCF_RESKEY_request_timeout=1 {agent} {action}"
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with new_site(tmp_path, OLD, NEW) as up:
        up.plug_in(OLD)
        assert up.run("bnfos --scan -x").returncode == 0
        assert up.run("xivo-berofos master").returncode == 0
        yield up


def agent(site: Site, action: str, run: Path) -> tuple[int, str]:
    path = Path(__file__).parents[2] / "ocf" / "berofos"
    done = site.run(AGENT.format(run=run, agent=path, action=action))
    return done.returncode, done.stderr


def test_a_device_that_moved_is_found_named_and_brought_back_by_the_doctors_command(site: Site, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    assert agent(site, "start", run)[0] == 0
    site.plug_in(NEW)
    site.order("fos1 reset")

    code, told = agent(site, "monitor", run)
    assert (code, f"ocf-exit-reason:{MOVED}" in told) == (190, True), told
    switched = site.run("xivo-berofos --timeout 1 slave")
    assert (switched.returncode, MOVED in switched.stderr) == (4, True), switched.stderr
    assert MOVED.removeprefix("fos1: ") in site.run("berofos status --timeout 1").stdout
    assert MOVED.removeprefix("fos1: ") in site.run("berofos check --timeout 1").stdout
    code, told = agent(site, "start", run)
    assert (code, MOVED in told) == (1, True), told
    state = site.order("fos1 state")["state"]
    assert state["mode"] == "1", "never switched there unasked"
    assert set(state["requests"]) == {"scan"}, "and never spoken to over HTTP"

    asked = site.run("berofos doctor").stdout
    fix = f"bnfos --scan -x -h {NEW}"
    assert f"    {fix}\n" in asked
    assert site.run(fix).returncode == 0
    assert agent(site, "monitor", run)[0] == 0
    assert f"host = {NEW}" in site.text("/etc/bnfos.conf")


def test_a_device_that_is_off_is_just_unreachable(site: Site) -> None:
    site.order("fos1 power off")
    ran = site.run("berofos switch d --timeout 1")
    assert (ran.returncode, "no answer from" in ran.stderr) == (4, True)
