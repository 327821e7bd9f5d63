"""A NAT between: one end behind it, which comes from another port, and roams."""

from __future__ import annotations

import asyncio

import pytest

from tests.plugins.libreswan.site import until

pytestmark = [pytest.mark.netns]

NAT = """
table ip translate {{
    chain out {{
        type nat hook postrouting priority 100;
        oifname "{device}" masquerade random
    }}
}}
"""


async def _behind_nat(underlay):
    """East on the underlay; west in a network of its own behind a router that translates."""
    east = underlay.gateway("east", "172.31.0.1")
    router = underlay.netns.create("router")
    outside, port = underlay.netns.link(router, underlay.wan, "172.31.9.9/16")
    underlay.netns.run(underlay.wan, f"ip link set {port} master wan")
    underlay.netns.run(router, "sysctl -qw net.ipv4.ip_forward=1")
    west = underlay.gateway("west", "192.168.7.2", lan=router)
    underlay.netns.run(router, "nft -f -", stdin=NAT.format(device=outside))
    await east.open()
    await west.open()
    await east.connect(west.endpoint, address="172.31.9.9", nat=True)
    await west.connect(east.endpoint, nat=True)
    return east, west, router, outside


@pytest.mark.timeout(150)
async def test_a_gateway_behind_nat_calls_and_is_reached(underlay):
    east, west, *_ = await _behind_nat(underlay)
    async with east.kept(), west.kept():
        await west.connected(east.endpoint)
        await east.connected(west.endpoint)
        east.ping(west.pods[0], 2)
        west.ping(east.pods[0], 2)
        if east.kind == "strongswan":
            await east.settled(1, 1)
            [sa] = [sa for _, sa in east.list_sas() if sa["state"] == b"ESTABLISHED"]
            assert sa["remote-host"] == b"172.31.9.9"
            assert sa["remote-port"] != b"4500"
            # east called in vain; it does not go on for ever
            await until(lambda: len(east.list_sas()) == 1)


@pytest.mark.timeout(150)
async def test_a_gateway_behind_nat_that_roams_is_followed(charons):
    east, west, router, outside = await _behind_nat(charons)
    async with east.kept(), west.kept():
        await west.connected(east.endpoint)
        await east.connected(west.endpoint)
        west.ping(east.pods[0], 2)
        for command in (
            f"ip addr flush dev {outside}",
            f"ip addr add 172.31.9.10/16 dev {outside}",
        ):
            charons.netns.run(router, command)
        async with asyncio.timeout(40):
            while True:
                try:
                    west.ping(east.pods[0])
                    east.ping(west.pods[0])
                    break
                except AssertionError:
                    await asyncio.sleep(0.1)
        await west.connected(east.endpoint)
        await east.connected(west.endpoint)
