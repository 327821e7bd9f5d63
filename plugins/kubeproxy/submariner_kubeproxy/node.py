"""What the node's own network looks like: the underlay's device and the CNI's address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from submariner_core.api.errors import RouteError
from submariner_core.api.naming import IPAddress, IPNetwork
from submariner_core.kernel import Address, Kernel
from submariner_kubeproxy.overlay import DEVICE


@dataclass(frozen=True, slots=True)
class NodeNetwork:
    """The devices this node's traffic passes.

    ``underlay_mtu`` is in bytes. Without a CNI address (``None``) pods are served as ever, while
    the host itself has no source that a remote cluster could answer to.
    """

    underlay: str
    underlay_mtu: int
    cni_device: str | None
    cni_address: IPv4Address | None

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices at which cross-cluster packets arrive."""
        names = (self.underlay, DEVICE, *([self.cni_device] if self.cni_device else []))
        return tuple(dict.fromkeys(names))


async def survey(
    kernel: Kernel, address: IPAddress, cluster_cidr: Sequence[IPNetwork]
) -> NodeNetwork:
    """Look at the node. Raises :class:`RouteError` if no device holds ``address``."""
    addresses = await kernel.addresses.list()
    underlay = next((one.device for one in addresses if one.interface.ip == address), None)
    link = await kernel.links.get(underlay) if underlay is not None else None
    if underlay is None or link is None:
        raise RouteError(
            f"no device of this node has its address {address}: set private_ip: to the address "
            "that other nodes reach this one by"
        )
    cni = find_cni(addresses, cluster_cidr)
    return NodeNetwork(
        underlay=underlay,
        underlay_mtu=link.mtu,
        cni_device=cni.device if cni else None,
        cni_address=IPv4Address(cni.interface.ip) if cni else None,
    )


def find_cni(addresses: Sequence[Address], cluster_cidr: Sequence[IPNetwork]) -> Address | None:
    """The first IPv4 address inside a cluster CIDR, the CIDRs in their order."""
    for cidr in cluster_cidr:
        for address in addresses:
            if isinstance(cidr, IPv4Network) and address.interface.ip in cidr:
                return address
    return None
