"""A flow keeps the source that its first packet was given, until it is forgotten."""

from __future__ import annotations

import socket
from ipaddress import IPv4Network

import pytest

from submariner_core.kernel import conntrack

pytestmark = pytest.mark.netns

POD, NODE, REMOTE = "10.9.0.2", "192.0.2.1", "10.8.0.2"
PODS, REMOTES = IPv4Network("10.9.0.0/16"), IPv4Network("10.8.0.0/16")
MASQUERADE = """
table ip t {
    chain nat {
        type nat hook postrouting priority srcnat;
        ip saddr 10.9.0.0/16 masquerade
    }
}
"""


@pytest.fixture
def ends(netns_factory):
    here, there = netns_factory.create("here"), netns_factory.create("there")
    device, _ = netns_factory.link(here, there, f"{NODE}/24", "192.0.2.2/24")
    netns_factory.run(here, f"ip addr add {POD}/32 dev lo")
    netns_factory.run(here, f"ip route add {REMOTE} via 192.0.2.2 dev {device}")
    netns_factory.run(there, f"ip addr add {REMOTE}/32 dev lo")
    netns_factory.run(there, f"ip route add {POD} via {NODE}")
    netns_factory.run(here, "nft -f -", stdin=MASQUERADE)
    return here, there


def udp(netns, where, address):
    with netns.entered(where):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(5)
    made.bind((address, 0))
    return made


async def test_a_forgotten_flow_meets_the_rules_as_they_are_now(netns_factory, ends) -> None:
    here, there = ends
    with udp(netns_factory, here, POD) as pod, udp(netns_factory, there, REMOTE) as remote:

        def seen() -> str:
            pod.sendto(b"x", remote.getsockname())
            return remote.recvfrom(10)[1][0]

        assert seen() == NODE
        netns_factory.run(here, f"nft insert rule ip t nat ip daddr {REMOTE} accept")
        assert seen() == NODE
        with netns_factory.entered(here):
            assert await conntrack.forget_masqueraded([PODS], [IPv4Network("10.7.0.0/16")]) == 0
            assert await conntrack.forget_masqueraded([REMOTES], [REMOTES]) == 0
            assert await conntrack.forget_masqueraded([PODS], [REMOTES]) == 1
        assert seen() == POD
        with netns_factory.entered(here):
            assert await conntrack.forget_masqueraded([PODS], [REMOTES]) == 0


async def test_probes_are_forgotten_as_well(netns_factory, ends) -> None:
    here, _ = ends
    netns_factory.run(here, f"ping -c1 -W2 -I {POD} {REMOTE}")
    with netns_factory.entered(here):
        assert await conntrack.forget_masqueraded([PODS], [REMOTES]) == 1
