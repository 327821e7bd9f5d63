"""Permanent neighbour entries: who answers for an address on a device."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from ipaddress import ip_address
from socket import AF_INET, AF_INET6

from submariner_core.api.naming import IPAddress
from submariner_core.api.network import Neighbour
from submariner_core.kernel.devices import Devices
from submariner_core.kernel.errors import KernelError
from submariner_core.kernel.message import Mode, Noun, Verb
from submariner_core.kernel.netlink import GONE, Netlink

ASKING = {
    "base_reachable_time_ms": "1000",
    "delay_first_probe_time": "0",
    "retrans_time_ms": "100",
    "ucast_solicit": "1",
    "mcast_resolicit": "3",
}
"""Sysctls ``net/ipv4/neigh/DEVICE/…`` of a device on which ARP asks for peers of upstream's.

They may return with another MAC. By default the kernel trusts the old one for up to 45 s, and
then asks nobody but its owner for 8 s more.
"""

_PERMANENT = 0x80
_RESOLVED = 0x02 | 0x04 | 0x08 | 0x10
"""Reachable, stale, delay, probe: the kernel knows a MAC."""


class Neighbours:
    """The neighbour table of this namespace."""

    def __init__(self, netlink: Netlink, devices: Devices) -> None:
        self._netlink = netlink
        self._devices = devices

    async def list(self, device: str) -> tuple[Neighbour, ...]:
        """Permanent entries on ``device``; none if it does not exist."""
        return await self._list(device, _PERMANENT)

    async def learned(self, device: str) -> tuple[Neighbour, ...]:
        """Entries on ``device`` that the kernel resolved by itself (ARP, NDP)."""
        return await self._list(device, _RESOLVED)

    async def ensure(self, neighbour: Neighbour) -> bool:
        """Make the entry permanent with this MAC. True if anything changed."""
        if await self._stands(neighbour):
            return False
        await self._change(neighbour, Verb.NEW)
        return True

    async def delete(self, neighbour: Neighbour) -> bool:
        """Remove the permanent entry. False if it was not there."""
        if not await self._stands(neighbour):
            return False
        return await self._remove(neighbour)

    async def reconcile(self, device: str, wanted: Iterable[Neighbour]) -> int:
        """Make ``wanted`` the permanent entries of ``device``; returns how many changed."""
        entries = {entry.address: _canonical(entry) for entry in wanted}
        observed = {entry.address: entry for entry in await self.list(device)}
        changes = 0
        for address, entry in entries.items():
            if observed.get(address) != entry:
                await self._change(entry, Verb.NEW)
                changes += 1
        for address in observed.keys() - entries.keys():
            changes += await self._remove(observed[address])
        return changes

    async def _stands(self, neighbour: Neighbour) -> bool:
        # Asked for by its address: a listing would cost as much as the table is long.
        found = await self._devices.find(neighbour.device)
        if found is None:
            return False
        message = await self._netlink.get(
            Noun.NEIGHBOUR,
            {"family": _family(neighbour.address), "ifindex": found["index"]},
            [("NDA_DST", str(neighbour.address))],
            name=f"neighbour {neighbour.address} on {neighbour.device}",
        )
        return (
            message is not None
            and bool(message["state"] & _PERMANENT)
            and message.get("NDA_LLADDR") == neighbour.mac.lower()
        )

    async def _list(self, device: str, states: int) -> tuple[Neighbour, ...]:
        found = await self._devices.find(device)
        if found is None:
            return ()
        entries: list[Neighbour] = []
        for family in (AF_INET, AF_INET6):
            messages = await self._netlink.dump(
                Noun.NEIGHBOUR,
                {"family": family},
                [("NDA_IFINDEX", found["index"])],
                name=f"neighbours on {device}",
            )
            entries += (
                Neighbour(device, ip_address(message.get("NDA_DST")), message.get("NDA_LLADDR"))
                for message in messages
                if message["state"] & states and message.get("NDA_LLADDR")
            )
        return tuple(entries)

    async def _remove(self, neighbour: Neighbour) -> bool:
        try:
            await self._change(neighbour, Verb.DELETE)
        except KernelError as error:
            if error.errno in GONE:
                return False
            raise
        return True

    async def _change(self, neighbour: Neighbour, verb: Verb) -> None:
        name = f"neighbour {neighbour.address} on {neighbour.device}"
        action = "delete" if verb is Verb.DELETE else "replace"
        attributes = [("NDA_DST", str(neighbour.address))]
        if verb is Verb.NEW:
            attributes.append(("NDA_LLADDR", neighbour.mac))
        fields = {
            "family": _family(neighbour.address),
            "ifindex": await self._devices.index(neighbour.device, name, action),
            "state": _PERMANENT if verb is Verb.NEW else 0,
        }
        mode = Mode.CREATE | Mode.REPLACE if verb is Verb.NEW else Mode.SET
        await self._netlink.change(
            Noun.NEIGHBOUR, verb, fields, attributes, mode=mode, name=name, action=action
        )


def _family(address: IPAddress) -> int:
    return AF_INET if address.version == 4 else AF_INET6


def _canonical(neighbour: Neighbour) -> Neighbour:
    """As the kernel will show it."""
    return dataclasses.replace(neighbour, mac=neighbour.mac.lower())
