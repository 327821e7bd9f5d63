"""Forwarding entries of VXLAN devices: behind which VTEP a MAC is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from ipaddress import ip_address
from socket import AF_BRIDGE

from submariner_core.api.network import FLOOD, ForwardingEntry
from submariner_core.kernel.devices import Devices
from submariner_core.kernel.errors import KernelError
from submariner_core.kernel.message import Message, Mode, Noun, Verb
from submariner_core.kernel.netlink import GONE, Netlink

_STATIC = 0x40 | 0x80
_PERMANENT = 0x80
_SELF = 0x02


class ForwardingTable:
    """The static VXLAN forwarding entries of this namespace."""

    def __init__(self, netlink: Netlink, devices: Devices) -> None:
        self._netlink = netlink
        self._devices = devices

    async def list(self, device: str) -> tuple[ForwardingEntry, ...]:
        """Static entries on ``device``, none learned; nothing if it does not exist."""
        return await self._list(device)

    async def _list(self, device: str, containing: bytes = b"") -> tuple[ForwardingEntry, ...]:
        found = await self._devices.find(device)
        if found is None:
            return ()
        messages = await self._netlink.dump(
            Noun.NEIGHBOUR,
            {"family": AF_BRIDGE, "ifindex": found["index"]},
            name=f"forwarding entries of {device}",
            containing=containing,
        )
        mine = (message for message in messages if message["ifindex"] == found["index"])
        return tuple(entry for message in mine if (entry := _entry(device, message)))

    async def ensure(self, entry: ForwardingEntry) -> bool:
        """Add the entry; a unicast MAC's destination is replaced. True if anything changed."""
        [entry] = await self._canonical(entry.device, [entry])
        if await self._stands(entry):
            return False
        await self._change(entry, Verb.NEW)
        return True

    async def delete(self, entry: ForwardingEntry) -> bool:
        """Remove the entry. False if it was not there."""
        [entry] = await self._canonical(entry.device, [entry])
        return await self._stands(entry) and await self._remove(entry)

    async def reconcile(self, device: str, wanted: Iterable[ForwardingEntry]) -> int:
        """Make ``wanted`` the static entries of ``device``; returns how many changed."""
        entries = dict.fromkeys(await self._canonical(device, wanted))
        observed = dict.fromkeys(await self.list(device))
        replaced = {entry.mac for entry in entries if entry.mac != FLOOD}
        changes = 0
        for entry in entries:
            if entry not in observed:
                await self._change(entry, Verb.NEW)
                changes += 1
        for entry in observed:
            if entry not in entries and entry.mac not in replaced:
                changes += await self._remove(entry)
        return changes

    async def _stands(self, entry: ForwardingEntry) -> bool:
        if entry.mac == FLOOD:
            return entry in await self._list(entry.device, entry.destination.packed)
        # Asked for by its MAC: a listing would cost as much as the table is long.
        found = await self._devices.find(entry.device)
        if found is None:
            return False
        message = await self._netlink.get(
            Noun.NEIGHBOUR,
            {"family": AF_BRIDGE, "ifindex": found["index"], "flags": _SELF},
            [("NDA_LLADDR", entry.mac)],
            name=f"forwarding entry {entry.mac} on {entry.device}",
        )
        return message is not None and _entry(entry.device, message) == entry

    async def _canonical(
        self, device: str, entries: Iterable[ForwardingEntry]
    ) -> tuple[ForwardingEntry, ...]:
        """As the kernel will show them: the device's own port is not told."""
        found = await self._devices.find(device)
        port = found and found.get("IFLA_LINKINFO", "IFLA_INFO_DATA", "IFLA_VXLAN_PORT")
        return tuple(
            dataclasses.replace(
                entry, mac=entry.mac.lower(), port=None if entry.port == port else entry.port
            )
            for entry in entries
        )

    async def _remove(self, entry: ForwardingEntry) -> bool:
        try:
            await self._change(entry, Verb.DELETE)
        except KernelError as error:
            if error.errno in GONE:
                return False
            raise
        return True

    async def _change(self, entry: ForwardingEntry, verb: Verb) -> None:
        name = f"forwarding entry {entry.mac} to {entry.destination} on {entry.device}"
        action = "delete" if verb is Verb.DELETE else "add"
        fields = {
            "family": AF_BRIDGE,
            "ifindex": await self._devices.index(entry.device, name, action),
            "state": _PERMANENT,
            "flags": _SELF,
        }
        attributes: list[tuple[str, int | str]] = [
            ("NDA_LLADDR", entry.mac),
            ("NDA_DST", str(entry.destination)),
        ]
        if entry.port is not None:
            attributes.append(("NDA_PORT", entry.port))
        mode = Mode.SET
        if verb is Verb.NEW:
            mode = Mode.CREATE | (Mode.APPEND if entry.mac == FLOOD else Mode.REPLACE)
        await self._netlink.change(
            Noun.NEIGHBOUR, verb, fields, attributes, mode=mode, name=name, action=action
        )


def _entry(device: str, message: Message) -> ForwardingEntry | None:
    """The entry, if it is static and leads to a VTEP."""
    destination = message.get("NDA_DST")
    if not message["state"] & _STATIC or not destination:
        return None
    mac, port = message.get("NDA_LLADDR"), message.get("NDA_PORT")
    return ForwardingEntry(device, mac, ip_address(destination), port)
