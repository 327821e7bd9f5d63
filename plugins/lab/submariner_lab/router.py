"""A cluster's way out where its nodes have no address on the underlay: a router that translates.

Each gateway has a public address on the router. New flows come in only on forwarded ports, 1:1; a
flow out keeps its port where that is forwarded, and gets a random one elsewhere, as with most
routers: who finds no open port cannot make himself one by sending first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from submariner_lab import namespaces, topology
from submariner_lab.blueprint import Blueprint, ClusterSite

DISCOVERY_PORT = 4490
CABLE_PORTS = range(4500, 4508)
"""The first cable driver's, one for each slot of the other side."""


class Router:
    """The router of one cluster; ``unforwarded`` are gateway ports that its owner forgot.

    Raises ``ValueError`` for a cluster that has none.
    """

    def __init__(
        self, blueprint: Blueprint, cluster: ClusterSite, unforwarded: Collection[int] = ()
    ) -> None:
        if cluster.router is None:
            raise ValueError(f"cluster {cluster.cluster_id} stands behind no router")
        self.site = cluster.router
        self._blueprint = blueprint
        self._cluster = cluster
        self._unforwarded = unforwarded

    def build(self) -> None:
        """Make the namespace: an uplink with all public addresses, a bridge for the nodes."""
        site = self.site
        namespaces.batch(topology.member_root(self._blueprint, site))
        namespaces.batch(topology.port_lines(site), self._blueprint.wan_netns)
        namespaces.batch(topology.router_lines(self._cluster, site), site.netns)
        namespaces.set_sysctls(site.netns, {"net.ipv4.ip_forward": "1"})
        namespaces.nft(site.netns, ruleset(self._cluster, self._unforwarded))

    def forward(self, *, unforwarded: Collection[int] = ()) -> None:
        """Forward every gateway port but these from now on."""
        anew = "table ip router {}\ndelete table ip router\n"
        namespaces.nft(self.site.netns, anew + ruleset(self._cluster, unforwarded))


def ruleset(cluster: ClusterSite, unforwarded: Collection[int]) -> str:
    """The router's translations, and its refusal of everything that nobody asked for."""
    inward, outward = zip(*_translations(cluster, unforwarded), strict=True)
    separator = "\n        "
    return f"""
table ip router {{
    chain prerouting {{
        type nat hook prerouting priority dstnat; policy accept;
        {separator.join(inward)}
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        {separator.join(outward)}
        oifname "{topology.UPLINK}" masquerade fully-random
    }}
    chain input {{
        type filter hook input priority filter; policy accept;
        iifname "{topology.UPLINK}" meta l4proto udp ct state new drop
    }}
    chain forward {{
        type filter hook forward priority filter; policy accept;
        iifname "{topology.UPLINK}" ct state new ct status & dnat == 0 drop
    }}
}}
"""


def _translations(cluster: ClusterSite, unforwarded: Collection[int]) -> Iterator[tuple[str, str]]:
    """For each gateway, what comes in to it and what goes out from it."""
    ports = [p for p in (DISCOVERY_PORT, *CABLE_PORTS) if p not in unforwarded]
    forwarded = "{ " + ", ".join(map(str, ports)) + " }"
    for node in cluster.nodes:
        if node.public is not None:
            own = f"ip saddr {node.address} udp sport {forwarded}"
            yield (
                f"ip daddr {node.public} udp dport {forwarded} dnat to {node.address}",
                f'oifname "{topology.UPLINK}" {own} snat to {node.public}',
            )
