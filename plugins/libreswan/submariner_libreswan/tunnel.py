"""A cable as IPsec makes it: who the ends are, which subnet pairs, who calls. Pure.

Formulas of compat.md 5.2: both ends must come to the same ids from the same two endpoints.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from submariner_core.api.cable import Cable
from submariner_core.api.errors import CableError
from submariner_core.api.flags import is_set
from submariner_core.api.model import Endpoint
from submariner_core.api.naming import SLOTS, IPAddress, IPNetwork

PREFERRED_SERVER = "preferred-server"
"""The key of ``backend_config`` by which an end asks to be called only, and never to call."""
PROPOSALS = "proposals"
"""The key of ``backend_config`` that tells peers of ours what this end offers."""
FIRST_INTERFACE = 4500
"""Number of the XFRM interface for slot 0: its if_id, and part of its name."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")
"""What neither daemon takes for anything else; one octet tells how long vici's names are."""


class Mode(enum.StrEnum):
    """Which end calls: upstream's three ways, out of both ends' wish to be the server."""

    BIDIRECTIONAL = "bidirectional"
    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Pair:
    """One child SA: a local subnet and a remote one, by their places in both ends' lists."""

    left: int
    right: int
    local: IPNetwork
    remote: IPNetwork

    def __str__(self) -> str:
        return f"{self.local} = {self.remote}"


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A cable as a daemon is to hold it.

    ``local`` and ``remote`` are the private addresses, which name the ends even behind NAT;
    ``address`` and ``port`` are where the peer is called. ``calls``: this end calls first; the
    other one follows where that does not succeed. ``interface`` is the number of the XFRM
    interface (its if_id), ``None`` where policies alone choose the packets. ``named``: each pair
    has ids and a connection of its own, which are names and no addresses. ``offers`` is what the
    other end says it proposes, for people.
    """

    name: str
    cluster_id: str
    local: IPv4Address
    local_port: int
    remote: IPAddress
    address: IPAddress
    port: int
    mode: Mode
    calls: bool
    encapsulated: bool
    interface: int | None
    pairs: tuple[Pair, ...]
    ours: bool = True
    """Whether the peer is of this project, and no upstream gateway."""
    named: bool = False
    offers: str = ""

    @property
    def prefixes(self) -> tuple[IPNetwork, ...]:
        """The remote subnets, each once, in their order."""
        return tuple(dict.fromkeys(pair.remote for pair in self.pairs))

    def local_id(self, pair: Pair) -> str:
        """The IKE identity of this end: its address, or one for each pair (a name, no address)."""
        if not self.named:
            return str(self.local)
        return f"@{self.local}-{pair.left}-{pair.right}"

    def remote_id(self, pair: Pair) -> str:
        """The IKE identity of the other end: places swap, since it counts from its own side."""
        if not self.named:
            return str(self.remote)
        return f"@{self.remote}-{pair.right}-{pair.left}"

    def connection(self, pair: Pair) -> str:
        """Upstream's name of the connection that carries a pair."""
        return f"{self.name}-{pair.left}-{pair.right}"


def tunnel_of(
    own: Endpoint,
    cable: Cable,
    *,
    port: int,
    force_encaps: bool,
    interfaces: bool,
    certificates: bool = False,
) -> Tunnel:
    """The tunnel for a cable. Raises :class:`CableError` for a remote that cannot be reached.

    ``port`` is this end's UDP port, ``interfaces`` whether the kernel has XFRM interfaces.
    ``certificates`` prove addresses, and nothing else: no id is a name then.
    """
    remote, owner = cable.remote, f"cable {cable.name!r}"
    if not _NAME.fullmatch(cable.name):
        raise CableError(
            f"{owner}: an IPsec connection's name has 1 to 200 letters, digits, '.', '_' and '-': "
            "give its cluster another cluster_id"
        )
    if not isinstance(own.private_ip, IPv4Address) or remote.private_ip.version != 4:
        raise CableError(f"{owner}: IPsec cables are between IPv4 addresses in this release")
    host = cable.address
    if host.is_multicast or host.is_unspecified or host.is_loopback:
        raise CableError(
            f"{owner}: {host} is no unicast address: "
            "correct the private or public IP of the remote gateway"
        )
    if remote.private_ip == own.private_ip:
        raise CableError(
            f"{owner}: its gateway has this gateway's own private IP {own.private_ip}, by which "
            "both are told apart: give one of them another"
        )
    slot = cable.slot if cable.ours else 0
    if interfaces and slot not in SLOTS:
        raise CableError(f"{owner}: slot {slot} of the remote gateway is none of 0 to {SLOTS[-1]}")
    pairs = tuple(_pairs(own, remote))
    if not pairs:
        raise CableError(f"{owner}: neither end may be without subnets: set cluster_cidr at both")
    mode = mode_of(own, remote)
    return Tunnel(
        name=cable.name,
        cluster_id=remote.cluster_id,
        local=own.private_ip,
        local_port=port,
        remote=remote.private_ip,
        address=host,
        port=cable.port,
        mode=mode,
        calls=_calls(mode, own, remote, ours=cable.ours),
        encapsulated=cable.nat or force_encaps,
        interface=FIRST_INTERFACE + slot if interfaces else None,
        pairs=pairs,
        named=mode is not Mode.BIDIRECTIONAL and not certificates,
        offers=remote.backend_config.get(PROPOSALS, ""),
        ours=cable.ours,
    )


def mode_of(own: Endpoint, remote: Endpoint) -> Mode:
    """Upstream's choice out of both ends' ``preferred-server``; two servers go by their names."""
    ours, theirs = (is_set(one.backend_config, PREFERRED_SERVER) for one in (own, remote))
    if not ours and not theirs:
        return Mode.BIDIRECTIONAL
    if ours and theirs:
        return Mode.SERVER if own.cable_name > remote.cable_name else Mode.CLIENT
    return Mode.SERVER if ours else Mode.CLIENT


def interface_name(number: int) -> str:
    """The XFRM interface with this if_id, under the one name that pluto accepts too."""
    return f"ipsec{number}"


def check_distinct(tunnel: Tunnel, others: Iterator[Tunnel]) -> None:
    """Raise :class:`CableError` for a peer that cannot be told from another, or takes its subnets.

    Peers are told apart by their private addresses. A subnet of another cluster is never a
    second cluster's.
    """
    prefixes = tunnel.prefixes
    for other in others:
        if other.name == tunnel.name:
            continue
        if other.remote == tunnel.remote and other.cluster_id != tunnel.cluster_id:
            raise CableError(
                f"cable {tunnel.name!r}: private IP {tunnel.remote} is that of cable "
                f"{other.name!r} too, and IPsec tells peers apart by it: give one of the two "
                "gateways another"
            )
        if other.cluster_id == tunnel.cluster_id:
            continue
        taken = other.prefixes
        for prefix in prefixes:
            if any(prefix.overlaps(one) for one in taken):
                raise CableError(
                    f"cable {tunnel.name!r}: prefix {prefix} of cluster "
                    f"{tunnel.cluster_id!r} belongs to cluster {other.cluster_id!r} already: "
                    "give one cluster other CIDRs"
                )


def _pairs(own: Endpoint, remote: Endpoint) -> Iterator[Pair]:
    for left, local in enumerate(_carried(own)):
        for right, there in enumerate(_carried(remote)):
            yield Pair(left, right, local, there)


def _carried(endpoint: Endpoint) -> list[IPNetwork]:
    """Its subnets but the gateway's own address, which is what packets between gateways have."""
    return [
        subnet
        for subnet in endpoint.subnets
        if subnet.version == 4 and not str(subnet).startswith(f"{endpoint.private_ip}/")
    ]


def _calls(mode: Mode, own: Endpoint, remote: Endpoint, *, ours: bool) -> bool:
    """Whether this end calls at once.

    Two ends of ours that both called would make everything twice: the lower name calls. An
    upstream peer calls whatever we do, and may be out of our reach: so we call as well.
    """
    if mode is Mode.BIDIRECTIONAL and ours:
        return own.cable_name < remote.cable_name
    return mode is not Mode.SERVER
