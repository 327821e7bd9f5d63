"""Whom NAT discovery looks for, and which new cables wait a moment for what it finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from submariner_core.api.info import Capability
from submariner_core.api.model import Endpoint, EndpointObject
from submariner_core.reconcile.nat_discovery import Peer, Way

PORT_KEY = "natt-discovery-port"
"""Where a gateway answers, in its ``backend_config``."""
FIRST_WAIT = 1.0
"""Seconds that a cable to a gateway never met before waits: a wrong first address costs more."""


def discovery_port(endpoint: Endpoint) -> int | None:
    """Where a gateway answers, if it does."""
    text = endpoint.backend_config.get(PORT_KEY, "")
    if text.isascii() and text.isdecimal() and 0 < int(text) <= 65535:
        return int(text)
    return None


def peers(
    connected: Iterable[tuple[str, EndpointObject]], capabilities: Mapping[str, Capability]
) -> Mapping[str, Peer]:
    """The gateways to look for, by cable name: all that are listed of each cluster in use.

    ``connected`` has the driver and the Endpoint of each; a driver that cannot pass a NAT uses the
    private address, so there is nothing to find out.
    """
    found: dict[str, Peer] = {}
    for driver, remote in connected:
        if Capability.NAT not in capabilities.get(driver, Capability.NONE):
            continue
        listed = (entry.endpoint for entry in remote.gateways or ())
        for endpoint in (*listed, remote.spec):  # the spec is newer than what a list repeats
            port = discovery_port(endpoint)
            if port is not None:
                found[endpoint.cable_name] = Peer(
                    endpoint.cable_name,
                    endpoint.cluster_id,
                    endpoint.private_ip,
                    endpoint.public_ip,
                    port,
                    ours=remote.gateways is not None,
                )
    return found


def waits(
    wanted: Mapping[str, Peer], ways: Mapping[str, Way], asked: Mapping[str, float], now: float
) -> Mapping[str, float]:
    """The peers whose cables wait to be made, and until when (boot clock) at the latest.

    ``asked`` is since when each is looked for; who is not in it, is so from now on.
    """
    until = {name: asked.get(name, now) + FIRST_WAIT for name in wanted if name not in ways}
    return {name: end for name, end in until.items() if now < end}
