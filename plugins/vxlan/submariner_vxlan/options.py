"""What a user may set."""

from __future__ import annotations

from pydantic import Field

from submariner_core.api.info import CableOptions

FIRST_PORT = 4500
"""Upstream's port for every cable type; it belongs to the first driver of the list."""
OTHER_PORT = 4520


class VxlanOptions(CableOptions):
    """``port`` is the UDP port to listen on; by default it depends on the place in the list."""

    port: int | None = Field(default=None, ge=1, le=65535)

    def udp_ports(self, position: int) -> range:
        """One port: the configured one, else the default for this position."""
        default = FIRST_PORT if position == 0 else OTHER_PORT
        port = self.port if self.port is not None else default
        return range(port, port + 1)
