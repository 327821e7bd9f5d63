"""The HTTP endpoint: /metrics, /healthz, /readyz.

It runs in threads of its own, so that a stuck event loop is visible from outside: /healthz turns
503 when the loop has not beaten for :data:`STUCK_AFTER` seconds.
"""

from __future__ import annotations

import errno
import json
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from submariner_core.api.errors import ConfigError

STUCK_AFTER = 5.0
"""Seconds without a beat of the event loop after which the process counts as stuck."""

log = structlog.get_logger("submariner.http")


class PortTaken(ConfigError):
    """Somebody else has the port now: a program, or an outgoing connection for a minute."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the process does its work, and if not, why."""

    ready: bool
    reasons: tuple[str, ...] = ()


class HealthServer:
    """Serves a registry and the health of one event loop.

    ``readiness`` is called in the server's thread: it must only read.
    """

    def __init__(
        self,
        address: str,
        port: int,
        registry: CollectorRegistry,
        readiness: Callable[[], Readiness],
    ) -> None:
        self._where = (address, port)
        self._registry = registry
        self._readiness = readiness
        self._beaten = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int | None:
        """The port that is listened on, once started."""
        return self._server.server_address[1] if self._server else None

    @property
    def due(self) -> bool:
        """Whether it has a port to listen on and does not."""
        return self._server is None and self._where[1] != 0

    def beat(self) -> None:
        """Tell that the event loop runs; call it at least once a second."""
        self._beaten = time.clock_gettime(time.CLOCK_BOOTTIME)

    def start(self) -> None:
        """Listen.

        Raises :class:`ConfigError` when the port cannot be had: :class:`PortTaken` if just now.
        """
        handler = type("Handler", (_Handler,), {"owner": self})
        try:
            server = _Server(self._where, handler)
        except OSError as error:
            host, port = self._where
            kind = PortTaken if error.errno == errno.EADDRINUSE else ConfigError
            raise kind(
                f"metrics: cannot listen on {host}:{port}: {error.strerror}; "
                "choose another port under metrics: or 0 for none"
            ) from error
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.2}, name="http", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; may be called twice."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        if self._thread is not None:
            self._thread.join(timeout=2)
            self._thread = None

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body for a GET of ``path``."""
        if path == "/metrics":
            return self._scrape()
        if path == "/healthz":
            silent = time.clock_gettime(time.CLOCK_BOOTTIME) - self._beaten
            if silent > STUCK_AFTER:
                return 503, "text/plain", f"the event loop is silent for {silent:.1f} s\n".encode()
            return 200, "text/plain", b"ok\n"
        if path == "/readyz":
            state = self._readiness()
            body = json.dumps({"ready": state.ready, "reasons": state.reasons}) + "\n"
            return 200 if state.ready else 503, "application/json", body.encode()
        return 404, "text/plain", b"/metrics, /healthz or /readyz\n"

    def _scrape(self) -> tuple[int, str, bytes]:
        try:
            return 200, CONTENT_TYPE_LATEST, generate_latest(self._registry)
        except Exception as error:
            log.warning("scrape-failed", exc_info=error)
            return 500, "text/plain", f"a collector raised {error!r}\n".encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        # http.server's own asks the name server who we are, and waits for it.
        socketserver.TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        log.debug("client-left", client=str(client_address), reason=repr(sys.exc_info()[1]))


class _Handler(BaseHTTPRequestHandler):
    owner: HealthServer
    timeout = 5

    def do_GET(self) -> None:
        status, content_type, body = self.owner.answer(self.path.partition("?")[0])
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Scrapes are not logged."""
