"""The contract of a route driver: what one node does with cross-cluster traffic."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass

from submariner_core.api.naming import IPAddress, IPNetwork


@dataclass(frozen=True, slots=True)
class OverlayPeer:
    """A node on the overlay, by its name and its address on the underlay.

    ``asked``: upstream's route agent may be the one that runs there. Its device has a MAC of
    chance, which ARP has to ask for; that of ours follows from the address.
    """

    hostname: str
    address: IPAddress
    asked: bool = False


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What a node should do; a value made by ``reconcile`` from the datastore.

    ``gateways`` are the live gateways of the own cluster, leader first; ``carries`` is the one
    this node sends through, or ``None`` while there is none. ``peers`` are the other nodes, needed
    on a gateway node only. ``cable_ports`` are the UDP ports of cables, to be accepted;
    ``cable_protocols`` the numbers of other protocols above IP that their packets have (ESP: 50).
    """

    node: OverlayPeer
    on_gateway: bool
    gateways: tuple[OverlayPeer, ...]
    carries: OverlayPeer | None
    remote_prefixes: tuple[IPNetwork, ...]
    cluster_cidr: tuple[IPNetwork, ...]
    service_cidr: tuple[IPNetwork, ...]
    peers: tuple[OverlayPeer, ...] = ()
    cable_ports: tuple[int, ...] = ()
    cable_protocols: tuple[int, ...] = ()

    @property
    def carries_itself(self) -> bool:
        """Whether this node is the gateway that it sends through."""
        return self.carries is not None and self.carries.address == self.node.address


@dataclass(frozen=True, slots=True)
class NodeState:
    """What the node holds now: the overlay device's state and the prefixes that are steered.

    ``via`` is the overlay address of the gateway that the node sends through (its own if it is
    that gateway), as the node tells it: also to a process that has no plan yet.
    """

    overlay_device: str | None
    overlay_mtu: int
    cni_address: IPAddress | None
    prefixes: tuple[IPNetwork, ...]
    carries: IPAddress | None
    message: str = ""
    via: IPAddress | None = None


class RouteDriver(abc.ABC):
    """One way of steering a node's traffic. Failures are :class:`RouteError` or KernelError."""

    @abc.abstractmethod
    async def open(self, node: OverlayPeer, cluster_cidr: Sequence[IPNetwork]) -> None:
        """Bring the node's devices up, or adopt what is there untouched."""

    @abc.abstractmethod
    async def apply(self, plan: NodePlan) -> None:
        """Make the node so. Changes nothing where nothing differs; a move is one nexthop."""

    @abc.abstractmethod
    async def observe(self) -> NodeState:
        """What the node holds now."""

    async def repair(self) -> bool:
        """Put back what others removed (a flushed chain, a reset sysctl); True if anything was."""
        return False

    async def close(self) -> None:
        """Release handles; the node goes on forwarding."""

    @abc.abstractmethod
    async def cleanup(self) -> None:
        """Remove every trace and put old sysctl values back.

        Works in a process that opened nothing.
        """
