"""The contract of a broker transport. The same plugin serves as datastore and as broker.

A transport moves plain records and knows nothing of gateways. One transport object speaks to one
store; a gateway has two of them: its own cluster's datastore and the broker.
"""

from __future__ import annotations

import abc
import enum
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field

from submariner_core.api.naming import IPAddress


class Kind(enum.StrEnum):
    """The kinds of records that are exchanged, by their ``submariner.io/v1`` names."""

    CLUSTER = "Cluster"
    ENDPOINT = "Endpoint"
    GATEWAY = "Gateway"
    ROUTE_AGENT = "RouteAgent"


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """Names one record in one store."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}"


@dataclass(frozen=True, slots=True)
class Record:
    """One stored object, undecoded.

    ``body`` holds the object's ``spec`` or ``status`` under that key, as JSON values. ``created``
    is the store's own and sorts by arrival in that store: ``put`` ignores the caller's.
    """

    ref: Ref
    body: Mapping[str, object] = field(hash=False)
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    created: str = ""


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to write for a cluster: refused once that cluster's Cluster record is above."""

    cluster_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All records of the watched kinds, as of one moment. What is not in it is not stored."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Put:
    """A record was created or changed."""

    record: Record


@dataclass(frozen=True, slots=True)
class Deleted:
    """A record is gone."""

    ref: Ref


Event = Snapshot | Put | Deleted


@dataclass(frozen=True, slots=True)
class NodeMarks:
    """What a cluster says of one of its nodes."""

    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)


class Transport(abc.ABC):
    """One store. Every method raises :class:`StoreUnavailable` when it cannot be reached.

    No method retries: the core owns back-off. Every method returns or raises within seconds, save
    ``watch``, which is meant to last.
    """

    @abc.abstractmethod
    async def put(self, record: Record, fence: Fence | None) -> None:
        """Create or replace a record, keeping ``created`` of one that is there.

        Writes nothing when nothing differs. With a fence, raises :class:`StaleEpoch` when the
        annotation ``submariner.io/epoch`` of the fence's cluster's Cluster record, or of the
        stored record of this ref if it is that cluster's, is above ``fence.epoch``; check and
        write are one step. The Cluster record is the one named after the cluster id
        (``naming.sanitise``); a record is of the cluster that its label
        ``submariner-io/clusterID`` names, without one of the store's own.
        """

    @abc.abstractmethod
    async def delete(self, ref: Ref, fence: Fence | None) -> None:
        """Delete a record; one that is not there is fine. The fence is as for ``put``."""

    @abc.abstractmethod
    def watch(self, kinds: Collection[Kind]) -> AsyncIterator[Event]:
        """A Snapshot of these kinds first, and again after any gap; changes in between.

        Raises :class:`StoreUnavailable` when the store goes away; the core watches again. Raises
        :class:`KindForbidden` for a kind that may not be read; the core may ask without it.
        """

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """Addresses at which the store is reached: no remote prefix that holds one is routed.

        Those known so far; a name may come to lead elsewhere. None for a store on this host.
        """
        return ()

    async def watch_cordoned(self, node: str) -> AsyncIterator[bool]:
        """Whether the cluster wants ``node`` emptied: at once, and again whenever that changes.

        For a datastore that also knows nodes (Kubernetes' ``spec.unschedulable``): a gateway on
        such a node gives the lead away and is no successor. Lasts and fails as ``watch`` does. The
        default knows nothing of nodes and ends without a word; it is not asked again.
        """
        nothing: tuple[bool, ...] = ()
        for cordoned in nothing:
            yield cordoned

    async def read_node(self, node: str) -> NodeMarks | None:
        """The labels and annotations of ``node``, asked for once, at a daemon's start.

        For a datastore that also knows nodes; ``None`` where there is no such node, and by
        default.
        """
        return None

    async def read_load_balancer(self, service: str) -> tuple[str, ...] | None:
        """Where the load balancer of the cluster's Service ``service`` is reached.

        IP addresses and host names, in the order in which the cluster tells them; none until it
        has an address. ``None`` where there is no such Service, and by default. For a datastore
        with :data:`Capability.LOAD_BALANCERS`, asked each time the own public address is looked
        for.
        """
        return None

    async def close(self) -> None:
        """Release connections. May be called twice."""
        return
