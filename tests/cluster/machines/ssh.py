"""ssh between the machines, as an administrator has it between two servers."""

from __future__ import annotations

from ..lab.two_nodes import NODES, Lab

MAKE_KEY = """\
mkdir -p -m 700 /root/.ssh
cd /root/.ssh
[ -e id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -f id_ed25519
"""


def let_root_in(lab: Lab) -> None:
    """Let root of each machine log in on both, with a key."""
    for name in NODES:
        lab.must(name, ["sh", "-ec", MAKE_KEY])
    keys = "".join(lab.must(name, "cat /root/.ssh/id_ed25519.pub") for name in NODES)
    for name in NODES:
        lab.must(name, "tee /root/.ssh/authorized_keys", stdin=keys)
        lab.must(name, ["sh", "-ec", f"ssh-keyscan -t ed25519 {' '.join(NODES)} > /root/.ssh/known_hosts 2> /dev/null"])
