"""The device's web pages: reads and writes settings over HTTP; knows no UDP and no cluster.

Every exchange ends by one deadline (requests' own time limit starts anew with every byte), reads 64 KiB at most,
follows no redirect, and uses no proxy and no ~/.netrc. Facts from the protocol notes in docs/protocol.md.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from typing import Any

import requests
import requests.adapters
import urllib3
import urllib3.connection
import urllib3.connectionpool
import urllib3.exceptions
from requests.auth import HTTPDigestAuth, _basic_auth_str
from requests.utils import parse_dict_header

from berofos_agent.bnfosconf import Login
from berofos_agent.errors import NotABerofos, Refused, Unreachable, UnusableAnswer
from berofos_agent.settings import MAGIC_KEY, MAGIC_VERSION, Values, parse_config, write_target

CONFIG_TARGET = "/config.txt"
MAXIMUM_BYTES = 64 * 1024


class _DeadlineSocket(socket.socket):
    """A socket whose every read has only what is left until the deadline."""

    deadline = 0.0

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        self.settimeout(left)
        return super().recv_into(*args, **kwargs)


class _DeadlineConnection(urllib3.connection.HTTPConnection):
    def _new_conn(self) -> socket.socket:
        deadline = time.monotonic() + float(self.timeout or 0)
        plain = super()._new_conn()
        sock = _DeadlineSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
        sock.deadline = deadline
        return sock


class _DeadlinePool(urllib3.connectionpool.HTTPConnectionPool):
    ConnectionCls = _DeadlineConnection


class _DeadlineAdapter(requests.adapters.HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _DeadlinePool}


class WebClient:
    """Speaks to one device; `name` is what its errors call it."""

    def __init__(self, name: str, host: str, port: int = 80, login: Login | None = None) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.login = login

    def read(self, seconds: float) -> Values:
        """Return the settings; raise Unreachable, Refused, NotABerofos or UnusableAnswer within `seconds`."""
        body = self._get(CONFIG_TARGET, seconds)
        text = body.decode("utf-8", "replace")
        try:
            version, values = parse_config(text)
        except LookupError:
            raise NotABerofos(
                self.name, f"{self.host} answers, but is no bero*fos (no {MAGIC_KEY} in config.txt)"
            ) from None
        except ValueError as exc:
            raise UnusableAnswer(self.name, f"config.txt of {self.host}: {exc}") from None
        if version != MAGIC_VERSION:
            values[MAGIC_KEY] = version
        return values

    def write(self, values: Mapping[str, str], seconds: float) -> None:
        """Write settings (checked values by keyword) in one request; raise as `read` does.

        Success only says that the device took the request: whoever needs to know reads back.
        """
        self._get(write_target(values), seconds)

    def _get(self, target: str, seconds: float) -> bytes:
        deadline = time.monotonic() + seconds
        url = f"http://{self.host}:{self.port}{target}" if self.port != 80 else f"http://{self.host}{target}"
        try:
            with requests.Session() as session:
                session.trust_env = False
                session.mount("http://", _DeadlineAdapter())
                status, headers, body = _exchange(session, url, deadline)
                if status == 401 and self.login:
                    authorization = _authorization(headers.get("WWW-Authenticate", ""), self.login, url)
                    status, headers, body = _exchange(session, url, deadline, authorization)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, UnicodeError) as exc:
            raise self._as_device_error(exc, seconds) from exc
        if status == 401:
            raise Refused(self.name, self._why_refused())
        if not 200 <= status < 300:
            raise UnusableAnswer(self.name, f"{self.host} answered HTTP status {status}")
        return body

    def _why_refused(self) -> str:
        if self.login:
            return f"password refused by {self.host}; correct its login in bnfos.conf"
        return f"{self.host} wants a password; add its login to bnfos.conf"

    def _as_device_error(self, exc: Exception, seconds: float) -> Exception:
        causes = _causes(exc)
        if any(isinstance(cause, socket.gaierror) for cause in causes):
            return Unreachable(self.name, f"host name {self.host} is not known")
        for cause in causes:
            # Before the time limits: urllib3 counts every failed connection among them.
            if isinstance(cause, OSError) and cause.errno and cause.strerror:
                return Unreachable(self.name, f"{self.host}: {cause.strerror}")
        if any(isinstance(cause, (socket.timeout, urllib3.exceptions.TimeoutError)) for cause in causes):
            return Unreachable(self.name, f"no answer from {self.host} within {seconds:g} s")
        return UnusableAnswer(self.name, f"{self.host} answers, but not in HTTP ({type(exc).__name__})")


def _exchange(
    session: requests.Session, url: str, deadline: float, authorization: str = ""
) -> tuple[int, Mapping[str, str], bytes]:
    headers = {"Accept-Encoding": "identity", "Connection": "close"}
    if authorization:
        headers["Authorization"] = authorization
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout("timed out")
    with session.get(url, headers=headers, timeout=left, stream=True, allow_redirects=False) as response:
        body: bytes = response.raw.read(MAXIMUM_BYTES + 1, decode_content=False)
        if len(body) > MAXIMUM_BYTES or "Content-Encoding" in response.headers:
            raise requests.exceptions.ContentDecodingError("too long, or encoded")
        return response.status_code, response.headers, body


def _authorization(challenge: str, login: Login, url: str) -> str:
    """Return the Authorization header for whichever of Basic and Digest is offered; empty if neither is."""
    scheme, _, rest = challenge.partition(" ")
    if scheme.lower() == "basic":
        return _basic_auth_str(login.user.encode(), login.password.encode())
    if scheme.lower() == "digest":
        digest: Any = HTTPDigestAuth(login.user, login.password)
        digest.init_per_thread_state()
        digest._thread_local.chal = parse_dict_header(rest)
        return digest.build_digest_header("GET", url) or ""
    return ""


def _causes(exc: BaseException | None) -> list[BaseException]:
    """The exception and what lies below it: requests and urllib3 wrap what the socket said, some in args."""
    found: list[BaseException] = []
    queue = [exc]
    while queue:
        cause = queue.pop(0)
        if cause is None or cause in found:
            continue
        found.append(cause)
        queue += [cause.__cause__, cause.__context__, getattr(cause, "reason", None)]
        queue += [arg for arg in cause.args if isinstance(arg, BaseException)]
    return found
