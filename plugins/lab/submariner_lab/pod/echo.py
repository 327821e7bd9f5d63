"""An echo server that says whom it saw: one JSON line, then every byte back.

    python echo.py PORT NAME

A UDP datagram is answered by the line and the datagram; a TCP connection gets the line at once
and then its own bytes.
"""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from typing import Any


class _Greeting(socketserver.BaseRequestHandler):
    def greeting(self) -> bytes:
        """Who asks, as seen here, and who answers."""
        seen = {"peer": self.client_address[0], "server": sys.argv[2]}
        return json.dumps(seen).encode() + b"\n"


class _Stream(_Greeting):
    request: Any

    def handle(self) -> None:
        """Greet, then return what comes."""
        try:
            self.request.sendall(self.greeting())
            while data := self.request.recv(65536):
                self.request.sendall(data)
        except OSError:
            return


class _Datagram(_Greeting):
    def handle(self) -> None:
        """One answer."""
        data, sock = self.request
        sock.sendto(self.greeting() + data, self.client_address)


class _Threading(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256


def main() -> None:
    """Serve until killed."""
    address = ("0.0.0.0", int(sys.argv[1]))
    stream = _Threading(address, _Stream)
    threading.Thread(target=stream.serve_forever, daemon=True).start()
    socketserver.UDPServer(address, _Datagram).serve_forever()


if __name__ == "__main__":
    main()
