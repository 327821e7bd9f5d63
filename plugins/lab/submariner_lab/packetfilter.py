"""The packet filter of a node as it is before we come: kube-proxy's and a CNI's.

In the tables that iptables-nft makes. The route agent must let through what crosses clusters.
"""

from __future__ import annotations

from submariner_lab.blueprint import ClusterSite, NodeSite

MARK = "0x4000"
"""kube-proxy's mark of packets to be masqueraded."""
SERVICE_PORT = 80
POD_PORT = 7000
"""Where the echo server of a pod listens; the service sends there."""


def ruleset(cluster: ClusterSite, node: NodeSite) -> str:
    """The tables ``ip filter`` and ``ip nat`` of a node."""
    own = cluster.cluster_cidr
    service = f"ip daddr {cluster.cluster_ip}"
    backend = f"{cluster.backend.pod_address}:{POD_PORT}"
    hairpin = cluster.backend.pod_address
    ports = f"th dport {SERVICE_PORT}"
    l4 = "meta l4proto { tcp, udp }"
    return f"""
table ip filter {{
    chain INPUT {{
        type filter hook input priority filter; policy drop;
        iifname "lo" accept
        ct state invalid drop
        ct state related,established accept
        meta l4proto {{ icmp, tcp }} accept
        ip saddr {own} accept
    }}
    chain FORWARD {{
        type filter hook forward priority filter; policy drop;
        jump KUBE-FORWARD
        ip saddr {own} accept
    }}
    chain OUTPUT {{
        type filter hook output priority filter; policy accept;
    }}
    chain KUBE-FORWARD {{
        ct state invalid drop
        meta mark & {MARK} == {MARK} accept
        ct state related,established accept
    }}
}}
table ip nat {{
    chain PREROUTING {{
        type nat hook prerouting priority dstnat; policy accept;
        jump KUBE-SERVICES
    }}
    chain OUTPUT {{
        type nat hook output priority -100; policy accept;
        jump KUBE-SERVICES
    }}
    chain POSTROUTING {{
        type nat hook postrouting priority srcnat; policy accept;
        jump KUBE-POSTROUTING
        ip saddr {own} ip daddr {own} return
        ip saddr {own} ip daddr != 224.0.0.0/4 masquerade
        ip saddr != {own} ip daddr {node.pod_subnet} return
        ip saddr != {own} ip daddr {own} masquerade
    }}
    chain KUBE-SERVICES {{
        {service} {l4} {ports} ip saddr != {own} meta mark set meta mark | {MARK}
        {service} {l4} {ports} ip saddr {hairpin} meta mark set meta mark | {MARK}
        {service} {l4} {ports} dnat to {backend}
    }}
    chain KUBE-POSTROUTING {{
        meta mark & {MARK} != {MARK} return
        meta mark set meta mark ^ {MARK}
        masquerade
    }}
}}
"""
