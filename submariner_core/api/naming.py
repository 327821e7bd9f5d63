"""Names and addresses that upstream derives; both sides of a cable must derive the same."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

CLUSTER_ID_LABEL = "submariner-io/clusterID"
"""On every copy of an object outside its own cluster; absent on the originating object."""
EPOCH_ANNOTATION = "submariner.io/epoch"
GATEWAYS_ANNOTATION = "submariner.io/gateways"
CLAIMED_ANNOTATION = "submariner.io/claimed"
REFUSED_ANNOTATION = "submariner.io/refused"
SLOT_ANNOTATION = "submariner.io/slot"
READY_ANNOTATION = "submariner.io/ready"
DRAINING_ANNOTATION = "submariner.io/draining"
FLOWS_ANNOTATION = "submariner.io/flows"
FLOWS_TAKEN_ANNOTATION = "submariner.io/flows-taken"
PINNED_ANNOTATION = "submariner.io/pinned"
"""On a cluster's own Cluster record in its datastore: the host name of whom the operator wants."""
TRANSITIONS_ANNOTATION = "submariner.io/transitions"
ADDRESS_ANNOTATION = "submariner.io/address"
CARRIES_ANNOTATION = "submariner.io/carries"
UPDATE_TIMESTAMP_ANNOTATION = "update-timestamp"

DETOUR_SUFFIX = "-detour"
"""Of the cable name of a gateway's second cables, in its cluster's list of gateways only."""

CABLE_OCTET = 241
"""First octet of a cable's tunnel address (upstream's vxlan cable)."""
OVERLAY_OCTET = 240
"""First octet of a node's address on ``vx-submariner``."""

SLOTS = range(8)
"""Slots of a cluster's gateways; ports and devices are numbered by them."""


def sanitise(text: str) -> str:
    """``text`` as an object name: lower case, anything unusual a dash, no dash at either end.

    Raises ``ValueError`` when nothing is left.
    """
    lowered = text.lower()
    name = "".join(c if c.isdigit() or c.islower() or c in "-." else "-" for c in lowered)
    name = name.strip("-")
    if not name:
        raise ValueError(f"{text!r} leaves no object name")
    return name


def cable_name(cluster_id: str, private_ip: IPAddress) -> str:
    """The name of the cable *to* the gateway with ``private_ip`` in ``cluster_id``."""
    address = str(private_ip).replace(".", "-").replace(":", "-")
    return f"submariner-cable-{cluster_id}-{address}"


def endpoint_name(cluster_id: str, cable: str) -> str:
    """Object name of an Endpoint. Raises ``ValueError`` if either part is empty."""
    if not cluster_id or not cable:
        raise ValueError("an Endpoint's name needs a cluster id and a cable name")
    return sanitise(f"{cluster_id}-{cable}")


def tunnel_address(private_ip: IPv4Address, first_octet: int) -> IPv4Interface:
    """``private_ip`` with its first octet replaced, in a /8: 241 on cables, 240 on the overlay."""
    low = int(private_ip) & 0x00FFFFFF
    return IPv4Interface((int(IPv4Address(first_octet << 24)) | low, 8))


def lone_address(private_ip: IPAddress, first_octet: int) -> IPv4Interface:
    """As :func:`tunnel_address`, of no network: for a device that only needs to have one.

    A device without an address has a strict reverse-path filter where it was set loose.
    """
    low = int(private_ip) & 0x00FFFFFF
    return IPv4Interface((int(IPv4Address(first_octet << 24)) | low, 32))


def device_mac(prefix: tuple[int, int], private_ip: IPv4Address) -> str:
    """The fixed MAC of one of our tunnel devices: two octets, then the private IP's four.

    Peers compute it, so neighbour and FDB entries are permanent and nothing is flooded.
    """
    return ":".join(f"{octet:02x}" for octet in (*prefix, *private_ip.packed))


CABLE_MAC = (0x02, 0xF1)
OVERLAY_MAC = (0x02, 0xF0)
