"""What a WireGuard device holds, and changes to it, whichever implementation it has. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from submariner_core.api.naming import IPAddress, IPNetwork
from submariner_wireguard.secret import Secret

DEVICE = "submariner"
"""Upstream's device; those of further slots are numbered (``submariner-1``)."""
OVERHEAD = {4: 60, 6: 80}
"""Octets that WireGuard adds to a packet, by the version of the IP outside."""


def device_name(slot: int) -> str:
    """The device through which remote gateways of a slot are reached."""
    return DEVICE if slot == 0 else f"{DEVICE}-{slot}"


@dataclass(frozen=True, slots=True)
class UdpAddress:
    """Where a peer is."""

    host: IPAddress
    port: int

    def __str__(self) -> str:
        return (
            f"[{self.host}]:{self.port}" if self.host.version == 6 else f"{self.host}:{self.port}"
        )


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """A peer as it should be. ``keepalive`` is in seconds, 0 for none."""

    public_key: str
    endpoint: UdpAddress
    allowed: frozenset[IPNetwork]
    keepalive: int
    preshared_key: Secret = field(hash=False)


@dataclass(frozen=True, slots=True)
class PeerState:
    """A peer as a device holds it.

    ``endpoint`` is where it was heard last; ``handshake`` the Unix time of the last handshake, 0
    if there was none yet.
    """

    public_key: str
    endpoint: UdpAddress | None = None
    allowed: frozenset[IPNetwork] = frozenset()
    keepalive: int = 0
    preshared_key: Secret | None = field(default=None, hash=False)
    handshake: float = 0.0
    rx_bytes: int = 0
    tx_bytes: int = 0


@dataclass(frozen=True, slots=True)
class DeviceState:
    """A device as it is; ``peers`` by public key."""

    port: int = 0
    private_key: Secret | None = field(default=None, hash=False)
    peers: Mapping[str, PeerState] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class PeerChange:
    """What to change of a peer, which is made if it is not there. ``None``: as it is.

    ``add`` is allowed beside what is; ``allowed`` replaces all that is.
    """

    public_key: str
    endpoint: UdpAddress | None = None
    preshared_key: Secret | None = field(default=None, hash=False)
    keepalive: int | None = None
    add: frozenset[IPNetwork] = frozenset()
    allowed: frozenset[IPNetwork] | None = None


def change(
    held: PeerState | None, wanted: PeerSettings, *, moved: bool = False
) -> PeerChange | None:
    """What makes a peer as it is wanted; ``None``: nothing to do.

    A peer that roams is heard elsewhere than where it was first looked for, so its endpoint is
    left alone unless ``moved`` says that it is to be looked for elsewhere. Prefixes are added
    before any is taken away, since replacing them leaves a moment without any.
    """
    if held is None:
        return PeerChange(
            wanted.public_key,
            wanted.endpoint,
            wanted.preshared_key,
            wanted.keepalive,
            allowed=wanted.allowed,
        )
    made = PeerChange(
        wanted.public_key,
        endpoint=wanted.endpoint if moved or held.endpoint is None else None,
        preshared_key=_unless(held.preshared_key, wanted.preshared_key),
        keepalive=wanted.keepalive if held.keepalive != wanted.keepalive else None,
        add=wanted.allowed - held.allowed if held.allowed <= wanted.allowed else frozenset(),
        allowed=None if held.allowed <= wanted.allowed else wanted.allowed,
    )
    return None if made == PeerChange(wanted.public_key) else made


def _unless(held: Secret | None, wanted: Secret) -> Secret | None:
    return None if held == wanted else wanted
