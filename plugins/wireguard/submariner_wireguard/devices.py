"""The devices of this gateway: one for each slot of a remote cluster, made, adopted, removed."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface

import structlog

from submariner_core.api.errors import CableError
from submariner_core.api.naming import SLOTS, IPAddress
from submariner_core.api.network import Address, Link
from submariner_core.kernel import Kernel, KernelError, sysctl
from submariner_wireguard.device import DEVICE, OVERHEAD, DeviceState, device_name
from submariner_wireguard.implementation import Implementation
from submariner_wireguard.inkernel import ABSENT
from submariner_wireguard.secret import Secret

_LINGERING = 2.0
"""Seconds in which the device of a daemon that died is gone: the kernel takes its time."""
_POLL = 0.02

log = structlog.get_logger("submariner.wireguard")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What all devices have in common; ``port`` is that of slot 0, ``mtu`` of the device.

    ``address`` is there for the reverse-path filter only: on a device without one, the kernel
    takes loose for strict and drops what another cable of the same cluster would be answered by.
    """

    private_key: Secret
    port: int
    mtu: int
    address: IPv4Interface


class Devices:
    """The devices of one implementation, chosen once and then kept.

    ``every`` are the implementations there are, best first; ``choice`` is the name of one, or
    ``auto``.
    """

    def __init__(self, kernel: Kernel, every: Sequence[Implementation], choice: str) -> None:
        self._kernel = kernel
        self._every = tuple(every)
        self._choices = tuple(one for one in every if choice in {one.name, "auto"})
        self._chosen: Implementation | None = None

    @property
    def implementation(self) -> Implementation:
        """The one chosen. Raises :class:`CableError` before :meth:`choose`."""
        if self._chosen is None:
            raise CableError("wireguard is not open yet: call open first")
        return self._chosen

    async def choose(self) -> Implementation:
        """The implementation to use: that of the device which is there, else the first that works.

        A device of ours whose implementation the options rule out is removed.
        """
        if self._chosen is None:
            self._chosen = await self._choice()
            log.info("implementation-chosen", implementation=self._chosen.name)
        return self._chosen

    async def ensure(self, slot: int, wanted: Wanted) -> DeviceState:
        """Make the device of a slot so, or adopt it untouched; what it holds then.

        Raises :class:`CableError` for a device of this name that is something else, and for a
        port that somebody else has.
        """
        name, port = device_name(slot), wanted.port + slot
        implementation = self.implementation
        link, found = await self._look(name, (implementation,))
        if link is not None and found is None:
            raise _taken(link)
        held = found[1] if found is not None else None
        if held is None or held.port != port:
            _refuse_taken(port)
        if held is None:
            await implementation.create(name)
            held = DeviceState()
        if held.private_key != wanted.private_key or held.port != port:
            await implementation.configure(
                name,
                private_key=wanted.private_key if held.private_key != wanted.private_key else None,
                port=port if held.port != port else None,
            )
        await self._put_up(name, port, wanted)
        return held

    async def stands(self, name: str) -> bool:
        """Whether a device is there and up; not what it holds."""
        link = await self._kernel.links.get(name)
        return link is not None and link.kind == self.implementation.kind and link.up

    async def close(self) -> None:
        """Release the handles of all implementations."""
        for implementation in self._every:
            await implementation.close()

    async def remove(self) -> None:
        """Remove the devices of either implementation; what else has such a name stays."""
        for slot in SLOTS:
            for implementation in self._every:
                await implementation.delete(device_name(slot))

    async def path_mtu(self, name: str, remote: IPAddress) -> int:
        """The MTU of a cable: its device's, or less where the way to the remote has less."""
        link = await self._kernel.links.get(name)
        if link is None:
            raise CableError(f"device {name} is gone: it comes back when a cable is made again")
        way = await self._kernel.routes.lookup(remote)
        room = way.mtu - OVERHEAD[remote.version] if way is not None else link.mtu
        return min(link.mtu, room)

    async def find(self) -> Implementation | None:
        """That of the device which is there, whatever the options say; ``None`` without one.

        Raises :class:`CableError` for a device of this name that is something else.
        """
        link, found = await self._look(DEVICE, self._every)
        if link is None:
            return None
        if found is None:
            raise _taken(link)
        return found[0]

    async def _look(
        self, name: str, every: Sequence[Implementation]
    ) -> tuple[Link | None, tuple[Implementation, DeviceState] | None]:
        """A device, and which implementation has it with what.

        A daemon that dies closes its socket first: for a moment its device seems to be another
        program's. So such a device is given the time to vanish.
        """
        deadline = time.monotonic() + _LINGERING
        while (link := await self._kernel.links.get(name)) is not None:
            candidates = [one for one in every if one.kind == link.kind]
            for one in candidates:
                if (held := await one.read(name)) is not None:
                    return link, (one, held)
            if not candidates or time.monotonic() > deadline:
                return link, None
            await asyncio.sleep(_POLL)
        return None, None

    async def _choice(self) -> Implementation:
        found = await self.find()
        if found in self._choices:
            return found
        if found is not None:
            log.warning("implementation-changed", removed=found.name)
            await self.remove()
        for one in self._choices[:-1]:
            try:
                await one.create(DEVICE)
            except KernelError as error:
                if error.errno not in ABSENT:
                    raise
            else:
                return one
        return self._choices[-1]

    async def _put_up(self, name: str, port: int, wanted: Wanted) -> None:
        await self._kernel.addresses.ensure(Address(name, wanted.address))
        try:
            await self._kernel.links.set(name, up=True, mtu=wanted.mtu)
        except KernelError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise _port_taken(port) from error
        # Loose reverse-path filter: a reply may come over another gateway's cable.
        sysctl.ensure(f"net.ipv4.conf.{name}.rp_filter", "2")
        sysctl.ensure(f"net.ipv4.conf.{name}.forwarding", "1")


def _taken(link: Link) -> CableError:
    kinds: Mapping[str, str] = {"tun": "a tunnel of another program", "": "a plain device"}
    found = kinds.get(link.kind, f"a device of kind {link.kind}")
    return CableError(
        f"device {link.name}: a WireGuard device was expected, found {found}, which is not ours: "
        f"rename or delete it (ip link delete {link.name})"
    )


def _refuse_taken(port: int) -> None:
    """Raise :class:`CableError` if somebody listens there; wireguard-go would not say so."""
    for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        with contextlib.ExitStack() as stack:
            try:
                probe = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((anywhere, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise _port_taken(port) from error


def _port_taken(port: int) -> CableError:
    return CableError(
        f"wireguard: UDP port {port} is taken on this node: set options.wireguard.port to the "
        "first of eight free ones"
    )
