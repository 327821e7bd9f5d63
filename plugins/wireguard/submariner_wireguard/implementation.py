"""The contract of the two implementations of WireGuard; everything above it is the same."""

from __future__ import annotations

import abc
import asyncio

from submariner_wireguard.device import DeviceState, PeerChange
from submariner_wireguard.secret import Secret


class Implementation(abc.ABC):
    """WireGuard devices of one node. Failures are ``CableError`` or ``KernelError``.

    ``name`` is what options and status call it; ``kind`` the kind that the kernel gives for its
    devices.
    """

    name: str
    kind: str

    @abc.abstractmethod
    async def create(self, device: str) -> None:
        """Make a device that is not there."""

    @abc.abstractmethod
    async def read(self, device: str) -> DeviceState | None:
        """What a device holds; ``None`` if there is none of this implementation."""

    @abc.abstractmethod
    async def configure(
        self, device: str, *, private_key: Secret | None = None, port: int | None = None
    ) -> None:
        """Set a device's private key or listen port, or both."""

    @abc.abstractmethod
    async def change(self, device: str, change: PeerChange) -> None:
        """Change one peer, or make it; no other is disturbed."""

    @abc.abstractmethod
    async def remove(self, device: str, public_key: str) -> None:
        """Remove a peer; one that is not there is fine."""

    @abc.abstractmethod
    async def delete(self, device: str) -> None:
        """Remove a device of this implementation; one that is not there is fine."""

    async def lost(self) -> str:
        """The name of a device, once the program behind it has died. By default none does."""
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    @abc.abstractmethod
    async def close(self) -> None:
        """Release handles; devices go on forwarding."""
