"""Which prefixes of remote clusters are routed: each is admitted or refused with a reason.

Admission is judged anew from what is stored, prefix by prefix: a refusal lifts by itself when its
cause goes.
"""

from __future__ import annotations

from bisect import bisect_left, insort
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

_NOTED = "it is refused by this cluster's leader, which knows more addresses"


@dataclass(frozen=True, slots=True)
class OwnNetwork:
    """What no remote prefix may take from this cluster.

    ``cidrs`` are its cluster, service and global CIDRs; ``reserved`` are addresses that must stay
    reachable outside cables: its nodes' and its stores'.
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
    have one, in the order in which this store got them. Where a cluster says that its gateways
    are counts as a claim of theirs: it takes nothing from an earlier one.
    """
    claims = Prefixes()
    for cidr in own.cidrs:
        if isinstance(cidr, IPv4Network):
            claims.add(cidr, "this cluster")
    reserved = sorted({one for one in own.reserved if isinstance(one, IPv4Address)})
    admitted: dict[str, tuple[IPv4Network, ...]] = {}
    refused: list[Refusal] = []
    for endpoint in sorted(endpoints, key=_claim):
        cluster_id = endpoint.spec.cluster_id
        if cluster_id == own.cluster_id:
            continue
        gateways = _cable_addresses(endpoint)
        misplaced = _misplaced(gateways, claims)
        for address in gateways:
            insort(reserved, address)
        accepted: list[IPv4Network] = []
        for prefix in dict.fromkeys(endpoint.spec.subnets):
            if not isinstance(prefix, IPv4Network):
                refused.append(Refusal(cluster_id, prefix, "IPv4 end to end in this release"))
            elif reason := misplaced or _objection(prefix, reserved, claims):
                refused.append(Refusal(cluster_id, prefix, reason))
            elif prefix in endpoint.refused:
                refused.append(Refusal(cluster_id, prefix, _NOTED))
            else:
                accepted.append(prefix)
        for prefix in accepted:
            claims.add(prefix, f"cluster {cluster_id!r}, which claimed it earlier")
        admitted[cluster_id] = tuple(accepted)
    return Admission(admitted, tuple(refused))


def holding(
    prefixes: Iterable[IPNetwork], addresses: Iterable[IPAddress]
) -> tuple[IPNetwork, ...]:
    """Those of ``prefixes`` that contain one of ``addresses``, in order."""
    reserved = sorted({one for one in addresses if isinstance(one, IPv4Address)})
    return tuple(
        prefix
        for prefix in prefixes
        if isinstance(prefix, IPv4Network) and _held(prefix, reserved) is not None
    )


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
    if (address := _held(prefix, reserved)) is not None:
        return f"it contains {address}, which must be reached outside cables"
    overlap = claims.overlap(prefix)
    return "" if overlap is None else f"it overlaps {overlap[0]} of {overlap[1]}"


def _held(prefix: IPv4Network, reserved: Sequence[IPv4Address]) -> IPv4Address | None:
    """The first of the sorted ``reserved`` that is in ``prefix``."""
    place = bisect_left(reserved, prefix.network_address)
    return reserved[place] if place < len(reserved) and reserved[place] in prefix else None


def _cable_addresses(endpoint: EndpointObject) -> tuple[IPv4Address, ...]:
    """Where cables to a cluster's gateways end."""
    listed = (entry.endpoint for entry in endpoint.gateways or ())
    ends = (
        one.public_ip if one.nat_enabled and one.public_ip is not None else one.private_ip
        for one in (endpoint.spec, *listed)
    )
    return tuple(dict.fromkeys(end for end in ends if isinstance(end, IPv4Address)))


def _misplaced(gateways: Iterable[IPv4Address], claims: Prefixes) -> str:
    """Why a cluster with ``gateways`` gets no route: a cable to one would lead into a claim."""
    for address in gateways:
        if (overlap := claims.overlap(IPv4Network(address))) is not None:
            return f"its gateway {address} lies in {overlap[0]} of {overlap[1]}"
    return ""
