"""What is found on a node: upstream's leavings are taken over, damage is repaired."""

from __future__ import annotations

import pytest

from submariner_core.api.errors import RouteError

pytestmark = pytest.mark.netns


async def test_upstreams_device_routes_and_rules_are_replaced(site):
    site.ip(
        "worker",
        "link add vx-submariner type vxlan id 100 dstport 4800 remote 10.50.0.2 nolearning\n"
        "addr add 240.50.0.1/8 dev vx-submariner\n"
        "link set vx-submariner up\n"
        "route add 10.2.0.0/16 via 240.50.0.2 dev vx-submariner proto 4\n"
        "route add 10.9.0.0/16 via 240.50.0.2 dev vx-submariner proto 4\n"
        "rule add from all lookup 150 priority 150\n"
        "route add 10.2.0.0/16 dev eth0 table 150\n",
    )
    await site.apply_everywhere()
    assert "1 received" in site.ping("pod", "10.2.0.2")
    routes = site.run("worker", "ip route")
    assert "10.9.0.0/16" not in routes
    assert routes.count("10.2.0.0/16") == 1
    assert "lookup 150" not in site.run("worker", "ip rule")


@pytest.mark.parametrize("other", ["bridge", "vxlan id 7 dstport 9999 local 10.50.0.3"])
async def test_a_device_of_our_name_that_is_something_else_is_named_and_left_alone(site, other):
    site.ip("worker", f"link add vx-submariner type {other}\n")
    show = "ip -o link show vx-submariner"
    before = site.run("worker", show)
    driver = site.driver("worker")
    with pytest.raises(RouteError, match="which is not ours: rename or delete it"):
        await site.apply("worker", driver, site.plan("worker"))
    with site.factory.entered(site.name["worker"]):
        await driver.cleanup()
    assert site.run("worker", show) == before


async def test_a_device_that_somebody_deleted_is_made_again_with_its_routes(site):
    drivers = await site.apply_everywhere()
    site.ip("worker", "link delete vx-submariner\n")
    with site.factory.entered(site.name["worker"]):
        assert await drivers["worker"].repair()
    assert "1 received" in site.ping("pod", "10.2.0.2")


async def test_a_device_that_somebody_set_down_is_up_again_with_its_routes(site):
    drivers = await site.apply_everywhere()
    site.ip("worker", "link set vx-submariner down\n")
    with site.factory.entered(site.name["worker"]):
        assert await drivers["worker"].repair()
    assert "1 received" in site.ping("pod", "10.2.0.2")


async def test_a_device_that_is_gone_does_not_stop_a_move(site):
    drivers = await site.apply_everywhere()
    site.ip("worker", "link delete vx-submariner\n")
    with site.factory.entered(site.name["worker"]):
        await drivers["worker"].apply(site.plan("worker", "gw2"))
    assert "via 240.50.0.3" in site.run("worker", "ip route get 10.2.0.2")


async def test_a_smaller_underlay_makes_a_smaller_overlay(site):
    drivers = await site.apply_everywhere()
    site.ip("worker", "link set eth0 mtu 1400\n")
    with site.factory.entered(site.name["worker"]):
        assert await drivers["worker"].repair()
        assert (await drivers["worker"].observe()).overlay_mtu == 1350


async def test_a_reset_source_check_is_loosened_again(site):
    drivers = await site.apply_everywhere()
    site.run("worker", ["sysctl", "-qw", "net.ipv4.conf.eth0.rp_filter=1"])
    with site.factory.entered(site.name["worker"]):
        assert await drivers["worker"].repair()
    assert site.run("worker", "sysctl -n net.ipv4.conf.eth0.rp_filter") == "2\n"


async def test_an_address_that_no_device_has_is_named(site):
    driver = site.driver("worker")
    plan = site.plan("gw1")
    with (
        site.factory.entered(site.name["worker"]),
        pytest.raises(RouteError, match=r"no device of this node has its address 10\.50\.0\.2"),
    ):
        await driver.open(plan.node, plan.cluster_cidr)


async def test_a_part_that_fails_does_not_keep_the_others_from_their_turn(site, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    driver = site.driver("worker")
    plan = site.plan("worker")
    with site.factory.entered(site.name["worker"]):
        await driver.open(plan.node, plan.cluster_cidr)
        with pytest.raises(RouteError, match="install the package nftables"):
            await driver.apply(plan)
        state = await driver.observe()
    assert [str(prefix) for prefix in state.prefixes] == ["10.2.0.0/16"]


@pytest.mark.parametrize(
    ("node", "carries", "via"),
    [("worker", "gw2", "240.50.0.3"), ("gw1", "gw1", "240.50.0.2"), ("gw1", "gw2", "240.50.0.3")],
)
async def test_a_new_process_sees_whom_the_node_sends_to(site, node, carries, via):
    with site.factory.entered(site.name[node]):
        await site.apply(node, site.driver(node), site.plan(node, carries))
        again, plan = site.driver(node), site.plan(node)
        await again.open(plan.node, plan.cluster_cidr)
        assert str((await again.observe()).via) == via
