"""Where this node stands: the device of its underlay address, and that of its CNI."""

from __future__ import annotations

from ipaddress import IPv4Network

from submariner_core.api.errors import ConfigError
from submariner_core.api.naming import IPAddress
from submariner_core.api.network import Address
from submariner_core.cli.checks.finding import Subject
from submariner_core.config import Settings
from submariner_core.daemon.node import private_ip
from submariner_core.daemon.node import underlay as device_of

_UNNAMED = Settings.model_construct(private_ip=None)
"""Settings that say nothing: the address is the default route's."""


async def private_address(subject: Subject) -> IPAddress:
    """The node's address on the underlay. Raises :class:`ConfigError` if it has none."""
    settings = subject.loaded.settings if subject.loaded is not None else _UNNAMED
    return await private_ip(settings, subject.kernel)


async def underlay(subject: Subject) -> str | None:
    """The device that holds the node's address on the underlay, if one does."""
    try:
        address = await private_address(subject)
    except ConfigError:
        return None
    return await device_of(address, subject.kernel)


async def cni(subject: Subject) -> Address | None:
    """The first address of this node inside a cluster CIDR, the CIDRs in their order."""
    if subject.loaded is None:
        return None
    addresses = await subject.kernel.addresses.list()
    for cidr in subject.loaded.settings.cluster_cidr:
        for address in addresses:
            if isinstance(cidr, IPv4Network) and address.interface.ip in cidr:
                return address
    return None
