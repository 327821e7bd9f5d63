"""The node a daemon runs on: its address on the underlay."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address

from submariner_core.api.errors import ConfigError
from submariner_core.api.naming import IPAddress, IPNetwork
from submariner_core.config.settings import Settings
from submariner_core.kernel import Kernel

_ANYWHERE = IPv4Address("8.8.8.8")
"""Asked of the routing table only, as upstream does: nothing is sent there."""


async def private_ip(settings: Settings | None, kernel: Kernel) -> IPv4Address:
    """The node's address on the underlay; raises :class:`ConfigError` if there is none."""
    if settings is not None and settings.private_ip is not None:
        return settings.private_ip
    way = await kernel.routes.lookup(_ANYWHERE)
    if way is None or not isinstance(way.source, IPv4Address):
        raise ConfigError(
            "private_ip: this node has no default route to tell its address by; "
            "set private_ip: to the node's address on the underlay"
        )
    return way.source


async def underlay(address: IPAddress, kernel: Kernel) -> str | None:
    """The device that holds the node's ``address`` on the underlay, if one does."""
    addresses = await kernel.addresses.list()
    return next((one.device for one in addresses if one.interface.ip == address), None)


def ipv4(networks: Sequence[IPNetwork]) -> tuple[IPNetwork, ...]:
    """Only the IPv4 ones: end to end, this release carries no other."""
    return tuple(network for network in networks if network.version == 4)
