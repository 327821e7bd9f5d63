"""A tunnel as words for ``ipsec whack``. Pure."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from submariner_libreswan.daemon import Terms
from submariner_libreswan.plane import Plane
from submariner_libreswan.pluto.proposals import offer, without_groups
from submariner_libreswan.tunnel import Mode, Pair, Tunnel

OURS = "submariner-cable-"
"""What every name of ours begins with; all else in pluto is somebody else's."""
USUAL_PORT = 4500
RETRANSMIT_TIMEOUT = 15
"""Seconds that a request is repeated, the liveness check's included; pluto's own is 60.

The tries are 0, 0.5, 1, 2, 4 and 8 s after the first; at 16 s it has failed.
"""


class Dialect(enum.Enum):
    """What an upstream gateway's Libreswan makes of words that leave open ESN and PFS."""

    EARLIER = "earlier"
    """As 4.10 does: no ESN transform in ESP proposals, no forward secrecy of child SAs."""
    LATER = "later"
    """ESN or not, and the IKE SA's group for child SAs."""

    @property
    def other(self) -> Dialect:
        """The one to try where this is not understood."""
        return Dialect.LATER if self is Dialect.EARLIER else Dialect.EARLIER


@dataclass(frozen=True, slots=True)
class Proof:
    """This end's certificate by its name in the NSS database, the CA's subject, the key's kind.

    Told both kinds, pluto 4.10 tries RSA with any key: all gateways must have the same kind.
    """

    nickname: str
    ca: str
    ecdsa: bool


def connection(
    tunnel: Tunnel,
    pair: Pair,
    terms: Terms,
    proof: Proof | None,
    dialect: Dialect = Dialect.EARLIER,
) -> tuple[str, ...]:
    """What adds the connection of a pair; ``dialect`` is for peers of upstream's.

    Peers of ours agree on no ESN, and on a group for child SAs.
    """
    return (
        "--name",
        tunnel.connection(pair),
        *_proof(proof),
        *("--encrypt", "--tunnel", "--ikev2"),
        *_proposals(tunnel, terms, dialect),
        *(("--forceencaps",) if tunnel.encapsulated else ()),
        *("--retransmit-timeout", str(RETRANSMIT_TIMEOUT)),
        *_plane(tunnel),
        *_this_end(tunnel, pair, proof),
        "--to",
        *_other_end(tunnel, pair, proof),
        *(("--dpdaction", "hold", "--dpddelay", str(max(1, round(terms.dpd)))) * bool(terms.dpd)),
    )


def routed(tunnel: Tunnel, terms: Terms) -> bool:
    """Whether policies are to stand before there is an SA, lest packets leave in clear.

    A connection that waits for a peer from anywhere cannot have any.
    """
    return terms.plane is Plane.POLICIES and tunnel.mode is not Mode.SERVER


def identities(words: Sequence[str]) -> tuple[str, str]:
    """Both ends' ids in the words of a connection."""
    found = [after for word, after in itertools.pairwise(words) if word == "--id"]
    return found[0], found[1]


def owner(connection_name: str) -> tuple[str, tuple[int, int]] | None:
    """The tunnel that a connection belongs to, and the places of its pair; ``None``: not ours."""
    name, _, right = connection_name.rpartition("-")
    name, _, left = name.rpartition("-")
    if not name.startswith(OURS) or not left.isdecimal() or not right.isdecimal():
        return None
    return name, (int(left), int(right))


def _proof(proof: Proof | None) -> tuple[str, ...]:
    if proof is None:
        return ("--psk",)
    return ("--ecdsa",) if proof.ecdsa else ("--rsasig",)


def _proposals(tunnel: Tunnel, terms: Terms, dialect: Dialect) -> Iterator[str]:
    offered = offer(terms.ike, terms.esp)
    secret = offered.pfs
    if offered.ike:
        yield from ("--ike", offered.ike)
    if tunnel.ours:
        yield "--no-esn"
    else:
        offered, secret = without_groups(terms.esp), dialect is Dialect.LATER
        yield from ("--esn", "--no-esn") * secret
    if secret:
        yield "--pfs"
    if offered.esp:
        yield from ("--esp", offered.esp)


def _plane(tunnel: Tunnel) -> tuple[str, ...]:
    if tunnel.interface is None:
        return ()
    return ("--ipsec-interface", str(tunnel.interface), "--overlapip")


def _this_end(tunnel: Tunnel, pair: Pair, proof: Proof | None) -> Iterator[str]:
    yield from ("--id", tunnel.local_id(pair), "--host", str(tunnel.local))
    yield from ("--client", str(pair.local))
    if tunnel.mode is not Mode.CLIENT or tunnel.local_port != USUAL_PORT:
        yield from ("--ikeport", str(tunnel.local_port))
    if tunnel.interface is not None:
        # with a next hop of its own, a standby's same subnets would be refused as a route in use
        yield from ("--nexthop", str(tunnel.local))
    if proof is not None:
        yield from ("--cert", proof.nickname, "--sendcert", "always")
    yield from ("--updown", "%disabled")  # routes are the core's


def _other_end(tunnel: Tunnel, pair: Pair, proof: Proof | None) -> Iterator[str]:
    server = tunnel.mode is Mode.SERVER
    yield from ("--id", tunnel.remote_id(pair))
    yield from ("--host", "%any" if server else str(tunnel.address))
    yield from ("--client", str(pair.remote))
    if not server:
        yield from ("--ikeport", str(tunnel.port))
    if proof is not None:
        yield from ("--ca", proof.ca)
