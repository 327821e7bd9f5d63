"""Network devices: found, made as VXLAN or XFRM, set up, resized, removed."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address
from socket import AF_UNSPEC

from submariner_core.api.naming import IPAddress
from submariner_core.api.network import Link, Vxlan, VxlanSettings, Xfrm
from submariner_core.kernel.devices import Devices
from submariner_core.kernel.errors import KernelError, LinkMismatch
from submariner_core.kernel.message import Message, Mode, Noun, Verb
from submariner_core.kernel.netlink import GONE, Netlink

_UP = 0x1


class Links:
    """The network devices of this namespace."""

    def __init__(self, netlink: Netlink, devices: Devices) -> None:
        self._netlink = netlink
        self._devices = devices

    async def list(self) -> tuple[Link, ...]:
        """All devices, in the kernel's order."""
        found = await self._netlink.dump(Noun.LINK, {"family": AF_UNSPEC}, name="devices")
        return tuple(_link(message) for message in found)

    async def get(self, name: str) -> Link | None:
        """The device called ``name``, or ``None``."""
        message = await self._devices.find(name)
        return None if message is None else _link(message)

    async def ensure_vxlan(self, wanted: Vxlan) -> bool:
        """Make the device so and set it up, or adopt an equal one untouched.

        MTU, MAC and "down" are put right in place. True if anything changed. Raises
        :class:`LinkMismatch` if a device of this name has another kind or other fixed settings.
        """
        found = await self.get(wanted.name)
        created = found is None
        if found is None:
            await self._create(wanted)
            found = await self.get(wanted.name)
        if found is None or found.vxlan != wanted.settings:
            raise LinkMismatch(found or _absent(wanted.name), wanted)
        mac = None if found.mac == wanted.mac.lower() else wanted.mac
        return await self._put_right(found, True, wanted.mtu, mac) or created

    async def ensure_xfrm(self, wanted: Xfrm) -> bool:
        """Make the device so and set it up, or adopt an equal one untouched.

        MTU and "down" are put right in place. True if anything changed. Raises
        :class:`LinkMismatch` if a device of this name has another kind or ``if_id``,
        :class:`KernelError` EEXIST if another has this ``if_id``, EOPNOTSUPP without the kind.
        """
        found = await self.get(wanted.name)
        created = found is None
        if found is None:
            data = [("IFLA_XFRM_IF_ID", wanted.if_id)]
            info = [("IFLA_INFO_DATA", {"attrs": data})]
            await self._add(wanted.name, "xfrm", info, [("IFLA_MTU", wanted.mtu)])
            found = await self.get(wanted.name)
        if found is None or found.if_id != wanted.if_id:
            raise LinkMismatch(found or _absent(wanted.name), wanted)
        return await self._put_right(found, True, wanted.mtu, None) or created

    async def create(self, name: str, kind: str) -> None:
        """Make a device of a kind that needs no settings, such as ``wireguard``; it is down.

        Raises :class:`KernelError`: EEXIST where the name is taken, EOPNOTSUPP without the kind.
        """
        await self._add(name, kind)

    async def set(self, name: str, up: bool | None = None, mtu: int | None = None) -> bool:
        """Change a device's state and MTU (bytes) where they differ. True if anything changed."""
        found = await self.get(name)
        if found is None:
            raise KernelError(f"device {name}", "set", errno.ENODEV, f"no device {name}")
        return await self._put_right(found, up, mtu, None)

    async def delete(self, name: str) -> bool:
        """Remove a device, whatever its kind. False if it was not there."""
        found = await self._devices.find(name)
        if found is None:
            return False
        fields = {"family": AF_UNSPEC, "index": found["index"]}
        try:
            await self._netlink.change(
                Noun.LINK, Verb.DELETE, fields, name=f"device {name}", action="delete"
            )
        except KernelError as error:
            if error.errno in GONE:
                return False
            raise
        return True

    async def _create(self, wanted: Vxlan) -> None:
        settings = wanted.settings
        data: list[tuple[str, object]] = [
            ("IFLA_VXLAN_ID", settings.vni),
            ("IFLA_VXLAN_PORT", settings.port),
            ("IFLA_VXLAN_LEARNING", int(settings.learning)),
        ]
        if settings.local is not None:
            v6 = isinstance(settings.local, IPv6Address)
            data.append(("IFLA_VXLAN_LOCAL6" if v6 else "IFLA_VXLAN_LOCAL", str(settings.local)))
        more = [("IFLA_MTU", wanted.mtu), ("IFLA_ADDRESS", wanted.mac)]
        await self._add(wanted.name, "vxlan", [("IFLA_INFO_DATA", {"attrs": data})], more)

    async def _add(
        self,
        name: str,
        kind: str,
        info: Sequence[tuple[str, object]] = (),
        more: Sequence[tuple[str, object]] = (),
    ) -> None:
        information = {"attrs": [("IFLA_INFO_KIND", kind), *info]}
        attributes = [("IFLA_IFNAME", name), *more, ("IFLA_LINKINFO", information)]
        await self._netlink.change(
            Noun.LINK,
            Verb.NEW,
            {"family": AF_UNSPEC},
            attributes,
            mode=Mode.CREATE | Mode.EXCLUSIVE,
            name=f"{kind} device {name}",
            action="create",
        )

    async def _put_right(
        self, found: Link, up: bool | None, mtu: int | None, mac: str | None
    ) -> bool:
        fields = {"family": AF_UNSPEC, "index": found.index}
        attributes: list[tuple[str, int | str]] = []
        if mtu is not None and mtu != found.mtu:
            attributes.append(("IFLA_MTU", mtu))
        if mac is not None:
            attributes.append(("IFLA_ADDRESS", mac))
        if up is not None and up != found.up:
            fields |= {"flags": _UP if up else 0, "change": _UP}
        if len(fields) == 2 and not attributes:
            return False
        await self._netlink.change(
            Noun.LINK, Verb.NEW, fields, attributes, name=f"device {found.name}", action="set"
        )
        return True


def _absent(name: str) -> Link:
    return Link(name, 0, "", up=False, mtu=0, mac="")


def _link(message: Message) -> Link:
    return Link(
        name=message.get("IFLA_IFNAME"),
        index=message["index"],
        kind=message.get("IFLA_LINKINFO", "IFLA_INFO_KIND") or "",
        up=bool(message["flags"] & _UP),
        mtu=message.get("IFLA_MTU") or 0,
        mac=message.get("IFLA_ADDRESS") or "",
        alias=message.get("IFLA_IFALIAS") or "",
        vxlan=_vxlan(message),
        if_id=_if_id(message),
    )


def _vxlan(message: Message) -> VxlanSettings | None:
    if message.get("IFLA_LINKINFO", "IFLA_INFO_KIND") != "vxlan":
        return None
    data = Message(message.get("IFLA_LINKINFO", "IFLA_INFO_DATA"))
    text = data.get("IFLA_VXLAN_LOCAL") or data.get("IFLA_VXLAN_LOCAL6")
    local: IPAddress | None = ip_address(text) if text else None
    return VxlanSettings(
        vni=data.get("IFLA_VXLAN_ID"),
        port=data.get("IFLA_VXLAN_PORT"),
        local=local,
        learning=bool(data.get("IFLA_VXLAN_LEARNING")),
    )


def _if_id(message: Message) -> int | None:
    if message.get("IFLA_LINKINFO", "IFLA_INFO_KIND") != "xfrm":
        return None
    if_id: int = Message(message.get("IFLA_LINKINFO", "IFLA_INFO_DATA")).get("IFLA_XFRM_IF_ID")
    return if_id
