"""Addresses on devices."""

from __future__ import annotations

from ipaddress import IPv4Interface, ip_interface
from socket import AF_INET, AF_INET6, AF_UNSPEC

from submariner_core.api.network import Address
from submariner_core.kernel.devices import Devices
from submariner_core.kernel.errors import KernelError
from submariner_core.kernel.message import Message, Mode, Noun, Verb
from submariner_core.kernel.netlink import GONE, Netlink


class Addresses:
    """The addresses of this namespace's devices."""

    def __init__(self, netlink: Netlink, devices: Devices) -> None:
        self._netlink = netlink
        self._devices = devices

    async def list(self, device: str | None = None) -> tuple[Address, ...]:
        """Addresses of ``device`` (none if it does not exist), or of all devices."""
        fields: dict[str, int] = {"family": AF_UNSPEC}
        if device is not None:
            found = await self._devices.find(device)
            if found is None:
                return ()
            fields["index"] = found["index"]
        messages = await self._netlink.dump(Noun.ADDRESS, fields, name="addresses")
        if device is not None:
            names = {fields["index"]: device}
        else:
            names = await self._devices.names(message["index"] for message in messages)
        return tuple(
            Address(names[message["index"]], ip_interface(_text(message)))
            for message in messages
            if message["index"] in names
        )

    async def ensure(self, address: Address) -> bool:
        """Add the address if it is not there. True if it was added."""
        if address in await self.list(address.device):
            return False
        await self._change(address, Verb.NEW, Mode.CREATE | Mode.REPLACE, "add")
        return True

    async def delete(self, address: Address) -> bool:
        """Remove the address. False if it was not there."""
        if address not in await self.list(address.device):
            return False
        try:
            await self._change(address, Verb.DELETE, Mode.SET, "delete")
        except KernelError as error:
            if error.errno in GONE:
                return False
            raise
        return True

    async def _change(self, address: Address, verb: Verb, mode: Mode, action: str) -> None:
        name = f"address {address.interface} on {address.device}"
        index = await self._devices.index(address.device, name, action)
        v4 = isinstance(address.interface, IPv4Interface)
        fields = {
            "family": AF_INET if v4 else AF_INET6,
            "prefixlen": address.interface.network.prefixlen,
            "index": index,
        }
        text = str(address.interface.ip)
        attributes = [("IFA_LOCAL", text), ("IFA_ADDRESS", text)]
        await self._netlink.change(
            Noun.ADDRESS, verb, fields, attributes, mode=mode, name=name, action=action
        )


def _text(message: Message) -> str:
    # IPv4 point-to-point: IFA_ADDRESS is the peer's; IPv6 has no IFA_LOCAL otherwise
    address = message.get("IFA_LOCAL") or message.get("IFA_ADDRESS")
    return f"{address}/{message['prefixlen']}"
