"""What an observation says of each cable. Pure but for the memory of handshakes."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from submariner_core.api.cable import CableState
from submariner_core.api.model import ConnectionStatus
from submariner_wireguard.device import DeviceState, PeerState
from submariner_wireguard.peer import Peer

EXPIRES = 180.0
"""Seconds after which WireGuard uses a session no longer."""
PATIENCE = 30.0
"""Seconds that a first handshake may take before it counts as failed."""


class Handshakes:
    """Ages of handshakes on the boot clock.

    WireGuard tells the wall clock's time of each; where somebody sets that clock, the age of a
    handshake that was seen before does not change.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, float]] = {}
        self._waiting: dict[str, float] = {}

    def age(self, name: str, stamp: float, wall: float, boot: float) -> float | None:
        """Seconds since the handshake of ``stamp`` with a cable; ``None``: there was none."""
        if not stamp:
            self._waiting.setdefault(name, boot)
            return None
        self._waiting.pop(name, None)
        known = self._seen.get(name)
        if known is None or known[0] != stamp:
            known = self._seen[name] = (stamp, boot - max(0.0, wall - stamp))
        return boot - known[1]

    def waiting(self, name: str, boot: float) -> float:
        """Seconds for which a first handshake has been waited for."""
        return boot - self._waiting.get(name, boot)

    def keep(self, keep: Collection[str]) -> None:
        """Forget all names but these."""
        for memory in (self._seen, self._waiting):
            for name in [name for name in memory if name not in keep]:
                del memory[name]


def cable_state(
    peer: Peer, held: PeerState, age: float | None, waited: float, implementation: str
) -> CableState:
    """``connected`` after a recent handshake; whether packets pass, probes tell."""
    endpoint = held.endpoint or peer.address
    if age is None:
        status = ConnectionStatus.ERROR if waited > PATIENCE else ConnectionStatus.CONNECTING
        message = f"no handshake with UDP {endpoint} yet"
        if status is ConnectionStatus.ERROR:
            message += f" after {waited:.0f} s: is the port open, and the PSK the same?"
    elif age > EXPIRES:
        status = ConnectionStatus.ERROR
        message = f"no handshake with UDP {endpoint} for {age:.0f} s"
    else:
        status, message = ConnectionStatus.CONNECTED, f"handshake {age:.0f} s ago"
    return CableState(
        peer.name,
        status,
        f"{implementation}: {message}",
        key=peer.public_key,
        rx_bytes=held.rx_bytes,
        tx_bytes=held.tx_bytes,
    )


def unknown_states(
    device: str, state: DeviceState, known: Collection[str]
) -> Iterator[CableState]:
    """A state for each peer of a device that is no cable of ours."""
    for key in sorted(state.peers):
        if key not in known:
            yield CableState(
                None, ConnectionStatus.NONE, f"no cable on {device} has this key", key=key
            )
