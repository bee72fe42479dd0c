"""The command `berofos report`: all that somebody needs who was not there, in one archive, without passwords."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tarfile
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from berofos_agent.commands import commandline
from berofos_agent.commands.commandline import DONE
from berofos_agent.commands.history import moment
from berofos_agent.config import editor
from berofos_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from berofos_agent.report.parts import Part

PROG = "berofos report"

_EXAMPLES = """\
  berofos report /root/report.tar.gz                    # the last 24 hours
  berofos report --since "3 days ago" /root/night.tar.gz
  tar -xzOf /root/report.tar.gz --wildcards '*/INDEX'   # what is in it

Passwords are taken out: those of bnfos.conf, of fence devices and of every
setting that is named like one. Look at the files before you send them."""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status; raise ConfigurationError if FILE cannot be written."""
    arguments = parser().parse_args(argv)
    if os.path.lexists(arguments.file) and not arguments.force:
        raise ConfigurationError(f"{arguments.file}: exists; choose another name or use --force")
    editor.refuse_special_file(arguments.file)
    from berofos_agent.report.parts import gather

    parts = gather(arguments.config, arguments.since, datetime.now().astimezone())
    node = os.uname().nodename.partition(".")[0] or "node"
    write(arguments.file, f"berofos-report-{node}", parts, arguments.force)
    missing = sum(1 for part in parts if part.problem)
    print(f"{arguments.file}: {len(parts)} parts, {missing} of them with a remark in INDEX; passwords are taken out")
    return DONE


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = commandline.new_parser(
        PROG,
        "Write one archive with everything that somebody needs who was not there: doctor, rehearsal, history, status, "
        "versions, the CIB, and the ends of the logs, without passwords. A part that cannot be had is a line of its "
        "INDEX.",
        _EXAMPLES,
    )
    parser.add_argument(
        "file", type=commandline.path, metavar="FILE", help="the archive, a .tar.gz, for its owner only (mode 0600)"
    )
    parser.add_argument(
        "--since", type=moment, default="24 hours ago", metavar="TIME", help="begin of history and logs (%(default)s)"
    )
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    return parser


def write(path: str, folder: str, parts: Sequence[Part], force: bool) -> None:
    """Write the archive whole or not at all, with mode 0600; raise ConfigurationError."""
    index = "".join(f"{part.name}: {part.problem or 'ok'}\n" for part in parts)
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=".berofos-report.", dir=os.path.dirname(os.path.abspath(path)))
        with os.fdopen(handle, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                for name, text in (("INDEX", index), *((part.name, part.text) for part in parts)):
                    data = text.encode("utf-8", "replace")
                    entry = tarfile.TarInfo(f"{folder}/{name}")
                    entry.size, entry.mode, entry.mtime = len(data), 0o600, int(time.time())
                    archive.addfile(entry, io.BytesIO(data))
            file.flush()
            os.fsync(file.fileno())
        if force:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)  # fails where a file has come up meanwhile
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be written: {exc.strerror}; choose another place") from exc
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
