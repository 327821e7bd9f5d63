"""The contract of an IKE daemon: what the driver asks of charon and of pluto alike."""

from __future__ import annotations

import abc
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from submariner_core.api.errors import CableError
from submariner_libreswan.credentials import Credentials
from submariner_libreswan.plane import Plane
from submariner_libreswan.tunnel import Pair, Tunnel


class DaemonGone(CableError):
    """The daemon does not run, or hung up."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What all tunnels have in common; ``dpd`` is in seconds, 0 for none.

    ``ike`` and ``esp`` are proposals in strongSwan's words (``aes256gcm16-prfsha384-ecp384``),
    best first; empty: the daemon's own.
    """

    port: int
    plane: Plane
    credentials: Credentials
    ike: tuple[str, ...] = ()
    esp: tuple[str, ...] = ()
    dpd: float = 30.0
    debug: bool = False


@dataclass(frozen=True, slots=True)
class ChildState:
    """A child SA: the pair it carries, its octets, and its age in seconds.

    One that does not ``stand`` was replaced or is being deleted; its octets still count.
    """

    pair: tuple[int, int]
    key: str
    rx_bytes: int = 0
    tx_bytes: int = 0
    age: float = 0.0
    stands: bool = True


@dataclass(frozen=True, slots=True)
class TunnelState:
    """What a daemon holds under a name of ours.

    ``calling``: an IKE SA is being made. ``error`` is why the last try failed, in words for
    people; empty once a child SA stands.
    """

    name: str
    children: tuple[ChildState, ...] = ()
    calling: bool = False
    error: str = ""


def missing(tunnel: Tunnel, state: TunnelState | None) -> set[tuple[int, int]]:
    """The pairs of a tunnel that have no child SA."""
    wanted = {(pair.left, pair.right) for pair in tunnel.pairs}
    children = state.children if state is not None else ()
    return wanted - {child.pair for child in children if child.stands}


class Daemon(abc.ABC):
    """One IKE daemon, ours or the host's. Verbs are idempotent.

    Failures are raised as :class:`CableError`. No method waits for a peer.
    """

    name: ClassVar[str]
    """As the option ``daemon`` names it."""
    program: ClassVar[str]
    """The process, for people."""

    @abc.abstractmethod
    async def start(self, terms: Terms) -> bool:
        """Start the daemon, or adopt the one that runs; true if it holds nothing of ours.

        Takes up ``terms``: credentials and settings for all tunnels that are loaded from now on.
        """

    @abc.abstractmethod
    async def load(self, tunnel: Tunnel) -> None:
        """Have the daemon know a tunnel, so that it may be called and answers calls.

        A tunnel that is loaded already and differs is replaced; what does not differ keeps its
        SAs. Does not call the peer.
        """

    @abc.abstractmethod
    async def call(self, tunnel: Tunnel, pairs: Collection[Pair]) -> None:
        """Begin to make child SAs for these pairs; returns at once."""

    @abc.abstractmethod
    async def unload(self, name: str) -> None:
        """End a tunnel's SAs and forget it; an unknown name is fine."""

    @abc.abstractmethod
    async def observe(self) -> Sequence[TunnelState]:
        """Everything that the daemon holds under names of ours, tunnels without SAs included.

        Raises :class:`DaemonGone` when it does not run.
        """

    @abc.abstractmethod
    async def changed(self) -> None:
        """Return as soon as SAs may have changed, or the daemon has gone."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Hang up; daemon, SAs and packets go on."""

    @abc.abstractmethod
    async def stop(self) -> None:
        """Forget all tunnels of ours, and end the daemon if it is ours. Works unopened."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What metrics show. ``restarts`` counts daemons that died; ``rekeys`` child SAs replaced."""

    daemon: str = ""
    plane: str = ""
    restarts: int = 0
    gap: float = 0.0
    children: Mapping[str, int] = field(default_factory=dict)
