"""The life of the package on a bare Debian: installed, used, upgraded under a running resource, purged."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.bareroot import Root, run

from .versions import newer

CHECKS = Path(__file__).parents[2] / "packaging" / "debian" / "tests"
OURS = re.compile(r"berofos|beronet|bnfos|xivo")

MONITORS_WHILE_UPGRADED = r"""
cd /root
cp --archive /usr/lib/python3/dist-packages/berofos_agent .   # the simulator is no part of what is upgraded
python3 -m berofos_agent simulate --devices 2 --http-port 0 --udp-port 0 --config bnfos.conf > story &
until grep -qs ^ready story; do sleep 0.1; done
export OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=relay HA_RSCTMP=/root OCF_RESKEY_CRM_meta_on_node=xivo-1
export OCF_RESKEY_config=/root/bnfos.conf OCF_RESKEY_port_b_node=xivo-1 OCF_RESKEY_port_d_node=xivo-2
agent=/usr/lib/ocf/resource.d/xivo/berofos
$agent start
monitor() {
    until [ -e enough ]; do
        code=0
        $agent monitor 2>> reasons || code=$?
        echo "monitor: $code"
    done
}
monitor & first=$!
monitor & second=$!
for round in 1 2 3; do
    dpkg --no-force-unsafe-io --install newer.deb > dpkg.log 2>&1
    dpkg --no-force-unsafe-io --install older.deb >> dpkg.log 2>&1
done
touch enough
wait $first $second
cat reasons
"""

PANEL, METRICS = "berofos-panel.service", "berofos-metrics.timer"
HEARTBEAT = "berofos-heartbeat.service"
UNITS_AS_ORDERED = r"""
mkdir -p /run/systemd/system /root/bin
printf '#!/bin/sh\necho "$*" >> /root/orders\n' > /root/bin/deb-systemd-invoke
printf '#!/bin/sh\n' > /root/bin/systemctl
chmod +x /root/bin/*
export PATH=/root/bin:$PATH
"$@" > /root/dpkg.log 2>&1
rm -r /run/systemd /root/bin
cat /root/orders
rm /root/orders
"""
"""dpkg where systemd seems to run, and what it is asked for."""


def test_apt_install_pulls_everything_and_the_cluster_names_the_agent(installed: Root) -> None:
    assert installed.run("crm_resource", "--list-agents", "ocf:xivo").split() == ["berofos"]
    assert '<resource-agent name="berofos"' in installed.run("crm_resource", "--show-metadata", "ocf:xivo:berofos")


def test_every_command_answers_and_has_its_manual(installed: Root) -> None:
    listing = installed.run("dpkg", "--listfiles", "resource-agents-berofos").split()
    commands = {Path(path).name: path for path in listing if re.match(r"/usr/(s?bin|share/pacemaker/alerts)/.", path)}
    manuals = {Path(path).name for path in listing if path.startswith("/usr/share/man/man8/")}
    assert {"berofos", "berofos-alert"} <= commands.keys()
    assert manuals == {f"{command}.8.gz" for command in commands}
    for path in commands.values():
        assert "usage" in installed.run(path, "--help").lower()


def test_the_packages_own_test_drives_the_agent_through_ocf_tester(bare: Root, built: Path) -> None:
    """autopkgtest itself runs it, in a Debian that has what the package depends on and no more."""
    root = bare.copy(bare.folder.with_name("autopkgtest"))
    packages = [*built.glob("*.dsc"), *built.glob("*.deb")]
    told = run("autopkgtest", *packages, "--", "chroot", root.folder)
    assert re.search(r"^ocf-tester +PASS$", told, re.MULTILINE), told
    shutil.rmtree(root.folder)


def test_a_monitor_in_the_middle_of_an_upgrade_does_not_fail(installed: Root, package: Path, tmp_path: Path) -> None:
    """Three upgrades and downgrades under monitors without a pause, between versions that do not go together."""
    installed.put(package, "/root/older.deb")
    installed.put(newer(package, tmp_path), "/root/newer.deb")
    told = installed.run("bash", "-euc", MONITORS_WHILE_UPGRADED)
    assert set(told.splitlines()) == {"monitor: 0"}, told


def test_an_upgrade_restarts_the_units_in_use_and_leaves_the_heartbeat_as_it_is(installed: Root, package: Path) -> None:
    installed.put(package, f"/root/{package.name}")
    told = installed.run("sh", "-euc", UNITS_AS_ORDERED, "sh", "dpkg", "--install", f"/root/{package.name}")
    orders = [line.split() for line in told.splitlines()]
    restarted = {unit for action, *units in orders for unit in units if action == "restart"}
    assert {PANEL, METRICS} <= restarted
    assert HEARTBEAT not in {unit for _, *units in orders for unit in units}
    assert "stop" not in {action for action, *_ in orders}


def test_a_removal_stops_what_runs(installed: Root, package: Path) -> None:
    told = installed.run("sh", "-euc", UNITS_AS_ORDERED, "sh", "dpkg", "--remove", "resource-agents-berofos")
    installed.run("dpkg", "--install", installed.put(package, f"/root/{package.name}"))
    stopped = {unit for line in told.splitlines() if line.startswith("stop ") for unit in line.split()[1:]}
    assert {HEARTBEAT, PANEL, METRICS} <= stopped


def test_purge_leaves_only_the_administrators_own_file_and_says_so(installed: Root, package: Path) -> None:
    installed.run("dpkg", "--purge", "resource-agents-berofos")
    before = installed.files()
    assert not {path for path in before if OURS.search(path)}

    installed.run("dpkg", "--install", f"/root/{package.name}")
    (installed.folder / "etc/bnfos.conf").write_text("[fos1]\nmac = 00:19:32:00:12:1D\nhost = 192.0.2.1\n")
    state = "mkdir -p /run/resource-agents && touch /run/resource-agents/berofos-relay.state{,.lock,.kickd,.kicks}"
    installed.run("bash", "-ec", f"berofos --help && {state}")
    told = installed.run("dpkg", "--purge", "resource-agents-berofos")
    assert "/etc/bnfos.conf stays" in told
    assert installed.files() - before - {"run/resource-agents"} == {"etc/bnfos.conf"}


def test_apt_get_install_bntools_still_gives_bnfos(installed: Root, package: Path) -> None:
    """The first command of XiVO's documentation, where a repository has the package."""
    repository = installed.folder / "srv" / "repository"
    repository.mkdir()
    shutil.copy(package, repository)
    (repository / "Packages").write_text(run("sh", "-c", f"cd {repository} && dpkg-scanpackages . 2> scan.log"))
    source = installed.folder / "etc/apt/sources.list.d/local.list"
    source.write_text("deb [trusted=yes] file:/srv/repository ./\n")
    installed.run_with_network("apt-get", "update")
    installed.run_with_network("apt-get", "install", "--yes", "bntools")
    assert "usage" in installed.run("bnfos", "--help").lower()
