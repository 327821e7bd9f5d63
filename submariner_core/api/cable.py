"""The contract of a cable driver.

Verbs are idempotent and repeatable: the core owns all diffing and all routing. A driver makes
devices and peers, and says through which device and next hop a cable is reached.
"""

from __future__ import annotations

import abc
import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from submariner_core.api.errors import CableError
from submariner_core.api.model import ConnectionStatus, Endpoint
from submariner_core.api.naming import IPAddress

STANDBY = "standby"
NO_STANDBY = "false"
"""What a driver with :data:`Capability.STANDBY` advertises where this very node cannot keep it."""
IP_PROTOCOL = "ip-protocol"
"""Under which a driver advertises a protocol above IP that it has its packets in, beside UDP."""
USING_LOADBALANCER = "using-loadbalancer"
"""The core advertises ``true`` under it where the public address is a load balancer's."""


@dataclass(frozen=True, slots=True)
class LocalGateway:
    """This gateway, as its drivers see it.

    ``slot`` is its small number within its cluster; ``underlay`` the device that holds its private
    address, ``None`` if no device does.
    """

    endpoint: Endpoint
    slot: int = 0
    underlay: str | None = None


@dataclass(frozen=True, slots=True)
class Cable:
    """A tunnel to one remote gateway, as it should be.

    ``name`` is the remote endpoint's cable name. ``remote`` is whole, but its ``subnets`` are
    those that its cluster was admitted: none is another cluster's. They are in that cluster's
    order, which matters to some drivers; the cable accepts all of them at all times, whether it
    carries or not. ``slot`` is the remote gateway's. ``address`` and ``port`` are where to send;
    ``nat`` says that a NAT stands between. ``ours`` says that the remote runs this project (its
    cluster publishes a list of gateways): it follows our formulas for what upstream leaves to
    chance. ``probe_local`` and ``probe_remote`` are the health-check addresses of both ends, each
    reached through this very cable.
    """

    name: str
    remote: Endpoint
    slot: int
    address: IPAddress
    port: int
    nat: bool = False
    ours: bool = True
    probe_local: IPAddress | None = None
    probe_remote: IPAddress | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """How a cable is reached: the core routes the cluster's prefixes there.

    ``via`` is ``None`` for a device that needs no next hop. ``mtu`` is in bytes, 0 where a driver
    does not know: the routes into the cables of a cluster have the least of theirs.
    """

    device: str
    via: IPAddress | None
    mtu: int


@dataclass(frozen=True, slots=True)
class CableState:
    """What the kernel or daemon holds of one cable now.

    ``name`` is ``None`` for an entry on our devices that has no name of ours; ``key`` then tells
    people what it is. Byte counters are ``None`` where the driver cannot tell them.
    """

    name: str | None
    status: ConnectionStatus
    message: str = ""
    key: str = ""
    rx_bytes: int | None = None
    tx_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Detour:
    """Second cables beside those whose key is about to change: see :meth:`CableDriver.detour`.

    ``offer`` is what to advertise for them. By cable name, ``paths`` has where those lead that are
    proven in both directions, and ``followed`` the first cables whose remote has taken the new key
    since :meth:`CableDriver.renew`.
    """

    offer: Mapping[str, str]
    paths: Mapping[str, Path]
    followed: frozenset[str]


class CableDriver(abc.ABC):
    """One kind of cable. All methods may be repeated with the same arguments at any time.

    Failures are raised as :class:`CableError` (or :class:`KernelError`); the core shows them on
    the connection and tries again with back-off.
    """

    @abc.abstractmethod
    async def open(self, local: LocalGateway) -> Mapping[str, str]:
        """Bring the device or daemon up, or adopt what is there untouched.

        Returns what to advertise in ``backend_config`` (public key, port, …) under plain keys;
        ``{STANDBY: NO_STANDBY}`` among them has both ends keep to one cable for this pair;
        ``{IP_PROTOCOL: "50"}``, ESP's number, has the node's packet filter accept it.
        May be called again with a changed ``local``.
        """

    @abc.abstractmethod
    async def connect(self, cable: Cable) -> Path:
        """Make this cable so, accepting all of its cluster's prefixes."""

    @abc.abstractmethod
    async def disconnect(self, cable_name: str) -> None:
        """Remove a cable. Unknown names are fine; no other cable is disturbed."""

    @abc.abstractmethod
    async def observe(self) -> Sequence[CableState]:
        """All that is held now, including what an earlier process left."""

    async def watch(self) -> AsyncIterator[Sequence[CableState]]:
        """Observations as things change. The default observes every 5 s."""
        while True:
            yield await self.observe()
            await asyncio.sleep(5.0)

    async def describe(self) -> str:
        """A line for people on how this node makes such cables, for ``submariner diagnose``.

        Works in a process that opened nothing, and changes nothing. Raises :class:`CableError`
        for what would keep :meth:`open` from working. The default has nothing to say.
        """
        return ""

    async def renew(self) -> None:
        """Take up at the next :meth:`open` what else waits for a start, such as a new key.

        Asked for when this gateway carries nothing, or its operator accepts a gap; :meth:`open`
        follows. The default has nothing that waits.
        """

    async def detour(self, slot: int) -> Detour | None:
        """Hold a second cable beside each to a gateway of ours, as a gateway in ``slot`` would.

        For the only gateway of a cluster: it sends there while :meth:`renew` changes the first
        ones, which go on receiving. Repeated, to see how far it is, until :meth:`end_detour`.
        ``None``: nothing waits. The default has no second cables, and raises :class:`CableError`
        where :meth:`renew` does something.
        """
        if type(self).renew is not CableDriver.renew:
            raise CableError("this driver has no second cables: renew --now accepts a gap")
        return None

    async def end_detour(self) -> None:
        """Remove all second cables, those too that an earlier process left. Nobody sends there."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Release handles; the data path goes on forwarding."""

    @abc.abstractmethod
    async def cleanup(self) -> None:
        """Remove every trace of this driver, and nothing of anyone else's.

        Works in a process that opened nothing.
        """
