"""The kernel of one network namespace, behind one netlink socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Self

from submariner_core.kernel import watch
from submariner_core.kernel.addresses import Addresses
from submariner_core.kernel.devices import Devices
from submariner_core.kernel.fdb import ForwardingTable
from submariner_core.kernel.links import Links
from submariner_core.kernel.neighbours import Neighbours
from submariner_core.kernel.netlink import Netlink
from submariner_core.kernel.nexthops import Nexthops
from submariner_core.kernel.routes import Routes
from submariner_core.kernel.rules import Rules


class Kernel:
    """Links, addresses, neighbours, FDB, nexthops, routes and rules of this namespace.

    One netlink socket, opened by the first request in the calling thread's network namespace;
    tasks may share it, requests take turns. ``timeout`` in seconds bounds each request. Every
    ``ensure``, ``delete`` and ``reconcile`` observes first and tells whether or how much it
    changed; "already so" and "already gone" are not errors. Failures are :class:`KernelError`.
    """

    def __init__(self, timeout: float = 5.0) -> None:
        self._netlink = Netlink(timeout)
        devices = Devices(self._netlink)
        self.links = Links(self._netlink, devices)
        self.addresses = Addresses(self._netlink, devices)
        self.neighbours = Neighbours(self._netlink, devices)
        self.fdb = ForwardingTable(self._netlink, devices)
        self.nexthops = Nexthops(self._netlink, devices)
        self.routes = Routes(self._netlink, devices)
        self.rules = Rules(self._netlink)

    async def open(self) -> None:
        """Prove that the kernel answers; without it, the first request does."""
        await self.links.get("lo")

    async def close(self) -> None:
        """Release the socket; what was made stays. May be called twice."""
        await self._netlink.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def watch(self, neighbours: bool = False) -> AsyncIterator[str]:
        """Names of devices around which something changed; see :func:`watch.watch`."""
        return watch.watch(neighbours)
