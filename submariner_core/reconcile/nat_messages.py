"""What gateways say to each other to find out how they reach each other, and the answer to it.

An endpoint has two forms of id, the cable's name and, in newer upstream versions, that name with
the family (``…-v4``). Both are understood, and each message is answered in the form it came in.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from submariner_core.api.model import Endpoint

FAMILY = "-v4"


@dataclass(frozen=True, slots=True)
class Party:
    """A gateway as messages name it."""

    cluster_id: str
    endpoint_id: str


@dataclass(frozen=True, slots=True)
class Place:
    """An address as text, which may be anything, and a port."""

    address: str
    port: int


class Verdict(enum.IntEnum):
    """What a response says. Others than the first two mean: this is not whom you look for."""

    OK = 0
    NAT_DETECTED = 1
    UNKNOWN_CLUSTER = 2
    UNKNOWN_ENDPOINT = 3
    MALFORMED = 4


@dataclass(frozen=True, slots=True)
class Request:
    """Asks ``receiver`` whether it is that, and whether it sees the sender as that sees itself.

    ``source`` and ``destination`` are what the sender put on the packet. ``None``: left out, which
    makes the request malformed.
    """

    number: int
    sender: Party | None
    receiver: Party | None
    source: Place | None
    destination: Place | None


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to the request of that ``number``.

    ``verdict`` may be a number that we do not know. ``translated`` says what was changed on the
    request's way: source address, source port, destination address.
    """

    number: int
    verdict: int
    sender: Party | None
    receiver: Party | None
    received_from: Place | None
    translated: tuple[bool, bool, bool] = (False, False, False)


def endpoint_id(cable_name: str, *, suffixed: bool) -> str:
    """The id of an endpoint in one of its two forms."""
    return cable_name + FAMILY if suffixed else cable_name


def is_suffixed(identity: str) -> bool:
    """Whether an id names the family."""
    return identity.endswith(FAMILY)


def named(identity: str) -> str:
    """The cable's name in an id of either form."""
    return identity.removesuffix(FAMILY)


def answer(request: Request, came_from: Place, own: Endpoint) -> Response:
    """What this gateway answers to a request that arrived from ``came_from``.

    It tells what the sender cannot see, and only of the gateway that was asked for.
    """
    asked, source, destination = request.receiver, request.source, request.destination
    suffixed = asked is not None and is_suffixed(asked.endpoint_id)
    me = Party(own.cluster_id, endpoint_id(own.cable_name, suffixed=suffixed))
    translated = (False, False, False)
    if asked is None or request.sender is None or source is None or destination is None:
        verdict = Verdict.MALFORMED
    elif asked.cluster_id != own.cluster_id:
        verdict = Verdict.UNKNOWN_CLUSTER
    elif named(asked.endpoint_id) != own.cable_name:
        verdict = Verdict.UNKNOWN_ENDPOINT
    else:
        translated = (
            bool(source.address) and source.address != came_from.address,
            source.port != came_from.port,
            destination.address != str(own.private_ip),
        )
        verdict = Verdict.NAT_DETECTED if any(translated) else Verdict.OK
    return Response(request.number, verdict, me, request.sender, came_from, translated)
