"""Checks an Authorization header against a password, Basic and Digest."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from urllib.request import parse_http_list, parse_keqv_list

REALM = "bero*fos"


def basic_challenge() -> str:
    """Return the WWW-Authenticate header that asks for Basic authentication."""
    return f'Basic realm="{REALM}"'


def digest_challenge(nonce: str) -> str:
    """Return the WWW-Authenticate header that asks for Digest authentication."""
    return f'Digest realm="{REALM}", nonce="{nonce}", algorithm=MD5, qop="auth"'


def basic_accepts(authorization: str, user: str, password: str) -> bool:
    """True if the header is Basic with this user and password."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(given, f"{user}:{password}".encode())


def digest_accepts(authorization: str, user: str, password: str, method: str, target: str, nonce: str) -> bool:
    """True if the header is Digest and proves user and password for this request; with qop or, as of old, without."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "digest":
        return False
    try:
        fields = parse_keqv_list(parse_http_list(rest))
    except (ValueError, IndexError):
        return False
    if (fields.get("username"), fields.get("uri"), fields.get("nonce")) != (user, target, nonce):
        return False
    middle = nonce
    if "qop" in fields:
        middle = ":".join((nonce, fields.get("nc", ""), fields.get("cnonce", ""), fields["qop"]))
    expected = _md5(f"{_md5(f'{user}:{REALM}:{password}')}:{middle}:{_md5(f'{method}:{target}')}")
    return hmac.compare_digest(fields.get("response", "").encode(), expected.encode())


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
