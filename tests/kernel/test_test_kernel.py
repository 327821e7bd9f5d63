"""The kernel that tests run under where the machine's own lacks a protocol."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.kernel, pytest.mark.netns]

KEY = "0x" + "07" * 20
STATE = f"proto esp spi 7 reqid 7 mode tunnel aead rfc4106(gcm(aes)) {KEY} 128"


def test_wireguard_links_can_be_made_and_take_a_key(shell, kernel):
    shell("ip link add wg0 type wireguard; ip link set wg0 up")
    assert "wireguard" in shell("ip -d link show wg0")


async def test_our_kernel_room_sees_a_wireguard_link(shell, kernel):
    shell("ip link add wg0 mtu 1380 type wireguard; ip link set wg0 up")
    link = await kernel.links.get("wg0")
    assert link is not None
    assert link.mtu == 1380
    assert link.up


def test_packets_pass_through_esp(netns_factory):
    one, other = netns_factory.create("one"), netns_factory.create("other")
    netns_factory.link(one, other, "10.0.0.1/24", "10.0.0.2/24")
    for namespace, mine, its in ((one, 1, 2), (other, 2, 1)):
        for source, target in ((mine, its), (its, mine)):
            state = f"src 10.0.0.{source} dst 10.0.0.{target} {STATE}"
            netns_factory.run(namespace, f"ip xfrm state add {state}")
        for source, target, way in ((mine, its, "out"), (its, mine, "in")):
            ends = f"src 10.0.0.{source} dst 10.0.0.{target}"
            policy = f"src 10.9.{source}.1 dst 10.9.{target}.1 dir {way} tmpl {ends}"
            netns_factory.run(
                namespace, f"ip xfrm policy add {policy} proto esp reqid 7 mode tunnel"
            )
        netns_factory.run(namespace, f"ip addr add 10.9.{mine}.1/32 dev lo")
        netns_factory.run(
            namespace, f"ip route add 10.9.{its}.1 via 10.0.0.{its} src 10.9.{mine}.1"
        )
    netns_factory.run(one, "ping -c 3 -i 0.2 -w 5 10.9.2.1")
    held = netns_factory.run(other, "ip -s xfrm state list src 10.0.0.1 dst 10.0.0.2")
    assert "3(packets)" in held


def test_delay_and_loss_can_be_put_on_a_link(netns_factory):
    one, other = netns_factory.create("one"), netns_factory.create("other")
    device, _ = netns_factory.link(one, other, "10.0.0.1/24", "10.0.0.2/24")
    netns_factory.run(one, f"tc qdisc add dev {device} root netem loss 100%")
    with pytest.raises(AssertionError):
        netns_factory.run(one, ["ping", "-c", "2", "-i", "0.2", "-w", "1", "10.0.0.2"])
