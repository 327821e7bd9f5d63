"""Flows that a gateway translates: what one gateway tells its successor of each."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from ipaddress import IPv4Address


class FlowState(enum.IntEnum):
    """How far a flow is, by the kernel's numbers for TCP; ``NONE`` is every UDP flow's."""

    NONE = 0
    ESTABLISHED = 3
    FIN_WAIT = 4
    CLOSE_WAIT = 5


TCP, UDP = 6, 17
STATES = {
    TCP: (FlowState.ESTABLISHED, FlowState.FIN_WAIT, FlowState.CLOSE_WAIT),
    UDP: (FlowState.NONE,),
}
"""The protocols whose flows are told of, and in which states."""


@dataclass(frozen=True, slots=True)
class Way:
    """The addresses and ports that the packets of one direction carry."""

    source: IPv4Address
    source_port: int
    destination: IPv4Address
    destination_port: int

    def __str__(self) -> str:
        here = f"{self.source}:{self.source_port}"
        return f"{here} to {self.destination}:{self.destination_port}"

    @property
    def reverse(self) -> Way:
        """What an answer carries if nothing is translated."""
        return Way(self.destination, self.destination_port, self.source, self.source_port)


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow that was answered and is translated.

    ``forth`` is what its first packet carried, ``back`` what the answers carry before they are
    translated back. ``left`` is the number of seconds for which it is still remembered.
    """

    protocol: int
    forth: Way
    back: Way
    state: FlowState
    left: int

    def __str__(self) -> str:
        name = "tcp" if self.protocol == TCP else "udp"
        return f"{name} {self.forth}, answered by {self.back.source}:{self.back.source_port}"
