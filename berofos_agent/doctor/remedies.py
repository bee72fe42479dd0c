"""The commands that mend what is wrong, as text; runs none.

Those for the cluster are Pacemaker's own, which are there whether the administrator uses crmsh or pcs.
"""

from __future__ import annotations

from shlex import quote

from berofos_agent.cluster.recommendation import META, Operation
from berofos_agent.config.bnfosconf import DEFAULT_PATH


def with_config(command: str, path: str) -> str:
    """For a device: the command, told where the device is declared unless it looks there anyway."""
    return command if path == DEFAULT_PATH else f"{command} --config {quote(path)}"


def set_property(name: str, value: str) -> str:
    """For a property of the whole cluster."""
    return f"crm_attribute --type crm_config --name {name} --update {value}"


def delete_property(name: str) -> str:
    """Back to Pacemaker's default."""
    return f"crm_attribute --type crm_config --name {name} --delete"


def set_parameter(resource: str, name: str, value: str) -> str:
    """For a parameter of a resource."""
    return f"crm_resource --resource {resource} --set-parameter {name} --parameter-value {quote(value)}"


def set_meta(resource: str, name: str) -> str:
    """For a meta attribute, to what is recommended."""
    return f"crm_resource --resource {resource} --meta --set-parameter {name} --parameter-value {META[name]}"


def delete_meta(resource: str, name: str) -> str:
    """Back to Pacemaker's default."""
    return f"crm_resource --resource {resource} --meta --delete-parameter {name}"


def colocate(rsc: str, with_rsc: str) -> str:
    """Place the first where the second is."""
    constraint = f'<rsc_colocation id="{rsc}-with-{with_rsc}" rsc="{rsc}" with-rsc="{with_rsc}" score="INFINITY"/>'
    return f"cibadmin --create --scope constraints --xml-text '{constraint}'"


def set_influence(id: str) -> str:
    """Let what a constraint places not move what it is placed with."""
    constraint = f'<rsc_colocation id="{id}" influence="false"/>'
    return f"cibadmin --modify --xpath \"//rsc_colocation[@id='{id}']\" --xml-text '{constraint}'"


def delete_colocation(id: str) -> str:
    """Take a constraint out."""
    return f"cibadmin --delete --xml-text '<rsc_colocation id=\"{id}\"/>'"


def add_operation(resource: str, advised: Operation) -> str:
    """For an operation that is not there yet."""
    id = f"{resource}-{advised.name}-{advised.interval}s"
    attributes = f'id="{id}" name="{advised.name}" interval="{advised.interval}s" timeout="{advised.timeout}s"'
    if advised.on_fail:
        attributes += f' on-fail="{advised.on_fail}"'
    op = f"<op {attributes}/>"
    if advised.depth:
        level = f'<nvpair id="{id}-level" name="OCF_CHECK_LEVEL" value="{advised.depth}"/>'
        op = f'<op {attributes}><instance_attributes id="{id}-params">{level}</instance_attributes></op>'
    text = f'<primitive id="{resource}"><operations>{op}</operations></primitive>'
    return f"cibadmin --modify --allow-create --xpath \"//primitive[@id='{resource}']\" --xml-text '{text}'"


def change_operation(id: str, name: str, value: str) -> str:
    """For an attribute of an operation that is there."""
    return f'cibadmin --modify --xpath "//op[@id=\'{id}\']" --xml-text \'<op id="{id}" {name}="{value}"/>\''
