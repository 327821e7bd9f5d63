"""What sources post to the gateway's one deciding task."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from submariner_core.api.cable import Cable, CableState, LocalGateway, Path
from submariner_core.api.network import Nexthop
from submariner_core.api.transport import Event as RecordEvent
from submariner_core.reconcile.cables import CableKey
from submariner_core.reconcile.election_state import Leadership
from submariner_core.reconcile.nat_discovery import Way


class StoreName(enum.StrEnum):
    """The two stores of a gateway."""

    DATASTORE = "datastore"
    BROKER = "broker"


@dataclass(frozen=True, slots=True)
class StoreChanged:
    """A store's watch yielded something."""

    store: StoreName
    event: RecordEvent


@dataclass(frozen=True, slots=True)
class StoreLost:
    """A store cannot be reached; what was read of it stays."""

    store: StoreName
    reason: str


@dataclass(frozen=True, slots=True)
class Led:
    """Leadership came or went."""

    leadership: Leadership


@dataclass(frozen=True, slots=True)
class Opened:
    """The drivers are open (again): this is what the gateway advertises.

    ``failures`` names the drivers that could not be opened and why; ``underlay_mtu`` is that of
    the device below, 0 if there is none.
    """

    own: LocalGateway
    failures: Mapping[str, str]
    underlay_mtu: int = 0


@dataclass(frozen=True, slots=True)
class Inherited:
    """What an earlier process left in the kernel, told before the drivers are open."""

    nexthops: tuple[Nexthop, ...]


@dataclass(frozen=True, slots=True)
class Observed:
    """What one driver holds now."""

    driver: str
    states: tuple[CableState, ...]


@dataclass(frozen=True, slots=True)
class Connected:
    """A cable is made."""

    driver: str
    cable: Cable
    path: Path


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """A cable could not be made."""

    driver: str
    cable: Cable
    reason: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A cable is gone, or (with ``reason``) could not be removed."""

    driver: str
    name: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Routed:
    """The kernel routes so: the cable that carries to each cluster.

    With a ``reason`` not all could be done: ``carriers`` has those that were, the rest stays.
    """

    carriers: Mapping[str, CableKey]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ProbeChanged:
    """The verdict on a cable's data path changed."""

    cable: str


@dataclass(frozen=True, slots=True)
class Discovered:
    """How remote gateways are reached, by cable name; ``problem``: why discovery cannot run."""

    ways: Mapping[str, Way]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The ``failover`` settings are now these."""

    warm: int
    evidence: bool


@dataclass(frozen=True, slots=True)
class Pinned:
    """The operator wants the gateway on ``node`` to lead.

    Empty: nobody in particular; ``None``: what was said before and is not stored is taken back.
    """

    node: str | None


@dataclass(frozen=True, slots=True)
class Cordoned:
    """This gateway's node is told to be emptied, or no longer."""

    cordoned: bool


@dataclass(frozen=True, slots=True)
class Detoured:
    """From now on these cables send by their second ones' paths, all others by their own."""

    paths: Mapping[CableKey, Path]


@dataclass(frozen=True, slots=True)
class Wake:
    """Time to look again: a moment that an earlier plan asked for has come."""


Event = (
    StoreChanged
    | StoreLost
    | Led
    | Opened
    | Inherited
    | Observed
    | Connected
    | ConnectFailed
    | Disconnected
    | Routed
    | ProbeChanged
    | Discovered
    | Reloaded
    | Pinned
    | Cordoned
    | Detoured
    | Wake
)
