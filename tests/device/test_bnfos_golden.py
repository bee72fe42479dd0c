"""The requests of golden.json, byte for byte as `bnfos` puts them on the wire."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from berofos_agent.device.settings import SETTINGS

from .bnfos_calls import bnfos_at
from .standin import standing_in

GOLDEN = json.loads((Path(__file__).parents[1] / "golden.json").read_text())

UDP_CALLS = {
    "scan": "--scan -h 127.0.0.1",
    "ping": "--ping -f fos1",
    "kick": "--kick -f fos1",
    "erase": "--reset -f fos1",
    "netconf, static": "--netconf -f fos1 -i 10.34.1.20 -n 255.255.255.0 -g 10.34.1.1 -d 0",
    "flash prepare for an image of the 8 ASCII bytes bero*fos": "--flash {image} -f fos1 --force",
}
"""By name of the vector, what is typed."""


@pytest.mark.parametrize("vector", GOLDEN["udp"], ids=lambda vector: vector["name"])
def test_datagram(vector: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = tmp_path / "image.bin"
    image.write_bytes(bytes.fromhex(vector.get("image", "")))
    with standing_in() as standin:
        ran = bnfos_at(standin, tmp_path, capsys)(UDP_CALLS[vector["name"]].format(image=image))
    assert ran.status == 0, ran.err
    assert bytes.fromhex(vector["frame"]) in standin.datagrams


@pytest.mark.parametrize("vector", GOLDEN["http"], ids=lambda vector: vector["set"])
def test_request(vector: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keyword, _, value = vector["set"].partition("=")
    told = {SETTINGS[keyword].read: value} if SETTINGS[keyword].read else {}
    with standing_in(told=told) as standin:
        ran = bnfos_at(standin, tmp_path, capsys)("--set", vector["set"], "-f", "fos1")
    assert ran.status == 0, ran.err
    assert [target for target in standin.targets() if target != "/config.txt"] == [vector["target"]]


def test_login_is_sent_only_after_the_challenge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    golden = GOLDEN["authentication"]
    header = golden["after_401_basic"]
    with standing_in(told={"4_mode": "1"}, login=header.partition(": ")[2]) as standin:
        ran = bnfos_at(standin, tmp_path, capsys, golden["login"])("--get mode -f fos1")
    assert (ran.status, ran.out) == (0, "mode = 1\n"), ran.err
    first, second = standin.requests
    assert b"authorization" not in first.lower()
    assert f"{header}\r\n".encode() in second


def test_every_vector_is_tried() -> None:
    assert set(UDP_CALLS) == {vector["name"] for vector in GOLDEN["udp"]}
