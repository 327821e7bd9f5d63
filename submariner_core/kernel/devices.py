"""Devices by name and by index, asked of the kernel each time: a cached index may be stale."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from socket import AF_UNSPEC

from submariner_core.kernel.errors import KernelError
from submariner_core.kernel.message import Message, Noun
from submariner_core.kernel.netlink import Netlink


class Devices:
    """Names and indices of the devices in the socket's network namespace."""

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink

    async def find(self, name: str) -> Message | None:
        """The link message of the device called ``name``, or ``None``."""
        return await self._netlink.get(
            Noun.LINK, {"family": AF_UNSPEC}, [("IFLA_IFNAME", name)], name=f"device {name}"
        )

    async def by_index(self, index: int) -> Message | None:
        """The link message of the device numbered ``index``, or ``None``."""
        fields = {"family": AF_UNSPEC, "index": index}
        return await self._netlink.get(Noun.LINK, fields, name=f"device number {index}")

    async def index(self, name: str, wanted_by: str, action: str) -> int:
        """The index of ``name``. Raises :class:`KernelError` (ENODEV) for ``wanted_by``."""
        found = await self.find(name)
        if found is None:
            raise KernelError(wanted_by, action, errno.ENODEV, f"no device {name}")
        return found["index"]

    async def names(self, indices: Iterable[int]) -> dict[int, str]:
        """The names of those devices among ``indices`` that exist."""
        names = {}
        for index in sorted(set(indices) - {0}):
            found = await self.by_index(index)
            if found is not None:
                names[index] = found.get("IFLA_IFNAME")
        return names
