"""`bnfos --flash`: reads a firmware image, writes it to a device and shows the progress."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable

from berofos_agent.commands import commandline
from berofos_agent.commands.bnfos.context import PROG, Context
from berofos_agent.commands.bnfos.lan import client
from berofos_agent.device import flashing, frame
from berofos_agent.device.flashing import Progress
from berofos_agent.errors import BerofosError, ConfigurationError


def flash(context: Context) -> None:
    """Write a firmware image; raise BerofosError saying in what state the device is left."""
    path = context.arguments.argument
    image = read_image(path)
    try:
        known = flashing.identify_image(image)
    except ValueError as exc:
        raise ConfigurationError(f"{path}: {exc}; download it again") from None
    entry = context.target(host_needed=True, mac_needed=True)
    device = client(context, entry)
    flashing.require_flash_mode(device, context.seconds)
    context.reporter.info(f"{path}: {known or 'not a known bero*fos firmware, by its SHA-1'}, {len(image)} bytes")
    if not known and not context.arguments.force:
        _ask(path, entry.name)
    progress = Progress()
    try:
        with shown(context, frame.flash_pages(image)) as show:
            flashing.flash(device, image, progress, show)
    except KeyboardInterrupt:
        context.reporter.error(f"{entry.name}: interrupted; {progress.left_device}")
        raise
    except BerofosError as exc:
        raise BerofosError(f"{exc} ({progress.left_device})") from exc
    context.reporter.info(f"{entry.name}: Flash succeeded! Switch the device off and on to start the firmware")


def _ask(path: str, name: str) -> None:
    """Ask whether an image that may be no firmware is to be written; raise BerofosError if not."""
    if not sys.stdin.isatty():
        raise BerofosError(f"{path}: not known, and no terminal to ask at; check it, then use --force")
    if not commandline.confirmed(PROG, f"The device does not start without a right image. Write this one to {name}?"):
        raise BerofosError(f"{name}: nothing was written; download the image again")


def read_image(path: str) -> bytes:
    """Return the bytes of a file, at most one more than an image may have; raise ConfigurationError."""
    try:
        with open(path, "rb") as file:
            return file.read(flashing.MAXIMUM_BYTES + 1)
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be read: {exc.strerror}; check its path") from None


@contextmanager
def shown(context: Context, pages: int) -> Iterator[Callable[[int], None]]:
    """Yield what shows the pages done: a bar on a terminal, a line each tenth elsewhere or without tqdm."""
    if context.reporter.to_syslog or not sys.stderr.isatty():
        yield _tenths(context, pages)
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield _tenths(context, pages)
        return
    # A serial console may tell no size, and tqdm by itself shows nothing there.
    columns, rows = shutil.get_terminal_size()
    with tqdm(total=pages, unit=" pages", ncols=columns, nrows=rows) as bar:
        yield lambda done: bar.update(done - bar.n)


def _tenths(context: Context, pages: int) -> Callable[[int], None]:
    def show(done: int) -> None:
        if done * 10 // pages > (done - 1) * 10 // pages:
            context.reporter.info(f"{done * 100 // pages:3d} %, page {done} of {pages}")

    return show
