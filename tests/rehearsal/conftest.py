"""With LAB_RELEASE, the scheduler that is asked is that of another Debian release."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.cluster.lab import machine

_PROGRAM = """\
#!/bin/sh
# The release's crm_simulate, with the libraries and the schemas of its root.
export PCMK_schema_directory={root}/usr/share/pacemaker
exec {loader} --library-path {libraries}:{libraries}/pacemaker {root}/usr/sbin/crm_simulate "$@"
"""


@pytest.fixture(scope="session", autouse=True)
def scheduler_of_the_release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Put the release's crm_simulate first in PATH: out of the root that its machines are booted from."""
    release = os.environ.get("LAB_RELEASE")
    with pytest.MonkeyPatch.context() as patch:
        if release:
            root = machine.root_of(release)
            loader = next(root.glob("usr/lib/*/ld-linux-*"))
            program = tmp_path_factory.mktemp("tools") / "crm_simulate"
            program.write_text(_PROGRAM.format(root=root, loader=loader, libraries=loader.parent))
            program.chmod(0o755)
            patch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        yield
