"""Which files the page has, and which requests its buttons accept."""

from __future__ import annotations

import pytest

from berofos_agent.page import content

HOSTS = {
    "127.0.0.1": True,
    "127.0.0.1:8080": True,
    "localhost:80": True,
    "[::1]:8080": True,
    "10.42.0.201": True,
    "evil.example": False,
    "127.0.0.1.evil.example": False,
    "localhost.evil.example:80": False,
    "": False,
    "127.0.0.1 evil": False,
}


@pytest.mark.parametrize(("host", "known"), HOSTS.items())
def test_name_that_somebody_leads_to_this_address_is_not_ours(host: str, known: bool) -> None:
    assert content.is_known_host(host) is known


ORIGINS = [
    ("127.0.0.1:8080", "http://127.0.0.1:8080", "application/json", True),
    ("127.0.0.1:8080", "http://127.0.0.2:8080", "application/json", False),
    ("127.0.0.1:8080", "http://127.0.0.1:8081", "application/json", False),
    ("127.0.0.1:8080", "https://127.0.0.1:8080", "application/json", False),
    ("127.0.0.1:8080", "", "application/json", False),
    ("evil.example", "http://evil.example", "application/json", False),
    ("127.0.0.1:8080", "http://127.0.0.1:8080", "text/plain", False),
]


@pytest.mark.parametrize(("host", "origin", "content_type", "accepted"), ORIGINS)
def test_button_accepts_its_own_page_only(host: str, origin: str, content_type: str, accepted: bool) -> None:
    assert (content.refusal(host, origin, content_type) is None) is accepted


@pytest.mark.parametrize(
    "path", ["/panel/../card.py", "/panel/..%2fcard.py", "//etc/passwd", "/panel/page.py", "/panel/"]
)
def test_path_leads_to_no_other_file(path: str) -> None:
    assert content.file_at(path) is None


@pytest.mark.parametrize("path", sorted(content.FILES))
def test_every_file_of_the_page_is_there_and_needs_no_other_site(path: str) -> None:
    found = content.file_at(path)
    assert found
    assert found.status == 200
    text = found.body.decode("ascii" if path.endswith("svg") else "utf-8")
    assert "https://" not in text
    assert text.replace('xmlns="http://www.w3.org/2000/svg"', "").count("http://") == 0


def test_markup_of_no_script_is_in_a_page() -> None:
    script = content.file_at("/panel/panel.js")
    assert script
    assert not [
        word for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(") if word.encode() in script.body
    ]
