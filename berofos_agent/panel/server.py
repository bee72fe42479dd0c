"""Serves the panel on loopback, by waitress: the page, its files, and the same facts for programs. Nothing can be sent.

Weighed, as Debian 12 and 13 carry them: http.server (a thread for each connection, however many; its own manual warns
of it), werkzeug's server (for development), aiohttp (C extensions and six packages more), tornado (there already where
pcs is; one thread, so a slow answer holds up all), cheroot (a thread is kept by a client that does not read), waitress
(pure Python, no dependency, 0.2 MiB; a client that does not read or write holds neither thread nor other clients up).
"""

from __future__ import annotations

import logging
import resource
from collections.abc import Iterable, Mapping
from typing import Any, Callable

from berofos_agent.cluster.tools import find
from berofos_agent.errors import BerofosError
from berofos_agent.page import content
from berofos_agent.page.content import Reply
from berofos_agent.panel import metrics
from berofos_agent.panel.view import NOT_READ, State

ADDRESS = "127.0.0.1"

CONNECTIONS = 2000
"""At once; the next waits until one ends."""

IDLE_SECONDS = 20
"""A connection that does nothing is closed after that."""

_THREADS = 2

_METHODS = ("GET", "HEAD")
_PHRASES = {200: "OK", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}

Source = Callable[[], Reply]


def answer(method: str, path: str, host: str, sources: Mapping[str, Source]) -> Reply:
    """Return the answer to a request; `sources` are what is made anew for each, by path."""
    if method not in _METHODS:
        return Reply(405, b"this panel only shows\n")
    if not content.is_known_host(host):
        return Reply(403, b"ask by address, as http://127.0.0.1/; a proxy must not pass on its own name\n")
    if path in sources:
        return sources[path]()
    return content.file_at(path) or Reply(404, b"no such page\n")


def metrics_of(state: State) -> Reply:
    """Return what was read last as metrics; without the library for that, or before the first reading, why not."""
    try:
        if not state.devices or state.cluster == NOT_READ:
            raise BerofosError(f"{NOT_READ}; try again")
        seen = metrics.Observation(
            state.devices,
            state.cluster,
            find("crm_mon") is not None,
            changes=state.changes,
            known={name: one.mode or "" for name, one in state.known.items()},
            age=max(state.age, state.cluster_age),
        )
        return Reply(200, metrics.text_of(seen), metrics.CONTENT_TYPE)
    except BerofosError as exc:
        return Reply(503, f"{exc}\n".encode())


def application(sources: Mapping[str, Source]) -> Callable[..., Iterable[bytes]]:
    """Return the WSGI application."""

    def call(environ: Mapping[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        reply = answer(method, environ["PATH_INFO"], environ.get("HTTP_HOST", ""), sources)
        headers = [("Content-Type", reply.content_type), ("Content-Length", str(len(reply.body)))]
        if reply.status == 405:
            headers.append(("Allow", ", ".join(_METHODS)))
        start(f"{reply.status} {_PHRASES[reply.status]}", [*content.HEADERS, *headers])
        return [] if method == "HEAD" else [reply.body]

    return call


def serve(sources: Mapping[str, Source], port: int, ready: Callable[[str], None]) -> None:
    """Serve until SystemExit or KeyboardInterrupt; call `ready` with the address once it can be asked.

    Raises BerofosError if waitress is not installed, or the port is taken.
    """
    try:
        import waitress
    except ImportError:
        raise BerofosError("needs waitress: apt-get install python3-waitress") from None
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, CONNECTIONS + 200), hard))
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        server = waitress.create_server(
            application(sources),
            host=ADDRESS,
            port=port,
            threads=_THREADS,
            connection_limit=CONNECTIONS,
            channel_timeout=IDLE_SECONDS,
            cleanup_interval=5,
            backlog=CONNECTIONS,
            max_request_header_size=8192,
            max_request_body_size=1024,
            asyncore_use_poll=True,
            ident="",
        )
    except OSError as exc:
        raise BerofosError(f"cannot listen on {ADDRESS}:{port}: {exc.strerror or exc}; try another --port") from exc
    ready(f"http://{ADDRESS}:{server.effective_port}/")
    server.run()
