"""Which prefixes of remote clusters are routed: each is admitted or refused with a reason.

Admission is judged anew from what is stored, prefix by prefix: a refusal lifts by itself when its
cause goes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from submariner_core.api.model import EndpointObject
from submariner_core.api.naming import IPAddress, IPNetwork
from submariner_core.reconcile.prefixes import Prefixes

_NEVER = (
    (IPv4Network("0.0.0.0/8"), "unspecified addresses"),
    (IPv4Network("127.0.0.0/8"), "loopback addresses"),
    (IPv4Network("169.254.0.0/16"), "link-local addresses"),
    (IPv4Network("224.0.0.0/4"), "multicast addresses"),
    (IPv4Network("240.0.0.0/8"), "addresses of the node overlay (240.0.0.0/8)"),
    (IPv4Network("241.0.0.0/8"), "addresses of cables (241.0.0.0/8)"),
    (IPv4Network("255.255.255.255/32"), "the broadcast address"),
)


@dataclass(frozen=True, slots=True)
class OwnNetwork:
    """What no remote prefix may take from this cluster.

    ``cidrs`` are its cluster, service and global CIDRs; ``reserved`` are addresses that must stay
    reachable outside cables: the underlay's, the API server's, the broker's.
    """

    cluster_id: str
    cidrs: tuple[IPNetwork, ...]
    reserved: tuple[IPAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A prefix that is not routed, and why."""

    cluster_id: str
    prefix: IPNetwork
    reason: str

    def __str__(self) -> str:
        return f"{self.prefix} of cluster {self.cluster_id!r} is refused: {self.reason}"


@dataclass(frozen=True, slots=True)
class Admission:
    """The verdict: ``admitted`` has each remote cluster, its prefixes in the Endpoint's order."""

    admitted: Mapping[str, tuple[IPv4Network, ...]]
    refused: tuple[Refusal, ...] = ()


def claim_key(created: str, cluster_id: str) -> str:
    """The text that orders claims: lower is earlier.

    ``created`` is the broker's. It sorts like the pair of both, since a space sorts below whatever
    else stands in them.
    """
    return f"{created} {cluster_id}"


def admit(own: OwnNetwork, endpoints: Iterable[EndpointObject]) -> Admission:
    """Judge the prefixes of ``endpoints``, the one in use of each remote cluster.

    Earlier claims go first; an Endpoint without a claim (copied by upstream) goes after all that
    have one, in the order in which this store got them.
    """
    reserved = sorted({one for one in own.reserved if isinstance(one, IPv4Address)})
    claims = Prefixes()
    for cidr in own.cidrs:
        if isinstance(cidr, IPv4Network):
            claims.add(cidr, "this cluster")
    admitted: dict[str, tuple[IPv4Network, ...]] = {}
    refused: list[Refusal] = []
    for endpoint in sorted(endpoints, key=_claim):
        cluster_id = endpoint.spec.cluster_id
        if cluster_id == own.cluster_id:
            continue
        accepted: list[IPv4Network] = []
        for prefix in dict.fromkeys(endpoint.spec.subnets):
            if not isinstance(prefix, IPv4Network):
                refused.append(Refusal(cluster_id, prefix, "IPv4 end to end in this release"))
            elif reason := _objection(prefix, reserved, claims):
                refused.append(Refusal(cluster_id, prefix, reason))
            else:
                accepted.append(prefix)
        for prefix in accepted:
            claims.add(prefix, f"cluster {cluster_id!r}, which claimed it earlier")
        admitted[cluster_id] = tuple(accepted)
    return Admission(admitted, tuple(refused))


def _claim(endpoint: EndpointObject) -> tuple[bool, str, str]:
    meta = endpoint.meta
    claim = meta.created if endpoint.claimed is None else endpoint.claimed
    return endpoint.claimed is None, claim, endpoint.spec.cluster_id


def unroutable(prefix: IPv4Network) -> str:
    """Why no cluster whatever may have ``prefix``, ``""`` if one may."""
    if prefix.prefixlen == 0:
        return "it is the default route"
    for network, what in _NEVER:
        if prefix.overlaps(network):
            return f"it contains {what}"
    return ""


def _objection(prefix: IPv4Network, reserved: Sequence[IPv4Address], claims: Prefixes) -> str:
    """Why ``prefix`` is not admitted, ``""`` if it is. ``reserved`` is sorted."""
    if reason := unroutable(prefix):
        return reason
    place = bisect_left(reserved, prefix.network_address)
    if place < len(reserved) and reserved[place] in prefix:
        return f"it contains {reserved[place]}, which must be reached outside cables"
    overlap = claims.overlap(prefix)
    return "" if overlap is None else f"it overlaps {overlap[0]} of {overlap[1]}"
