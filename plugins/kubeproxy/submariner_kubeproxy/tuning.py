"""The sysctls that cross-cluster traffic needs."""

from __future__ import annotations

from collections.abc import Mapping

from submariner_core.kernel.neighbours import ASKING
from submariner_kubeproxy.node import NodeNetwork
from submariner_kubeproxy.overlay import DEVICE


def wanted(network: NodeNetwork) -> Mapping[str, str]:
    """Sysctl names (parts by ``/``, as under /proc/sys) and their values.

    Packets and their replies may take different ways while traffic moves, and always do on the
    overlay: the loose source check lets them in, and a liberal conntrack does not call half a
    connection invalid. The kernel takes the larger of ``all`` and the device for ``rp_filter``; it
    sends redirects unless both say 0.
    """
    values = {
        "net/ipv4/ip_forward": "1",
        "net/ipv4/conf/all/send_redirects": "0",
        "net/netfilter/nf_conntrack_tcp_be_liberal": "1",
    }
    values |= {f"net/ipv4/neigh/{DEVICE}/{name}": value for name, value in ASKING.items()}
    for device in network.devices:
        values[f"net/ipv4/conf/{device}/forwarding"] = "1"
        values[f"net/ipv4/conf/{device}/rp_filter"] = "2"
        values[f"net/ipv4/conf/{device}/send_redirects"] = "0"
    return values
