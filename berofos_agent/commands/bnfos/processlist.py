"""Hides a password from the list of processes, which every user of the host can read.

Linux shows there what a process has where the kernel put its arguments, so it is overwritten there, as curl does.
"""

from __future__ import annotations

import contextlib
import ctypes
import os

_ARG_START, _ARG_END = 45, 46
"""Fields 48 and 49 of proc(5), counted from behind the name, the third being 0."""


def hide(before: str, secret: str) -> None:
    """Overwrite a secret wherever it stands behind `before` in the arguments; do nothing where that cannot be done."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        with open("/proc/self/stat", "rb") as stat, open("/proc/self/cmdline", "rb") as cmdline:
            fields, arguments = stat.read().rpartition(b")")[2].split(), cmdline.read()
        start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
        if not start or ctypes.string_at(start, end - start) != arguments:
            return
        found, hidden = os.fsencode(before), os.fsencode(secret)
        at = arguments.find(found + hidden)
        while at >= 0:
            ctypes.memset(start + at + len(found), ord("*"), len(hidden))
            at = arguments.find(found + hidden, at + 1)
