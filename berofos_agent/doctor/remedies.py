"""The commands that fix a problem, as text.

Those for the cluster are Pacemaker's own, because they are installed with crmsh and pcs alike.
"""

from __future__ import annotations

from shlex import quote

from berofos_agent.cluster.recommendation import META, Operation
from berofos_agent.config.bnfosconf import config_option

DOCUMENTATION = "/usr/share/doc/resource-agents-berofos"
"""Where the package installs docs/."""


def page(name: str) -> str:
    """Return the place of a page of docs/ on a host with the package."""
    return f"{DOCUMENTATION}/{name}"


def with_config(command: str, path: str) -> str:
    """Return the command for a device, with --config unless the file is the default one."""
    return f"{command}{config_option(path)}"


def set_property(name: str, value: str) -> str:
    """Set a property of the whole cluster."""
    return f"crm_attribute --type crm_config --name {name} --update {value}"


def delete_property(name: str) -> str:
    """Go back to Pacemaker's default."""
    return f"crm_attribute --type crm_config --name {name} --delete"


def set_parameter(resource: str, name: str, value: str) -> str:
    """Set a parameter of a resource."""
    return f"crm_resource --resource {resource} --set-parameter {name} --parameter-value {quote(value)}"


def set_meta(resource: str, name: str, value: str = "") -> str:
    """Set a meta attribute, to the recommended value unless another is given."""
    return f"crm_resource --resource {resource} --meta --set-parameter {name} --parameter-value {value or META[name]}"


def delete_meta(resource: str, name: str) -> str:
    """Go back to Pacemaker's default."""
    return f"crm_resource --resource {resource} --meta --delete-parameter {name}"


def delete_pair(id: str) -> str:
    """Remove an attribute where it is set: crm_resource leaves what a resource inherits, and says nothing."""
    return f"cibadmin --delete --xml-text '<nvpair id=\"{id}\"/>'"


def colocate(rsc: str, with_rsc: str, role: str = "") -> str:
    """Place the first resource where the second one is, in a role if one is given."""
    with_role = f' with-rsc-role="{role}"' if role else ""
    constraint = (
        f'<rsc_colocation id="{rsc}-with-{with_rsc}" rsc="{rsc}" with-rsc="{with_rsc}"{with_role} score="INFINITY"/>'
    )
    return f"cibadmin --create --scope constraints --xml-text '{constraint}'"


def keep_away(resource: str, node: str) -> str:
    """Let a resource never run on a node."""
    constraint = f'<rsc_location id="{resource}-not-on-{node}" rsc="{resource}" node="{node}" score="-INFINITY"/>'
    return f"cibadmin --create --scope constraints --xml-text '{constraint}'"


def set_influence(id: str) -> str:
    """Keep a dependent resource from moving the one it is colocated with."""
    constraint = f'<rsc_colocation id="{id}" influence="false"/>'
    return f"cibadmin --modify --xpath \"//rsc_colocation[@id='{id}']\" --xml-text '{constraint}'"


def delete_constraint(kind: str, id: str) -> str:
    """Remove a constraint; the kind is colocation, location or order."""
    return f"cibadmin --delete --xml-text '<rsc_{kind} id=\"{id}\"/>'"


def add_operation(resource: str, recommended: Operation) -> str:
    """Add a missing operation."""
    id = f"{resource}-{recommended.name}-{recommended.interval}s"
    settings = {"id": id, "name": recommended.name, **recommended.settings}
    level = settings.pop("OCF_CHECK_LEVEL", "")
    attributes = " ".join(f'{name}="{value}"' for name, value in settings.items())
    op = f"<op {attributes}/>"
    if level:
        pair = f'<nvpair id="{id}-level" name="OCF_CHECK_LEVEL" value="{level}"/>'
        op = f'<op {attributes}><instance_attributes id="{id}-params">{pair}</instance_attributes></op>'
    text = f'<primitive id="{resource}"><operations>{op}</operations></primitive>'
    return f"cibadmin --modify --allow-create --xpath \"//primitive[@id='{resource}']\" --xml-text '{text}'"


def change_operation(id: str, name: str, value: str) -> str:
    """Change an attribute of an operation."""
    return f'cibadmin --modify --xpath "//op[@id=\'{id}\']" --xml-text \'<op id="{id}" {name}="{value}"/>\''
