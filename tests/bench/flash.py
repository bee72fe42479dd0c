"""What a page of firmware takes against one bare round trip of the same datagrams with the same simulated device."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from berofos_agent.config.mac import parse_mac
from berofos_agent.device import flashing, frame
from berofos_agent.device.gbl4 import Gbl4Client
from berofos_agent.simulator.control import order
from berofos_agent.simulator.model import FIRST_MAC

from .rows import Row

IMAGE_BYTES = 256 * 1024
REPETITIONS = 101
LIMIT = 1.3

Address = tuple[str, int]


def rows() -> Iterator[Row]:
    """Measure; takes some seconds."""
    image = os.urandom(IMAGE_BYTES)
    mac = parse_mac(FIRST_MAC)
    with _device_in_flash_mode() as address:
        pairs = [(_flash(address, mac, image), _bare_exchanges(address, mac, image)) for _ in range(REPETITIONS)]
    flashed, bare = (min(column) for column in zip(*pairs))
    how = f"256 KiB over loopback, the quickest of {REPETITIONS} in turns"
    yield Row("flashing a page / one UDP round trip", flashed / bare, "x", LIMIT, how)


@contextlib.contextmanager
def _device_in_flash_mode() -> Iterator[Address]:
    """A simulated device in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        orders = str(Path(folder, "orders"))
        options = ["--http-port", "0", "--udp-port", "0", "--control", orders]
        argv = [sys.executable, "-u", "-m", "berofos_agent", "simulate", *options]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        told = process.stdout.readline()
        host, port = told.split("UDP ")[1].split(",")[0].split(":")
        order(orders, "fos1 flash")
        yield host, int(port)
        process.terminate()
        process.communicate()


def _flash(address: Address, mac: bytes, image: bytes) -> float:
    """Seconds a page."""
    client = Gbl4Client("fos1", address[0], mac, address[1])
    began = time.perf_counter()
    flashing.flash(client, image, flashing.Progress())
    return (time.perf_counter() - began) / frame.flash_pages(image)


def _bare_exchanges(address: Address, mac: bytes, image: bytes) -> float:
    """Seconds an exchange, everything sent made beforehand and nothing received looked at."""
    pages = range(frame.flash_pages(image))
    datagrams = [frame.encode(frame.Command.FLASH_PAGE, frame.flash_page_payload(mac, image, page)) for page in pages]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        sock.settimeout(1)
        sock.send(frame.encode(frame.Command.FLASH_PREPARE, frame.flash_prepare_payload(mac, image)))
        sock.recv(2048)
        began = time.perf_counter()
        for datagram in datagrams:
            sock.send(datagram)
            sock.recv(2048)
        return (time.perf_counter() - began) / len(datagrams)
