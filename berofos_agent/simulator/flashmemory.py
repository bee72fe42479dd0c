"""Collects the pages of a firmware image."""

from __future__ import annotations

import hashlib

from berofos_agent.device import frame

WRONG_PAGE = 3
WRONG_CHECKSUM = 4


class FlashMemory:
    """The image accepted last, and the one under way. Methods return the error byte of the reply."""

    def __init__(self) -> None:
        self.image: bytes | None = None
        self._pages = 0
        self._checksum = 0
        self._arrived: list[bytes] = []

    @property
    def sha1(self) -> str:
        """Of the accepted image, its last page padded with 0; empty if there is none."""
        return hashlib.sha1(self.image).hexdigest() if self.image is not None else ""

    def prepare(self, pages: int, checksum: int) -> int:
        """Begin anew; the old image is gone from here on."""
        self.image = None
        self._pages, self._checksum, self._arrived = pages, checksum, []
        return frame.SUCCESS if pages else WRONG_PAGE

    def page(self, index: int, data: bytes) -> int:
        """Take the next page, or the last one again: its sender may have missed the reply."""
        arrived = len(self._arrived)
        if arrived and index == arrived - 1 and data == self._arrived[index]:
            return frame.SUCCESS
        if index != arrived or index >= self._pages or len(data) != frame.PAGE_BYTES:
            return WRONG_PAGE
        self._arrived.append(data)
        if len(self._arrived) == self._pages:
            image = b"".join(self._arrived)
            if frame.checksum(image) != self._checksum:
                self._pages, self._arrived = 0, []
                return WRONG_CHECKSUM
            self.image = image
        return frame.SUCCESS
