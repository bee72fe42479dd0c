"""The doctor on cluster configurations with one fault planted in each: it finds that one, and nothing else."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest
from lxml import etree

from berofos_agent.cluster import cib
from berofos_agent.config.bnfosconf import Entry
from berofos_agent.doctor.checks import CHECKS, examine
from berofos_agent.doctor.findings import ConfigFile, Facts, Finding
from berofos_agent.errors import ConfigurationError
from tests.shown import read

CIBS = Path(__file__).parents[2] / "data" / "cib"
GOOD = sorted(path.name for path in CIBS.glob("good-*.xml"))
BAD = sorted(path.name for path in CIBS.glob("*.xml") if path.name not in GOOD)


def examined(name: str) -> list[Finding]:
    return read(Facts(cib.read_file(str(CIBS / name))))


@pytest.mark.parametrize("name", GOOD)
def test_a_good_configuration_is_clean(name: str) -> None:
    assert examined(name) == []


@pytest.mark.parametrize("name", BAD)
def test_exactly_the_planted_fault_is_found(name: str) -> None:
    """A file is named CHECK--VARIANT.xml."""
    found = examined(name)
    assert [finding.check.id for finding in found] == [Path(name).stem.split("--")[0]]
    assert found[0].problem.fix


@pytest.mark.parametrize("name", BAD)
def test_what_the_scheduler_does_not_show_is_no_finding_about_behaviour(name: str) -> None:
    found = examine(Facts(cib.read_file(str(CIBS / name))))
    assert found == [one for one in examined(name) if not one.check.behaviour]


def test_every_check_of_the_cluster_has_a_planted_fault() -> None:
    planted = {name.split(".")[0].split("--")[0] for name in BAD}
    of_the_cluster = {check.id for check in CHECKS if check.evaluate.__module__.endswith(("placement", "recovery"))}
    assert of_the_cluster - planted == {"not-judged"}


def test_a_resource_without_devices_has_all_devices_of_bnfos_conf() -> None:
    cluster = cib.parse(
        (CIBS / "fallback-with-several--pbx.xml").read_bytes().replace(b'value="fos1 fos2"', b'value=""'), "cib"
    )
    two = ConfigFile("/etc/bnfos.conf", [Entry("fos1", "10.34.1.20"), Entry("fos2", "10.34.1.21")])
    (finding,) = read(Facts(cluster, files=[two]))
    assert finding.check.id == "fallback-with-several"
    first, then, _last = finding.problem.fix.split(" && ")
    assert "--set-parameter on_stop --parameter-value keep" in first, "the restart must not move the lines to port D"
    assert then == "crm_resource --wait", "else Pacemaker makes one restart of both changes"
    assert read(Facts(cluster)) == []


def test_a_clone_that_is_ended_leaves_the_relay_where_telephony_runs() -> None:
    """pcs 0.11.5 removes the clone's colocation too; crmsh 4.4 refuses to delete a managed resource that runs."""
    (finding,) = read(Facts(cib.read_file(str(CIBS / "cloned.xml"))))
    by_pcs, by_crm = finding.problem.fix.split("; or, with crmsh: ")
    unclone, colocate = by_pcs.split(" && ")
    assert unclone == "pcs resource unclone relay"
    assert 'rsc="relay" with-rsc="xivo" score="INFINITY"' in colocate
    assert by_crm == "crm resource unmanage relay-clone && crm configure delete relay-clone"


def test_with_a_quorum_device_fencing_needs_no_delay() -> None:
    cluster = cib.read_file(str(CIBS / "fencing-without-delay--none.xml"))
    assert read(Facts(cluster, quorum_device="heuristics")) == []


@pytest.mark.parametrize("decides_by", ["node id", "the relay"])
@pytest.mark.parametrize(
    ("telephony", "fix"),
    [
        (b'class="systemd" type="asterisk"', "'exec_telephony=/usr/bin/systemctl is-active --quiet asterisk'"),
        (b'class="ocf" provider="pacemaker" type="Dummy"', "heuristics that succeed only where telephony runs"),
    ],
)
def test_a_quorum_device_that_does_not_know_where_telephony_is_is_found(
    telephony: bytes, fix: str, decides_by: str
) -> None:
    dummy = b'class="ocf" provider="pacemaker" type="Dummy"'
    text = (CIBS / "fencing-without-delay--none.xml").read_bytes()
    assert dummy in text
    (finding,) = read(Facts(cib.parse(text.replace(dummy, telephony), "cib"), quorum_device=decides_by))
    assert finding.check.id == "lines-ignored-in-split"
    assert fix in finding.problem.fix
    assert (decides_by == "the relay") == ("asks for the relay" in finding.problem.text)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is not XML"),
        (b"\0\xff noise", "is not XML"),
        (b"<cib/>", "is not a CIB"),
        (b"<configuration/>", "is not a CIB"),
        (b"<!DOCTYPE cib [<!ENTITY a 'b'>]><cib><configuration/></cib>", "has a document type"),
        (b"<cib><configuration>" + b"<a>" * 300 + b"</a>" * 300 + b"</configuration></cib>", "is not XML"),
    ],
    ids=["empty", "noise", "no-configuration", "no-cib", "entities", "deep"],
)
def test_what_is_not_a_cib_is_refused_in_one_line(data: bytes, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as raised:
        cib.parse(data, "cib.xml")
    assert "\n" not in str(raised.value)


def test_entities_are_never_expanded_nor_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("telephone")
    data = f'<!DOCTYPE cib [<!ENTITY x SYSTEM "file://{secret}">]><cib><configuration>&x;</configuration></cib>'
    with pytest.raises(ConfigurationError) as raised:
        cib.parse(data.encode(), "cib.xml")
    assert "telephone" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20", 20), ("20s", 20), ("PT1M30S", 90), (" 2 min ", 120), ("1500ms", 1.5), ("1h", 3600), ("0", 0)],
)
def test_times_as_pacemaker_writes_them(text: str, seconds: float) -> None:
    assert cib.seconds(text) == seconds


def test_what_is_not_a_time_is_not_a_number() -> None:
    assert cib.seconds("soon") != cib.seconds("soon")


@pytest.mark.parametrize("name", GOOD)
def test_a_configuration_that_was_mangled_is_judged_or_refused_never_a_traceback(name: str) -> None:
    """Elements and attributes are taken out, doubled and given other values, a hundred times each file."""
    chance = random.Random(name)
    for _ in range(100):
        root = etree.parse(str(CIBS / name)).getroot()
        for _ in range(chance.randint(1, 5)):
            mangle(root, chance)
        with contextlib.suppress(ConfigurationError):
            read(Facts(cib.parse(etree.tostring(root), "cib.xml")))


def mangle(root: etree._Element, chance: random.Random) -> None:
    element = chance.choice([one for one in root.iter() if one is not root] or [etree.SubElement(root, "status")])
    action = chance.randrange(4)
    if action == 0:
        element.getparent().remove(element)
    elif action == 1:
        element.getparent().append(etree.fromstring(etree.tostring(element)))
    elif action == 2:
        element.attrib.pop(chance.choice(element.keys() or ["id"]), None)
    else:
        value = chance.choice(["", "\u00b2", "-INFINITY", "1e99", "relay", "telephony", "a;b:c", " ", "PT", "9" * 40])
        element.set(chance.choice(element.keys() or ["id"]), value)


@pytest.mark.parametrize(
    ("rsc", "with_rsc", "more"),
    [
        ("relays", "xivo", '<tags><tag id="relays"><obj_ref id="relay"/></tag></tags>'),
        ("relay", "telephony", '<tags><tag id="telephony"><obj_ref id="xivo"/></tag></tags>'),
        ("relay", "T", ""),
    ],
    ids=["tag-of-relays", "tag-of-telephony", "template"],
)
def test_a_colocation_may_name_a_tag_or_a_template(rsc: str, with_rsc: str, more: str) -> None:
    text = (CIBS / "good-pcs.xml").read_text()
    text = text.replace('rsc="relay" with-rsc="xivo"', f'rsc="{rsc}" with-rsc="{with_rsc}"')
    text = text.replace("</configuration>", f"{more}</configuration>")
    if with_rsc == "T":
        made = '<template id="T" class="ocf" provider="pacemaker" type="Dummy"/><primitive id="xivo" template="T"/>'
        text = text.replace('<primitive id="xivo" class="ocf" provider="pacemaker" type="Dummy"/>', made)
    cluster = cib.parse(text.encode(), "cib.xml")
    assert [one.with_rsc for one in cluster.followed(cluster.relays[0])] == ["xivo"]
