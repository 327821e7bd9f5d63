"""Through which device a cable is reached, and how large its packets may be."""

from __future__ import annotations

from collections.abc import Iterable

from submariner_core.api.cable import Path
from submariner_core.api.errors import CableError
from submariner_core.api.model import Endpoint
from submariner_core.kernel import Kernel
from submariner_core.kernel.underlay import underlay_mtu
from submariner_libreswan.plane import OVERHEAD, Interfaces, Plane
from submariner_libreswan.tunnel import Tunnel

TUN = "ipsec0"
"""The device behind which charon's ``kernel-libipsec`` encrypts."""
TUN_MTU = 1400


class Ways:
    """The devices of this gateway's cables, made as they are needed."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._interfaces = Interfaces(kernel)
        self._mtu = 0

    async def measure(self, own: Endpoint) -> None:
        """Look how large packets may be on the underlay. Raises :class:`CableError`."""
        self._mtu = await underlay_mtu(self._kernel, own.private_ip, "libreswan") - OVERHEAD

    async def settle(self, own: Endpoint, plane: Plane) -> None:
        """Prepare the daemon's own device, where it has one."""
        if plane is Plane.USERSPACE:
            await self._interfaces.prepare(TUN, own.private_ip)
            await self._interfaces.inhabit(TUN, own.subnets)

    async def to(self, tunnel: Tunnel, own: Endpoint, plane: Plane) -> Path:
        """The way of a cable; its interface is made, or adopted. Raises :class:`CableError`."""
        if plane is Plane.USERSPACE:
            return Path(TUN, None, TUN_MTU)
        way = await self._kernel.routes.lookup(tunnel.address)
        if way is None:
            raise CableError(f"cable {tunnel.name!r}: no route to {tunnel.address}: add one")
        mtu = min(self._mtu, way.mtu - OVERHEAD)
        if tunnel.interface is None:
            return Path(way.device, way.via or tunnel.address, mtu)
        name = await self._interfaces.ensure(tunnel.interface, own.private_ip, self._mtu)
        return Path(name, None, mtu)

    async def release(self, interface: int | None, tunnels: Iterable[Tunnel]) -> None:
        """Remove an interface that none of these tunnels needs."""
        if interface is not None and all(one.interface != interface for one in tunnels):
            await self._interfaces.remove(interface)

    async def remove_all(self) -> None:
        """Remove all that is ours."""
        await self._interfaces.remove_all()
