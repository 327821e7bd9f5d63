"""Where packets are encrypted, and through which device they get there."""

from __future__ import annotations

import asyncio
import enum
import errno
from collections.abc import Sequence
from ipaddress import IPv4Interface, IPv4Network

from submariner_core.api.errors import CableError
from submariner_core.api.naming import (
    CABLE_OCTET,
    SLOTS,
    IPAddress,
    IPNetwork,
    lone_address,
)
from submariner_core.api.network import Address, Xfrm
from submariner_core.kernel import Kernel, KernelError, LinkMismatch, sysctl
from submariner_libreswan.tunnel import FIRST_INTERFACE, interface_name

KIND = "xfrm"
ROUTING_TABLE = 4500
ROUTING_PRIORITY = 40000
"""``kernel-libipsec`` makes routes, and a rule for them, whatever it is told: both are apart from
those of the host's charon, and behind the main table, which is the core's."""
OVERHEAD = 88
"""Octets that ESP in UDP adds to a packet at most (AES-CBC with SHA-2; GCM adds less)."""
_PROBE = FIRST_INTERFACE - 1
_STATE = (
    "src 127.0.0.1 dst 127.0.0.2 proto esp spi 0x5ab0 mode tunnel "
    f"aead rfc4106(gcm(aes)) 0x{'00' * 20} 128"
)


class Plane(enum.StrEnum):
    """Three ways in which a node can run IPsec's data path."""

    INTERFACES = "interfaces"
    """ESP in the kernel, an XFRM interface for each slot: several cables to one cluster."""
    POLICIES = "policies"
    """ESP in the kernel without such interfaces: policies choose by address, one cable each."""
    USERSPACE = "userspace"
    """charon's ``kernel-libipsec``: ESP in charon itself, behind one TUN device."""


async def detect(kernel: Kernel) -> Plane:
    """The best that this kernel has."""
    if not await _has_esp():
        return Plane.USERSPACE
    try:
        await kernel.links.ensure_xfrm(Xfrm(interface_name(_PROBE), _PROBE, 1400))
    except KernelError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:
            raise
        return Plane.POLICIES
    await kernel.links.delete(interface_name(_PROBE))
    return Plane.INTERFACES


class Interfaces:
    """The XFRM interfaces of this gateway: one for each slot of remote gateways.

    They are never set down or made anew, which would take routes along.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def ensure(self, number: int, private_ip: IPAddress, mtu: int) -> str:
        """Make one so, or adopt it untouched; its name. Raises :class:`CableError`."""
        name = interface_name(number)
        try:
            await self._kernel.links.ensure_xfrm(Xfrm(name, number, mtu))
        except LinkMismatch as error:
            raise CableError(
                f"device {name}: an XFRM interface with if_id {number} was expected, and another "
                f"device has this name: rename or delete it (ip link delete {name})"
            ) from error
        await self.prepare(name, private_ip)
        return name

    async def prepare(self, name: str, private_ip: IPAddress) -> None:
        """What any device needs at which packets from cables arrive.

        A device without an address has a strict reverse-path filter where it was set loose; and
        loose it must be, since a reply may come over another gateway's cable.
        """
        address = Address(name, lone_address(private_ip, CABLE_OCTET))
        await self._kernel.addresses.ensure(address)
        sysctl.ensure(f"net.ipv4.conf.{name}.rp_filter", "2")
        sysctl.ensure(f"net.ipv4.conf.{name}.forwarding", "1")

    async def inhabit(self, name: str, subnets: Sequence[IPNetwork]) -> None:
        """Have an address in each of these subnets, on a device of ours where there is none.

        ``kernel-libipsec`` refuses a child SA whose local subnet has no address of this node. The
        network's own address will do: nobody is ever given it.
        """
        held = [address.interface.ip for address in await self._kernel.addresses.list()]
        for subnet in subnets:
            if isinstance(subnet, IPv4Network) and not any(ip in subnet for ip in held):
                alone = IPv4Interface((subnet.network_address, 32))
                await self._kernel.addresses.ensure(Address(name, alone))

    async def remove(self, number: int) -> None:
        """Remove one; a device of this name that is something else stays."""
        link = await self._kernel.links.get(interface_name(number))
        if link is not None and link.kind == KIND and link.if_id == number:
            await self._kernel.links.delete(link.name)

    async def remove_all(self) -> None:
        """Remove those of all slots, the one that the kernel was tried with, and charon's rule."""
        for family in ("-4", "-6"):
            await _ip(f"{family} rule delete", f"pref {ROUTING_PRIORITY} lookup {ROUTING_TABLE}")
        for number in (_PROBE, *(FIRST_INTERFACE + slot for slot in SLOTS)):
            await self.remove(number)


async def _has_esp() -> bool:
    """Whether the kernel takes an SA of the default cipher; the one it was tried with is gone.

    One that is there already was left by a process that died in between.
    """
    await _ip("xfrm state add", _STATE)
    return await _ip("xfrm state delete", "src 127.0.0.1 dst 127.0.0.2 proto esp spi 0x5ab0") == 0


async def _ip(command: str, words: str) -> int:
    process = await asyncio.create_subprocess_exec(
        *("ip", *command.split(), *words.split()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()
