"""Nexthop objects: one replace moves every route that points at the object."""

from __future__ import annotations

from ipaddress import ip_address
from socket import AF_INET, AF_INET6, AF_UNSPEC

from submariner_core.api.network import PROTOCOL, Nexthop
from submariner_core.kernel.devices import Devices
from submariner_core.kernel.errors import KernelError
from submariner_core.kernel.message import Message, Mode, Noun, Verb
from submariner_core.kernel.netlink import GONE, Netlink

_ONLINK = 0x4


class Nexthops:
    """The nexthop objects of this namespace.

    A device that goes down or away takes its nexthop objects along, and those their routes,
    without a word about the routes: after any link event, observe and ensure again.
    """

    def __init__(self, netlink: Netlink, devices: Devices) -> None:
        self._netlink = netlink
        self._devices = devices

    async def list(self) -> tuple[Nexthop, ...]:
        """All single nexthops; groups, encapsulating and FDB nexthops are not ours to express."""
        messages = await self._netlink.dump(Noun.NEXTHOP, {"family": AF_UNSPEC}, name="nexthops")
        messages = [message for message in messages if _expressible(message)]
        names = await self._devices.names(message.get("NHA_OIF") or 0 for message in messages)
        return tuple(_nexthop(message, names) for message in messages)

    async def ensure(self, nexthop: Nexthop) -> bool:
        """Make the object so; routes that use it follow at once. True if anything changed."""
        fields = {"family": AF_UNSPEC}
        attributes = [("NHA_ID", nexthop.id)]
        name = f"nexthop {nexthop.id}"
        found = await self._netlink.get(Noun.NEXTHOP, fields, attributes, name=name)
        if found is not None and _expressible(found):
            names = await self._devices.names([found.get("NHA_OIF") or 0])
            if _nexthop(found, names) == nexthop:
                return False
        await self._replace(nexthop)
        return True

    async def delete(self, id: int) -> bool:  # noqa: A002
        """Remove the object and every route that uses it. False if it was not there."""
        name = f"nexthop {id}"
        fields = {"family": AF_UNSPEC}
        attributes = [("NHA_ID", id)]
        if await self._netlink.get(Noun.NEXTHOP, fields, attributes, name=name) is None:
            return False
        try:
            await self._netlink.change(
                Noun.NEXTHOP, Verb.DELETE, fields, attributes, name=name, action="delete"
            )
        except KernelError as error:
            if error.errno in GONE:
                return False
            raise
        return True

    async def _replace(self, nexthop: Nexthop) -> None:
        to = f" via {nexthop.via}" if nexthop.via else ""
        to += f" dev {nexthop.device}" if nexthop.device else ""
        name = f"nexthop {nexthop.id}{to or ' (blackhole)'}"
        attributes: list[tuple[str, int | str | bool]] = [("NHA_ID", nexthop.id)]
        if nexthop.device is not None:
            index = await self._devices.index(nexthop.device, name, "replace")
            attributes.append(("NHA_OIF", index))
        if nexthop.via is not None:
            attributes.append(("NHA_GATEWAY", str(nexthop.via)))
        if nexthop.device is None and nexthop.via is None:
            attributes.append(("NHA_BLACKHOLE", True))
        v6 = nexthop.via is not None and nexthop.via.version == 6
        fields = {
            "family": AF_INET6 if v6 else AF_INET,
            "proto": PROTOCOL,
            "flags": _ONLINK if nexthop.onlink else 0,
        }
        await self._netlink.change(
            Noun.NEXTHOP,
            Verb.NEW,
            fields,
            attributes,
            mode=Mode.CREATE | Mode.REPLACE,
            name=name,
            action="replace",
        )


def _expressible(message: Message) -> bool:
    others = ("NHA_GROUP", "NHA_ENCAP_TYPE", "NHA_FDB")
    return not any(message.get(attribute) is not None for attribute in others)


def _nexthop(message: Message, names: dict[int, str]) -> Nexthop:
    gateway = message.get("NHA_GATEWAY")
    return Nexthop(
        id=message.get("NHA_ID"),
        device=names.get(message.get("NHA_OIF") or 0),
        via=ip_address(gateway) if gateway else None,
        onlink=bool(message["flags"] & _ONLINK),
    )
