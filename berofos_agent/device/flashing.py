"""Writes a firmware image into a device, page by page.

Stop-and-wait: every page is acknowledged before the next one is sent, a lost one is sent again. Facts from the
protocol notes in docs/protocol.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

from berofos_agent.device import frame
from berofos_agent.device.frame import Command
from berofos_agent.device.gbl4 import Gbl4Client
from berofos_agent.errors import DeviceError, Unreachable, UnusableAnswer

KNOWN_IMAGES: Mapping[str, str] = {"2432d603ddc9cfc18251f62625203d6d7c28e608": "firmware 1.53 (bnfos_v153.bin)"}
"""By SHA-1 of the published file, what it is."""

MAXIMUM_PAGES = 0xFFFF
MAXIMUM_BYTES = MAXIMUM_PAGES * frame.PAGE_BYTES

PREPARE_SECONDS = 16.0  # as long as two erasures may take
PREPARE_ATTEMPTS = 2
PAGE_SECONDS = 5.0
PAGE_ATTEMPTS = 5

TO_FLASH_MODE = "hold the black button while powering it on, until the red LEDs of port D blink"


@dataclass
class Progress:
    """How far a flash has come; `pages` is 0 until the request to prepare has been sent."""

    pages: int = 0
    done: int = 0

    @property
    def left_device(self) -> str:
        """What has become of the device if it ends here."""
        if not self.pages:
            return "nothing was written, the device is as it was"
        if self.done < self.pages:
            return (
                f"{self.done} of {self.pages} pages are written, so the device has no usable firmware now; "
                "leave it powered on, it stays in flash mode; flash it again"
            )
        return "all pages are written"


def identify_image(image: bytes) -> str:
    """Return what the image is by its SHA-1, empty if that is not known; raise ValueError for an unusable one."""
    if not image:
        raise ValueError("the image is empty")
    if len(image) > MAXIMUM_BYTES:
        raise ValueError(f"the image has more than {MAXIMUM_BYTES} bytes; that is not a firmware of a bero*fos")
    return KNOWN_IMAGES.get(hashlib.sha1(image).hexdigest(), "")


def require_flash_mode(client: Gbl4Client, seconds: float) -> None:
    """Raise UnusableAnswer if the device is in operation, and whatever `scan` raises."""
    if client.scan(seconds).operational:
        raise UnusableAnswer(client.name, "is in operation, not in flash mode", TO_FLASH_MODE)


def flash(
    client: Gbl4Client, image: bytes, progress: Progress, show: Callable[[int], None] = lambda _done: None
) -> None:
    """Write an image to a device in flash mode; `show` is called with the pages done after each page.

    `progress` is kept up to date, so that an interrupted caller knows the state of the device.
    Raises UnusableAnswer with the page that was refused, Unreachable with the page that was not acknowledged.
    """
    mac = client.known_mac()
    pages = frame.flash_pages(image)
    payloads = (frame.flash_page_payload(mac, image, index) for index in range(pages))
    with client.conversation() as conversation:
        progress.pages = pages
        reply = conversation.ask(
            Command.FLASH_PREPARE, frame.flash_prepare_payload(mac, image), PREPARE_SECONDS, attempts=PREPARE_ATTEMPTS
        )
        error = frame.flash_error_of(reply.payload, pages)
        if error != frame.SUCCESS:
            raise UnusableAnswer(client.name, f"refused the image of {pages} pages with error {error}", _ADVICE)
        replies = conversation.ask_each(Command.FLASH_PAGE, payloads, PAGE_SECONDS, PAGE_ATTEMPTS)
        for index in range(pages):
            try:
                reply = next(replies)
            except Unreachable as exc:
                which = f"page {index + 1} of {pages}"
                raise Unreachable(client.name, f"{which} was not acknowledged: {exc.what}", _AGAIN) from exc
            error = frame.flash_error_of(reply.payload, index)
            if error != frame.SUCCESS:
                raise _refused(client.name, index, pages, error)
            progress.done = index + 1
            show(progress.done)


_ADVICE = "power it off, bring it into flash mode and flash it again"
_AGAIN = "check the network, then run the command again"
"""Once a page was sent: the device stays in flash mode, and the caller says to leave it powered on."""


def _refused(name: str, index: int, pages: int, error: int) -> DeviceError:
    which = f"page {index + 1} of {pages}"
    last = " (the last: the device checks the whole image then)" if index + 1 == pages else ""
    return UnusableAnswer(name, f"refused {which}{last} with error {error}", _AGAIN)
