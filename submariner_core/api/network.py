"""What a node's network holds, as frozen values. Equal values mean: nothing to do."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface

from submariner_core.api.naming import IPAddress, IPNetwork

PROTOCOL = 4
"""``RTPROT_STATIC``: what upstream's routes carry, kept so that its tools list ours alike."""


@dataclass(frozen=True, slots=True)
class Link:
    """A network device as observed. ``kind`` is the kernel's (``vxlan``, ``bridge``, …) or "".

    ``vxlan`` and ``if_id`` are of devices of kind ``vxlan`` and ``xfrm``.
    """

    name: str
    index: int
    kind: str
    up: bool
    mtu: int
    mac: str
    alias: str = ""
    vxlan: VxlanSettings | None = None
    if_id: int | None = None


@dataclass(frozen=True, slots=True)
class VxlanSettings:
    """The properties of a VXLAN device that cannot be changed once it exists."""

    vni: int
    port: int
    local: IPAddress | None = None
    learning: bool = False


@dataclass(frozen=True, slots=True)
class Vxlan:
    """A VXLAN device as it should be. ``mtu`` and ``mac`` are changed in place."""

    name: str
    settings: VxlanSettings
    mtu: int
    mac: str


@dataclass(frozen=True, slots=True)
class Xfrm:
    """An XFRM interface as it should be, bound to no device. ``mtu`` is changed in place.

    What is routed to it is encrypted by the IPsec policies of ``if_id`` (from 1), which cannot be
    changed and which no other XFRM interface of the namespace can have.
    """

    name: str
    if_id: int
    mtu: int


@dataclass(frozen=True, slots=True)
class Address:
    """An address on a device."""

    device: str
    interface: IPv4Interface | IPv6Interface


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A permanent neighbour entry: who answers for ``address`` on ``device``."""

    device: str
    address: IPAddress
    mac: str


FLOOD = "00:00:00:00:00:00"
"""The MAC of entries that take what no other entry takes; it may have several destinations."""


@dataclass(frozen=True, slots=True)
class ForwardingEntry:
    """A permanent VXLAN FDB entry. The all-zero MAC may have several destinations.

    ``port`` is ``None`` where the peer listens on the device's own port.
    """

    device: str
    mac: str
    destination: IPAddress
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Nexthop:
    """A nexthop object. Routes point at ``id``; replacing it moves all of them at once.

    With neither ``device`` nor ``via`` it is a blackhole.
    """

    id: int
    device: str | None
    via: IPAddress | None = None
    onlink: bool = False


class RouteType(enum.IntEnum):
    """The route types we make (``RTN_*``)."""

    UNICAST = 1
    BLACKHOLE = 6
    UNREACHABLE = 7


@dataclass(frozen=True, slots=True)
class Route:
    """A route. Either ``nexthop`` (an object's id), or ``device`` and/or ``via``, or a type."""

    destination: IPNetwork
    table: int
    type: RouteType = RouteType.UNICAST
    nexthop: int | None = None
    device: str | None = None
    via: IPAddress | None = None
    source: IPAddress | None = None
    metric: int = 0
    mtu: int | None = None
    onlink: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy routing rule. Give it a source, a destination or an incoming device.

    ``table`` ``None`` makes the rule itself answer "unreachable". Upstream's ``from all`` rules
    can be expressed, so that they can be found and replaced.
    """

    priority: int
    table: int | None
    source: IPNetwork | None = None
    destination: IPNetwork | None = None
    incoming: str | None = None


@dataclass(frozen=True, slots=True)
class RouteLookup:
    """The kernel's answer to "how would you send there?"."""

    device: str
    via: IPAddress | None
    source: IPAddress | None
    mtu: int
