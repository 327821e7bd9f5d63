"""What an observation says of each cable. Pure but for the memory of counters and waits."""

from __future__ import annotations

from collections.abc import Collection

from submariner_core.api.cable import CableState
from submariner_core.api.model import ConnectionStatus
from submariner_libreswan.daemon import ChildState, TunnelState, missing
from submariner_libreswan.tunnel import Tunnel

PATIENCE = 30.0
"""Seconds that making the child SAs may take before that counts as failed."""


class Counters:
    """Octets per tunnel over all its child SAs, those that were rekeyed away included."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, tuple[int, int]]] = {}
        self._gone: dict[str, tuple[int, int]] = {}

    def total(self, name: str, children: Collection[ChildState]) -> tuple[int, int]:
        """Received and sent, with what these children have now."""
        seen = self._seen.setdefault(name, {})
        now = {child.key: (child.rx_bytes, child.tx_bytes) for child in children}
        rx, tx = self._gone.get(name, (0, 0))
        for key in [key for key in seen if key not in now]:
            lost = seen.pop(key)
            rx, tx = rx + lost[0], tx + lost[1]
        self._gone[name] = (rx, tx)
        seen |= now
        return rx + sum(one[0] for one in now.values()), tx + sum(one[1] for one in now.values())

    def keep(self, names: Collection[str]) -> None:
        """Forget all tunnels but these."""
        for memory in (self._seen, self._gone):
            for name in [name for name in memory if name not in names]:
                del memory[name]


def cable_state(
    tunnel: Tunnel, state: TunnelState, octets: tuple[int, int], waited: float, program: str
) -> CableState:
    """``connected`` once every subnet pair has its child SA; whether packets pass, probes tell."""
    lacking = missing(tunnel, state)
    where = f"UDP {tunnel.address}:{tunnel.port}"
    wanted = len(tunnel.pairs)
    if not lacking:
        age = max((child.age for child in state.children if child.stands), default=0.0)
        status, said = ConnectionStatus.CONNECTED, f"{wanted} child SAs, the oldest {age:.0f} s"
    elif len(lacking) < wanted:
        # answered probes would turn an error into "connected", while some subnets are cut off
        status = ConnectionStatus.CONNECTING
        said = f"{wanted - len(lacking)} of {wanted} child SAs with {where}"
        said += f": {state.error}" if state.error else ""
    elif state.error:
        status, said = ConnectionStatus.ERROR, f"{where}: {state.error}"
    else:
        late = waited > PATIENCE
        status = ConnectionStatus.ERROR if late else ConnectionStatus.CONNECTING
        said = f"{wanted - len(lacking)} of {wanted} child SAs with {where}"
        if late:
            said += (
                f" after {waited:.0f} s: is the port open there, and does it know this gateway?"
            )
    return CableState(
        tunnel.name,
        status,
        f"{program}: {said}",
        key=tunnel.name,
        rx_bytes=octets[0],
        tx_bytes=octets[1],
    )
