"""Reads and writes the settings of a device over HTTP.

Every exchange ends by one deadline (requests' own time limit starts anew with every byte), reads 64 KiB at most,
follows no redirect, and uses no proxy and no ~/.netrc. Facts from the protocol notes in docs/protocol.md.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import logging
import re
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any, Callable, NamedTuple

import requests
import requests.adapters
import requests.cookies
import urllib3
import urllib3.connection
import urllib3.connectionpool
import urllib3.exceptions
from requests.auth import HTTPDigestAuth
from requests.utils import parse_dict_header

from berofos_agent.config.bnfosconf import Login
from berofos_agent.device import resolver
from berofos_agent.device.settings import MAGIC_KEY, MAGIC_VERSION, Values, is_whole_flag, parse_config, write_target
from berofos_agent.errors import BerofosError, DeviceError, NotABerofos, Refused, Unreachable, UnusableAnswer

CONFIG_TARGET = "/config.txt"
MAXIMUM_BYTES = 64 * 1024

# Its lines hold whole URLs, and a password being set is part of one; headers that make no sense even log a traceback.
logging.getLogger("urllib3").setLevel(logging.CRITICAL + 1)


class _DeadlineSocket(socket.socket):
    """A socket whose every wait has only what is left until the deadline."""

    deadline = 0.0

    def connect(self, address: Any) -> None:
        self._only_what_is_left()
        super().connect(address)

    def sendall(self, *args: Any) -> None:
        self._only_what_is_left()
        super().sendall(*args)

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._only_what_is_left()
        return super().recv_into(*args, **kwargs)

    def _only_what_is_left(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        self.settimeout(left)


class _DeadlineConnection(urllib3.connection.HTTPConnection):
    def _new_conn(self) -> socket.socket:
        """Connect to the first IPv4 address: urllib3 itself tries all addresses, each with the whole time limit."""
        seconds = float(self.timeout or 0)
        sock = _DeadlineSocket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.deadline = time.monotonic() + seconds
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(resolver.resolve(self.host, self.port or 80, seconds))
        except BaseException:
            sock.close()
            raise
        return sock


class _DeadlinePool(urllib3.connectionpool.HTTPConnectionPool):
    ConnectionCls = _DeadlineConnection


class _DeadlineAdapter(requests.adapters.HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _DeadlinePool}


class _NoCookies(requests.cookies.RequestsCookieJar):
    """Takes none: of an odd cookie the standard library prints a traceback."""

    def extract_cookies(self, _response: Any, _request: Any) -> None:
        """Do nothing."""


class _Session(requests.Session):
    """A session for one exchange: nothing of the environment, no proxy, no redirect, no connection used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.mount("http://", _DeadlineAdapter())
        self.cookies = _NoCookies()

    def get_redirect_target(self, _response: requests.Response) -> None:
        """Nowhere. Even where redirects are not followed, requests reads and unpacks the whole body of one."""


class _Answer(NamedTuple):
    status: int
    challenge: str = ""
    body: bytes = b""


class WebClient:
    """Speaks to one device; `name` is what its errors call it."""

    def __init__(self, name: str, host: str, port: int = 80, login: Login | None = None) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.login = login

    def read(self, seconds: float) -> Values:
        """Return the settings; raise Unreachable, Refused, NotABerofos or UnusableAnswer within `seconds`."""
        body = self._get(CONFIG_TARGET, seconds, _text_in_full)
        text = body.decode("utf-8", "replace")
        try:
            version, values = parse_config(text)
        except LookupError:
            raise NotABerofos(
                self.name, f"{self.host} answers, but is not a bero*fos (no {MAGIC_KEY} in config.txt)"
            ) from None
        except ValueError as exc:
            raise UnusableAnswer(self.name, f"config.txt of {self.host}: {exc}") from None
        if version != MAGIC_VERSION:
            values[MAGIC_KEY] = version
        return values

    def write(self, values: Mapping[str, str], seconds: float) -> None:
        """Write settings (checked values by keyword) in one request; raise as `read` does.

        Success only says that the device took the request: a caller that needs certainty reads back.
        """
        self._get(write_target(values), seconds, _whatever_page)

    def _get(self, target: str, seconds: float, take: Callable[[requests.Response], bytes]) -> bytes:
        if seconds <= 0:
            raise Unreachable(
                self.name, f"no time left to ask {self.host}", "find out what is slow, this node or the device"
            )
        deadline = time.monotonic() + seconds
        url = f"http://{self.host}:{self.port}{target}" if self.port != 80 else f"http://{self.host}{target}"
        try:
            answer = _exchange(url, deadline, take)
            if answer.status == 401 and self.login:
                authorization = _authorization(answer.challenge, self.login, url)
                if not authorization:
                    raise Refused(self.name, f"{self.host} offers neither Basic nor Digest authentication", _OTHER_HOST)
                answer = _exchange(url, deadline, take, authorization)
        except (BerofosError, MemoryError):
            raise
        except Exception as exc:  # some headers that make no sense have the libraries raise whatever comes
            # The exception below names the URL, and that may hold a new password.
            raise self._as_device_error(exc, seconds) from None
        if answer.status == 401:
            if self.login:
                raise Refused(self.name, f"password refused by {self.host}")
            raise Refused(self.name, f"{self.host} requires a password", "add its login to bnfos.conf")
        if not 200 <= answer.status < 300:
            raise UnusableAnswer(self.name, f"{self.host} answered HTTP status {answer.status}")
        return answer.body

    def _as_device_error(self, exc: Exception, seconds: float) -> DeviceError:
        for cause in _causes(exc):
            if isinstance(cause, socket.gaierror):
                return Unreachable(
                    self.name, f"host name {self.host} is not known", "write its address into bnfos.conf"
                )
            if isinstance(cause, (socket.timeout, urllib3.exceptions.TimeoutError)):
                return Unreachable(self.name, f"no answer from {self.host} within {round(seconds, 1):g} s")
            if isinstance(cause, http.client.RemoteDisconnected):
                return Unreachable(self.name, f"{self.host} closed the connection without an answer")
            if isinstance(cause, OSError) and cause.strerror and cause.errno:
                return Unreachable(self.name, f"{self.host}: {cause.strerror}")
            if isinstance(cause, _UnusableBody):
                return UnusableAnswer(self.name, f"the answer of {self.host} {cause}")
        return UnusableAnswer(self.name, f"{self.host} does not answer in HTTP ({type(exc).__name__})", _OTHER_HOST)


_OTHER_HOST = "correct its host and port in bnfos.conf"


class _UnusableBody(urllib3.exceptions.HTTPError):
    """The body is not what the headers promised, or more than any device has to say."""


def _exchange(
    url: str, deadline: float, take: Callable[[requests.Response], bytes], authorization: str = ""
) -> _Answer:
    headers = {"Accept-Encoding": "identity", "Connection": "close"}
    if authorization:
        headers["Authorization"] = authorization
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout("timed out")
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(_Session())
        response = stack.enter_context(
            session.get(url, headers=headers, timeout=left, stream=True, allow_redirects=False)
        )
        is_success = 200 <= response.status_code < 300
        challenge = response.headers.get("WWW-Authenticate", "")
        return _Answer(response.status_code, challenge, take(response) if is_success else b"")


def _text_in_full(response: requests.Response) -> bytes:
    """Return the body, and only what is certain to be whole: half a line has another value than the whole one."""
    body = _body(response)
    if len(body) > MAXIMUM_BYTES:
        raise _UnusableBody(f"is longer than {MAXIMUM_BYTES // 1024} KiB")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _UnusableBody("has an unexpected content encoding")
    if response.headers.get("Transfer-Encoding", "").lower() == "chunked":
        return body
    length = response.headers.get("Content-Length", "")
    if not re.fullmatch(r"[0-9]{1,9}", length):
        end = body.rfind(b"\n") + 1
        # Only the end of the connection said that this was all.
        return body if is_whole_flag(body[end:].decode("utf-8", "replace")) else body[:end]
    if len(body) < int(length):
        raise _UnusableBody(f"broke off after {len(body)} of {int(length)} bytes")
    return body


def _whatever_page(response: requests.Response) -> bytes:
    """Let the device finish its page, which says nothing: its status said all."""
    with contextlib.suppress(urllib3.exceptions.HTTPError, OSError):
        _body(response)
    return b""


def _body(response: requests.Response) -> bytes:
    body: bytes = response.raw.read(MAXIMUM_BYTES + 1, decode_content=False)
    return body


def _authorization(challenge: str, login: Login, url: str) -> str:
    """Return the Authorization header for whichever of Digest and Basic is offered; empty if neither is."""
    offered = {match.group(1).lower(): challenge[match.end() :] for match in _SCHEMES.finditer(challenge)}
    if "digest" in offered:
        digest: Any = HTTPDigestAuth(login.user, login.password)
        digest.init_per_thread_state()
        fields = {key: value for key, value in parse_dict_header(offered["digest"]).items() if value is not None}
        digest._thread_local.chal = {"realm": "", "nonce": "", **fields}
        return digest.build_digest_header("GET", url) or ""
    if "basic" in offered:
        return "Basic " + base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
    return ""


_SCHEMES = re.compile(r"(?:^|,)\s*(basic|digest)(?=\s|,|$)\s*", re.IGNORECASE)


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    """The exception and what lies below it: requests and urllib3 wrap what the socket said, some in args."""
    found: list[BaseException] = []
    queue = [exc]
    while queue:
        cause = queue.pop(0)
        if cause is None or cause in found:
            continue
        found.append(cause)
        yield cause
        queue += [cause.__cause__, cause.__context__, getattr(cause, "reason", None)]
        queue += [arg for arg in cause.args if isinstance(arg, BaseException)]
