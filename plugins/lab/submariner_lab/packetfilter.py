"""The packet filter of a node as it is before we come: kube-proxy's and a CNI's.

Made by iptables-nft, as both of them do. The route agent must let through what crosses clusters.
"""

from __future__ import annotations

from submariner_lab.blueprint import ClusterSite, NodeSite

MARK = "0x4000"
"""kube-proxy's mark of packets to be masqueraded."""
SERVICE_PORT = 80
POD_PORT = 7000
"""Where the echo server of a pod listens; the service sends there."""


def ruleset(cluster: ClusterSite, node: NodeSite) -> str:
    """The tables ``filter`` and ``nat`` of a node, as ``iptables-restore`` reads them."""
    own = cluster.cluster_cidr
    service = f"-d {cluster.cluster_ip}/32 -p %s --dport {SERVICE_PORT}"
    backend = f"{cluster.backend.pod_address}:{POD_PORT}"
    hairpin = cluster.backend.pod_address
    services = "\n".join(
        f"-A KUBE-SERVICES {service % protocol} {what}"
        for protocol in ("tcp", "udp")
        for what in (
            f"! -s {own} -j MARK --set-xmark {MARK}/{MARK}",
            f"-s {hairpin} -j MARK --set-xmark {MARK}/{MARK}",
            f"-j DNAT --to-destination {backend}",
        )
    )
    return f"""\
*filter
:INPUT DROP
:FORWARD DROP
:OUTPUT ACCEPT
:KUBE-FORWARD -
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate INVALID -j DROP
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -p tcp -j ACCEPT
-A INPUT -s {own} -j ACCEPT
-A FORWARD -j KUBE-FORWARD
-A FORWARD -s {own} -j ACCEPT
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m mark --mark {MARK}/{MARK} -j ACCEPT
-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
:KUBE-SERVICES -
:KUBE-POSTROUTING -
-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A POSTROUTING -s {own} -d {own} -j RETURN
-A POSTROUTING -s {own} ! -d 224.0.0.0/4 -j MASQUERADE
-A POSTROUTING ! -s {own} -d {node.pod_subnet} -j RETURN
-A POSTROUTING ! -s {own} -d {own} -j MASQUERADE
{services}
-A KUBE-POSTROUTING -m mark ! --mark {MARK}/{MARK} -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark {MARK}
-A KUBE-POSTROUTING -j MASQUERADE
COMMIT
"""
