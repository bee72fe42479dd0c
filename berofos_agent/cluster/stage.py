"""Prepares CIBs for the scheduler and runs it until the cluster is at rest."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lxml import etree

from berofos_agent.cluster import shape
from berofos_agent.cluster.cib import is_on
from berofos_agent.cluster.scheduler import Action, Answer, Scheduler

MOST_RUNS = 8
"""In which the cluster has to come to rest. A failover takes one, and one more for each operation that fails."""

PROMOTED_SCORE, OTHER_SCORE = "10", "5"
"""Promotion scores as an agent sets them: for the promoted instance, and for one that could be promoted."""

_UNMANAGED = ("maintenance-mode", "maintenance", "is-managed", "target-role")
_FAILURE = re.compile(r"(fail-count|last-failure)-")
_CONSTRAINED = ("rsc", "with-rsc", "first", "then")
"""The attributes of a constraint that name resources."""
_FATAL = re.compile(r"fail-count-.*#(start|stop)_0")


def from_cold(tree: Any) -> Any:
    """Return a copy of a CIB in which nothing has run yet; node attributes stay, failures do not."""
    cib = copy.deepcopy(tree)
    cib.set("have-quorum", "1")
    known = {state.get("uname"): state for state in cib.iterfind("status/node_state")}
    for old in cib.findall("status"):
        cib.remove(old)
    status = etree.SubElement(cib, "status")
    for node in cib.iterfind("configuration/nodes/node"):
        if node.get("type", "member") != "member":
            continue
        name = node.get("uname", "")
        state = etree.SubElement(status, "node_state", id=node.get("id", ""), uname=name)
        if name in known:
            state.extend(copy.deepcopy(known[name].findall("transient_attributes")))
        forget_failures(cib, name)
        set_attribute(cib, name, "shutdown", None)
    for pair in cib.xpath(
        "configuration/crm_config//nvpair[@name='stonith-watchdog-timeout' or @name='fencing-watchdog-timeout']"
    ):
        # Pacemaker sets it when it finds SBD running; a CIB from a file may be without it.
        if pair.get("value") not in ("0", "0s") and not cib.xpath("configuration//nvpair[@name='have-watchdog']"):
            etree.SubElement(pair.getparent(), "nvpair", id="have-watchdog", name="have-watchdog", value="true")
    return cib


def connected(tree: Any, ids: Iterable[str]) -> Any:
    """Return a copy of a CIB without the resources that no colocation and no order connects with these.

    crm_simulate takes time with the square of the operations: 20 ms for each with 200 resources, and for 2,000 it had
    not started them after minutes. Where resources share what a node has (placement-strategy), all stay.
    """
    cib = copy.deepcopy(tree)
    strategy = cib.xpath("configuration/crm_config//nvpair[@name='placement-strategy']/@value")
    if any(value != "default" for value in strategy):
        return cib
    configuration = cib.find("configuration")
    tops = [one for one in configuration.iterfind("resources/*") if shape.is_resource(one)]
    top_of = {part.get("id"): {top} for top in tops for part in top.iter("primitive", *shape.CONTAINERS)}
    for tag in configuration.iterfind("tags/tag"):
        members = [top_of.get(reference.get("id"), set()) for reference in tag.iterfind("obj_ref")]
        top_of[tag.get("id")] = set().union(*members)
    for template in configuration.iterfind("resources/template"):
        made = [one for one in configuration.iter("primitive") if one.get("template") == template.get("id")]
        top_of[template.get("id")] = set().union(*(top_of[one.get("id")] for one in made))
    neighbours: dict[Any, set[Any]] = {top: set() for top in tops}
    for constraint in configuration.xpath("constraints/rsc_colocation | constraints/rsc_order"):
        named = [constraint.get(name) for name in _CONSTRAINED]
        for one in constraint.iterfind("resource_set"):
            real = one if one.get("id-ref") is None else cib.find(f".//resource_set[@id='{one.get('id-ref')}']")
            named += [] if real is None else [reference.get("id") for reference in real.iterfind("resource_ref")]
        together = set().union(*(top_of.get(id, set()) for id in named))
        for top in together:
            neighbours[top] |= together
    reached: set[Any] = set()
    waiting = [top for id in ids for top in top_of.get(id, ())] + [top for top in tops if _is_part_of_the_cluster(top)]
    while waiting:
        top = waiting.pop()
        if top not in reached:
            reached.add(top)
            waiting += neighbours[top]
    _remove(cib, [top for top in tops if top not in reached])
    return cib


def _is_part_of_the_cluster(resource: Any) -> bool:
    """Return True for what fences nodes, and for what is a node itself."""
    fences = "@class='stonith' or @template=//template[@class='stonith']/@id"
    return bool(resource.xpath(f"self::primitive[{fences} or @type='remote'] | .//nvpair[@name='remote-node']"))


def without(tree: Any, relays: Sequence[str]) -> Any:
    """Return a copy of a CIB without these primitives, what is cloned of them, and their constraints."""
    cib = copy.deepcopy(tree)
    for primitive in [one for one in cib.iter("primitive") if one.get("id") in relays]:
        parent = primitive.getparent()
        last = parent.tag in shape.CONTAINERS and (parent.tag != "group" or len(parent.findall("primitive")) == 1)
        _remove(cib, [parent if last else primitive])
    return cib


def _remove(cib: Any, resources: Sequence[Any]) -> None:
    """Remove resources with what names them; what others refer to in them (id-ref) stays."""
    referred = set(cib.xpath("//@id-ref"))
    originals = {one.get("id"): one for one in cib.iter("*") if one.get("id") in referred}
    gone = {part.get("id") for one in resources for part in one.iter("primitive", *shape.CONTAINERS)}
    for one in resources:
        one.getparent().remove(one)
    for reference in [one for one in cib.iter("resource_ref", "obj_ref") if one.get("id") in gone]:
        reference.getparent().remove(reference)
    for tag in [one for one in cib.xpath("configuration/tags/tag") if len(one) == 0]:
        gone.add(tag.get("id"))
        tag.getparent().remove(tag)
    for constraint in cib.xpath("configuration/constraints/*"):
        sets = [originals.get(one.get("id-ref"), one) for one in constraint.iterfind("resource_set")]
        if any(len(one) == 0 for one in sets) or gone & {constraint.get(name) for name in _CONSTRAINED}:
            constraint.getparent().remove(constraint)
    for section in cib.xpath("configuration/acls | configuration/tags[not(tag)]"):
        section.getparent().remove(section)  # permissions name resources, and the scheduler does not ask for them
    there = set(cib.xpath("//@id"))
    for reference in cib.xpath("//*[@id-ref]"):
        id = reference.get("id-ref")
        if id in originals and id not in there:
            reference.getparent().replace(reference, copy.deepcopy(originals[id]))
            there.add(id)


def at_rest_on(scheduler: Scheduler, tree: Any, active: str) -> Answer:
    """Return the cluster as it is when `active` was the only node that could run resources, and others joined later.

    Whatever is unmanaged or stopped by configuration ran before somebody configured it so; that comes last.
    """
    cib = from_cold(tree)
    managed = [pair for pair in cib.iterfind("configuration//nvpair") if pair.get("name") in _UNMANAGED]
    for pair in managed:
        pair.set("name", f"berofos-was-{pair.get('name')}")
    others = [name for name in nodes(cib) if name != active]
    standby = {name: attribute(cib, name, "standby") for name in others}
    for name in others:
        set_attribute(cib, name, "standby", "on")
    _set_promotion_scores(cib, {}, active)
    course = settle(scheduler, cib, [f"--node-up={name}" for name in nodes(cib)])
    for name, value in standby.items():
        set_attribute(course.cib, name, "standby", value)
    for pair in course.cib.iterfind("configuration//nvpair[@name]"):
        pair.set("name", pair.get("name").replace("berofos-was-", ""))
    return settle(scheduler, course.cib) if others or managed else course


def settle(scheduler: Scheduler, cib: Any, options: Sequence[str] = (), always: Sequence[str] = ()) -> Answer:
    """Run the scheduler until the cluster is at rest, and return all that it did.

    `options` are for the first run, `always` for every one.
    """
    actions: list[Action] = []
    fenced: list[str] = []
    for _ in range(MOST_RUNS):
        answer = run_once(scheduler, cib, [*options, *always])
        cib, options = answer.cib, ()
        actions += answer.actions
        fenced += answer.fenced
        if answer.at_rest:
            break
    return replace(answer, actions=actions, fenced=fenced)


def run_once(scheduler: Scheduler, cib: Any, options: Sequence[str]) -> Answer:
    """Run the scheduler once, then do what the controller and the agents of a real cluster would do."""
    answer = scheduler.run(cib, options)
    fatal = answer.cib.find("configuration/crm_config//nvpair[@name='start-failure-is-fatal']")
    start_is_fatal = fatal is None or is_on(fatal.get("value", "true"))
    for pair in answer.cib.iterfind("status//nvpair"):
        match = _FATAL.fullmatch(pair.get("name", ""))
        # The controller counts a failed start or stop as INFINITY; crm_simulate counts it as one.
        if match and (match[1] == "stop" or start_is_fatal):
            pair.set("value", "INFINITY")
    changed = _set_promotion_scores(answer.cib, answer.places)
    return replace(answer, at_rest=answer.at_rest and not (changed and (answer.actions or answer.fenced)))


def nodes(cib: Any) -> list[str]:
    """Return the names of the nodes that have a status."""
    return [state.get("uname", "") for state in cib.iterfind("status/node_state")]


def attribute(cib: Any, node: str, name: str) -> str | None:
    """Return a transient attribute of a node; None if it is not set."""
    found = next(_pairs(cib, node, name), None)
    return None if found is None else found.get("value")


def set_attribute(cib: Any, node: str, name: str, value: str | None) -> None:
    """Set a transient attribute of a node; None deletes it."""
    for pair in list(_pairs(cib, node, name)):
        pair.getparent().remove(pair)
    if value is None:
        return
    state = next(one for one in cib.iterfind("status/node_state") if one.get("uname") == node)
    holder = state
    for tag, id in (
        ("transient_attributes", state.get("id", "")),
        ("instance_attributes", f"status-{state.get('id')}"),
    ):
        found = holder.find(tag)
        holder = etree.SubElement(holder, tag, id=id) if found is None else found
    id = re.sub(r"[^A-Za-z0-9_.-]", ".", f"status-{state.get('id')}-{name}")
    etree.SubElement(holder, "nvpair", id=id, name=name, value=value)


def forget_failures(cib: Any, node: str = "") -> None:
    """Delete the fail-counts of a node, as its reboot does."""
    for pair in list(_pairs(cib, node)):
        if _FAILURE.match(pair.get("name", "")):
            pair.getparent().remove(pair)


def let_pass(cib: Any, seconds: int) -> None:
    """Let all failures be older by this time, so that those expire that do.

    Not by --set-datetime: crm_simulate stamps what fails next with the real time, which would then be expired at once.
    """
    for pair in cib.iterfind("status//nvpair"):
        if pair.get("name", "").startswith("last-failure-") and pair.get("value", "").isdigit():
            pair.set("value", str(int(pair.get("value")) - seconds))
    for operation in cib.iterfind("status//lrm_rsc_op"):
        if operation.get("last-rc-change", "").isdigit():
            operation.set("last-rc-change", str(int(operation.get("last-rc-change")) - seconds))


def prefer(cib: Any, telephony: shape.Telephony, node: str) -> None:
    """Add the constraint of `crm_resource --move`, in place of an older one."""
    unprefer(cib, telephony)
    constraints = cib.find("configuration/constraints")
    rule = {"id": f"cli-prefer-{telephony.id}", "rsc": telephony.id, "node": node, "score": "INFINITY"}
    role = shape.promoted_role(cib) if telephony.promotable else "Started"
    etree.SubElement(constraints, "rsc_location", {**rule, "role": role})


def unprefer(cib: Any, telephony: shape.Telephony) -> None:
    """Take it out, as `crm_resource --clear` does."""
    for location in cib.findall("configuration/constraints/rsc_location"):
        if location.get("id") == f"cli-prefer-{telephony.id}":
            location.getparent().remove(location)


def _pairs(cib: Any, node: str, name: str = "") -> Iterator[Any]:
    for state in cib.iterfind("status/node_state"):
        if state.get("uname") == node:
            for pair in state.iterfind("transient_attributes/instance_attributes/nvpair"):
                if name in ("", pair.get("name")):
                    yield pair


def _set_promotion_scores(cib: Any, places: Mapping[str, Mapping[str, str]], active: str = "") -> bool:
    """Score the instance that is promoted (at first, the one on `active`) above the others; return if that is new."""
    changed = False
    for container in cib.xpath("configuration/resources//*[self::clone or self::master or self::bundle]"):
        if not shape.is_promotable(container):
            continue
        for primitive in container.iter("primitive"):
            roles = places.get(primitive.get("id"), {})
            promoted = [node for node, role in roles.items() if shape.role_is_promoted(role)] or [active]
            for node in nodes(cib):
                score = PROMOTED_SCORE if node in promoted else OTHER_SCORE
                name = f"master-{primitive.get('id')}"
                changed |= attribute(cib, node, name) != score
                set_attribute(cib, node, name, score)
    return changed
