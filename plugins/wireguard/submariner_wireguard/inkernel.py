"""WireGuard in the kernel, through generic netlink."""
# pyroute2 is untyped.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import asyncio
import base64
import errno
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from submariner_core.kernel import Kernel, KernelError
from submariner_wireguard.device import DeviceState, PeerChange, PeerState, UdpAddress
from submariner_wireguard.implementation import Implementation
from submariner_wireguard.secret import Secret

TIMEOUT = 5.0
ABSENT = frozenset({errno.EOPNOTSUPP, errno.ENOENT, errno.EPROTONOSUPPORT})
"""How a kernel without WireGuard answers: to a new device, and to a question about the family."""
_NONE = frozenset({errno.ENODEV, errno.EOPNOTSUPP})
"""How WireGuard answers about a device that is not there, or is none of its own."""


class InKernel(Implementation):
    """One generic netlink socket, opened when it is first needed; requests take turns."""

    name = "kernel"
    kind = "wireguard"

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._lock = asyncio.Lock()
        self._socket: Any = None  # an AsyncWireGuard, which is untyped

    async def create(self, device: str) -> None:
        """Make a device. Raises :class:`KernelError`, of an ``ABSENT`` code without WireGuard."""
        await self._kernel.links.create(device, self.kind)

    async def read(self, device: str) -> DeviceState | None:
        """What the device holds; a big one comes in several messages."""
        try:
            return _state(await self._turn(device, "read", "info", device))
        except KernelError as error:
            if error.errno in _NONE | ABSENT:
                return None
            raise

    async def configure(
        self, device: str, *, private_key: Secret | None = None, port: int | None = None
    ) -> None:
        """Set key and port."""
        key = _text(private_key) if private_key is not None else None
        await self._turn(device, "configure", "set", device, private_key=key, listen_port=port)

    async def change(self, device: str, change: PeerChange) -> None:
        """Change or make a peer."""
        await self._turn(
            device, f"change peer {change.public_key} of", "set", device, peer=_peer(change)
        )

    async def remove(self, device: str, public_key: str) -> None:
        """Remove a peer."""
        peer = {"public_key": public_key, "remove": True}
        try:
            await self._turn(device, f"remove peer {public_key} of", "set", device, peer=peer)
        except KernelError as error:
            if error.errno not in _NONE | ABSENT:
                raise

    async def delete(self, device: str) -> None:
        """Remove the device."""
        link = await self._kernel.links.get(device)
        if link is not None and link.kind == self.kind:
            await self._kernel.links.delete(device)

    async def close(self) -> None:
        """Release the socket."""
        held, self._socket = self._socket, None
        if held is not None:
            held.close()
            await asyncio.sleep(0)  # lets the transport finish

    async def _turn(self, device: str, action: str, verb: str, *args: Any, **fields: Any) -> Any:
        from pyroute2.netlink.exceptions import NetlinkError
        from pyroute2.netlink.generic.wireguard import AsyncWireGuard

        name = f"wireguard device {device}"
        async with self._lock:
            try:
                async with asyncio.timeout(TIMEOUT):
                    if self._socket is None:
                        self._socket = AsyncWireGuard()
                        await self._socket.setup_endpoint()
                    answer = await getattr(self._socket, verb)(*args, **fields)
                    return [one async for one in answer] if verb == "info" else answer
            except NetlinkError as error:
                await self.close()
                raise KernelError(name, action, error.code) from None
            except TimeoutError:
                await self.close()
                raise KernelError(name, action, errno.ETIMEDOUT) from None
            except OSError as error:
                await self.close()
                raise KernelError(name, action, error.errno or errno.EIO) from None
            except asyncio.CancelledError:
                await self.close()
                raise


def _peer(change: PeerChange) -> dict[str, Any]:
    fields: dict[str, Any] = {"public_key": change.public_key}
    if change.endpoint is not None:
        fields |= {
            "endpoint_addr": str(change.endpoint.host),
            "endpoint_port": change.endpoint.port,
        }
    if change.preshared_key is not None:
        fields["preshared_key"] = _text(change.preshared_key)
    if change.keepalive is not None:
        fields["persistent_keepalive"] = change.keepalive
    prefixes = change.add if change.allowed is None else change.allowed
    if change.allowed is not None:
        fields["replace_allowed_ips"] = True
    if prefixes:
        fields["allowed_ips"] = [str(prefix) for prefix in prefixes]
    return fields


def _state(messages: list[Any]) -> DeviceState:
    port, private_key = 0, None
    peers: dict[str, PeerState] = {}
    for message in messages:
        port = message.get_attr("WGDEVICE_A_LISTEN_PORT") or port
        private_key = _secret(message.get_attr("WGDEVICE_A_PRIVATE_KEY")) or private_key
        for attributes in message.get_attr("WGDEVICE_A_PEERS") or ():
            peer = _peer_state(attributes)
            held = peers.get(peer.public_key)
            peers[peer.public_key] = peer if held is None else _joined(held, peer)
    return DeviceState(port, private_key, peers)


def _peer_state(attributes: Any) -> PeerState:
    endpoint = attributes.get_attr("WGPEER_A_ENDPOINT")
    stamp: Mapping[str, int] = attributes.get_attr("WGPEER_A_LAST_HANDSHAKE_TIME") or {}
    allowed = attributes.get_attr("WGPEER_A_ALLOWEDIPS") or ()
    return PeerState(
        public_key=attributes.get_attr("WGPEER_A_PUBLIC_KEY").decode("ascii"),
        endpoint=UdpAddress(ip_address(endpoint["addr"]), endpoint["port"]) if endpoint else None,
        allowed=frozenset(ip_network(one["addr"]) for one in allowed),
        keepalive=attributes.get_attr("WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL") or 0,
        preshared_key=_secret(attributes.get_attr("WGPEER_A_PRESHARED_KEY")),
        handshake=stamp.get("tv_sec", 0) + stamp.get("tv_nsec", 0) / 1e9,
        rx_bytes=attributes.get_attr("WGPEER_A_RX_BYTES") or 0,
        tx_bytes=attributes.get_attr("WGPEER_A_TX_BYTES") or 0,
    )


def _joined(first: PeerState, more: PeerState) -> PeerState:
    """A peer whose prefixes did not fit in one message: the second holds nothing but prefixes."""
    return PeerState(
        first.public_key,
        first.endpoint,
        first.allowed | more.allowed,
        first.keepalive,
        first.preshared_key,
        first.handshake,
        first.rx_bytes,
        first.tx_bytes,
    )


def _text(secret: Secret) -> str:
    return base64.b64encode(secret.reveal()).decode("ascii")


def _secret(text: bytes | None) -> Secret | None:
    """All zeros stand for "none"."""
    octets = base64.b64decode(text) if text else b""
    return Secret(octets) if any(octets) else None
