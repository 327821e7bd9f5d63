"""The ``ip`` commands that make a lab: pure functions of its blueprint.

A *root* line runs in our own namespace (it makes a namespace or a pair of devices across two);
the other lines run inside the namespace that they are given for.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from submariner_lab.blueprint import (
    UNDERLAY,
    WAN_ADDRESS,
    Blueprint,
    ClusterSite,
    Member,
    NodeSite,
)

BRIDGE = "br0"
UPLINK = "eth0"
CNI_DEVICE = "cni0"
POD_PORT = "vethpod"

NODE_SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.ip_local_reserved_ports": "32780,32782",
    "net.ipv4.conf.all.rp_filter": "1",
    "net.ipv4.conf.default.rp_filter": "1",
    "net.ipv4.conf.*.rp_filter": "1",
}
"""As a hardened node has them; ``default`` holds for devices that come later.

The reserved ports are those of /readyz: whoever asks a daemon that does not listen yet would
otherwise, once in a while, be given that very port to ask from, and talk to himself.
"""


def wan_root(blueprint: Blueprint) -> list[str]:
    """Make the wan namespace."""
    return [f"netns add {blueprint.wan_netns}"]


def wan_lines() -> list[str]:
    """The underlay's bridge; its address is everyone's default gateway and leads nowhere."""
    return [
        "link set lo up",
        f"link add {BRIDGE} type bridge mcast_snooping 0",
        f"address add {WAN_ADDRESS}/{UNDERLAY.prefixlen} dev {BRIDGE}",
        f"link set {BRIDGE} up",
    ]


def member_root(blueprint: Blueprint, member: Member, switch: str = "") -> list[str]:
    """Make a member's namespace and plug it into the wan, or into another ``switch``."""
    return [
        f"netns add {member.netns}",
        _veth(UPLINK, member.netns, member.name, switch or blueprint.wan_netns),
    ]


def port_lines(member: Member) -> list[str]:
    """Attach a member's port to the bridge, where that is."""
    return [f"link set {member.name} master {BRIDGE} up"]


def member_lines(
    member: Member, lan: IPv4Network = UNDERLAY, gateway: IPv4Address = WAN_ADDRESS
) -> list[str]:
    """Loopback, uplink, address and default route of a member."""
    return [
        "link set lo up",
        f"address add {member.address}/{lan.prefixlen} dev {UPLINK}",
        f"link set {UPLINK} up",
        f"route add default via {gateway}",
    ]


def router_lines(cluster: ClusterSite, router: Member) -> list[str]:
    """A member that is a cluster's router: its public addresses, and the bridge of the nodes."""
    public = (node.public for node in cluster.nodes if node.public is not None)
    return [
        *member_lines(router),
        *(f"address add {address}/{UNDERLAY.prefixlen} dev {UPLINK}" for address in public),
        f"link add {BRIDGE} type bridge mcast_snooping 0",
        f"address add {cluster.gateway_address}/{cluster.lan.prefixlen} dev {BRIDGE}",
        f"link set {BRIDGE} up",
    ]


def node_root(blueprint: Blueprint, node: NodeSite) -> list[str]:
    """Make a node's and its pod's namespaces with the cables between them."""
    return [
        *member_root(blueprint, node, blueprint.switch_of(node)),
        f"netns add {node.pod_netns}",
        _veth(UPLINK, node.pod_netns, POD_PORT, node.netns),
    ]


def node_lines(blueprint: Blueprint, node: NodeSite) -> list[str]:
    """A member that is a node: CNI bridge, its pod's port, host-gw routes to the other nodes."""
    cluster = blueprint.cluster_of(node)
    peers = (n for n in cluster.nodes if n != node)
    return [
        *member_lines(node, cluster.lan, cluster.gateway_address),
        f"link add {CNI_DEVICE} type bridge",
        f"address add {node.cni_address}/{node.pod_subnet.prefixlen} dev {CNI_DEVICE}",
        f"link set {CNI_DEVICE} up",
        f"link set {POD_PORT} master {CNI_DEVICE} up",
        f"link set {POD_PORT} type bridge_slave hairpin on",
        *(f"route add {peer.pod_subnet} via {peer.address}" for peer in peers),
    ]


def pod_lines(node: NodeSite) -> list[str]:
    """A pod's own side."""
    return [
        "link set lo up",
        f"address add {node.pod_address}/{node.pod_subnet.prefixlen} dev {UPLINK}",
        f"link set {UPLINK} up",
        f"route add default via {node.cni_address}",
    ]


def _veth(name: str, netns: str, peer: str, peer_netns: str) -> str:
    return f"link add {name} netns {netns} type veth peer name {peer} netns {peer_netns}"
