from __future__ import annotations

import json
import socket

import pytest
from submariner_vxlan.options import VxlanOptions

from submariner_core.api.errors import CableError
from submariner_core.api.model import ConnectionStatus
from submariner_core.kernel import KernelError

pytestmark = pytest.mark.netns


def link(gateway):
    return json.loads(gateway.run("ip -j -d link show vxlan-tunnel"))[0]


def counters_handle(gateway):
    listed = json.loads(gateway.run("nft -j list table inet submariner-vxlan"))
    return next(entry["table"]["handle"] for entry in listed["nftables"] if "table" in entry)


class Monitor:
    """What ``ip monitor`` says between two marks, without the marks."""

    def __init__(self, underlay, gateway):
        self.gateway = gateway
        self.process = underlay.netns.start(
            gateway.namespace, "ip monitor link address route neigh nexthop rule"
        )
        mark = 0
        # until the first mark shows: before that, the monitor was not listening yet
        while "mark" not in self._mark(mark):
            mark += 1

    def _mark(self, number):
        self.gateway.run("ip", "route", "replace", "blackhole", f"192.0.2.{number}", "table", "77")
        line = self.process.stdout.readline()
        return "mark" if "192.0.2." in line else line

    def heard(self):
        self.gateway.run("ip route replace blackhole 192.0.2.254 table 77")
        lines = []
        while "192.0.2.254" not in (line := self.process.stdout.readline()):
            lines.append(line)
        return [line for line in lines if "192.0.2." not in line]


async def test_a_restart_changes_nothing_in_the_kernel(underlay, cable):
    east, west = await underlay.pair()
    third = underlay.gateway("west", "172.31.0.3")
    await east.connect(third.endpoint)
    east.ping(west.pod)
    before = link(east), east.fdb(), counters_handle(east)
    monitor = Monitor(underlay, east)
    await east.restart()
    await east.open()
    with underlay.netns.entered(east.namespace):
        from_before = await east.driver.observe()
    for peer in (third, west):
        with underlay.netns.entered(east.namespace):
            await east.driver.connect(cable(peer.endpoint))
    assert [line for line in monitor.heard() if "underlay" not in line] == []
    assert before == (link(east), east.fdb(), counters_handle(east))
    assert {state.name for state in from_before} == {
        west.endpoint.cable_name,
        third.endpoint.cable_name,
    }
    east.ping(west.pod)


async def test_packets_pass_while_no_process_runs(underlay):
    east, west = await underlay.pair()
    await east.driver.close()
    east.ping(west.pod)


async def test_a_restarted_process_can_disconnect_what_it_did_not_connect(underlay):
    east, west = await underlay.pair()
    await east.restart()
    await east.open()
    await east.disconnect(west.endpoint)
    assert await east.observe() == ()
    assert not any("172.31.0.2" in line for line in east.fdb())


async def test_entries_without_a_name_are_shown_and_adopted_by_the_next_connect(underlay):
    east, west = await underlay.pair()
    (east.state_dir / "cables.json").write_text("[{")
    await east.restart()
    await east.open()
    [unknown] = await east.observe()
    assert unknown.name is None
    assert "172.31.0.2" in unknown.key
    await east.connect(west.endpoint)
    [known] = await east.observe()
    assert known.name == west.endpoint.cable_name


async def test_another_port_replaces_the_device_and_keeps_the_cables(underlay):
    east, west = await underlay.pair()
    index = link(east)["ifindex"]
    await east.restart(VxlanOptions(port=4600))
    await east.open()
    assert link(east)["ifindex"] != index
    assert link(east)["linkinfo"]["info_data"]["port"] == 4600
    await west.connect(east.endpoint, port=4600)
    await east.connect(west.endpoint)
    east.ping(west.pod)


async def test_another_private_ip_replaces_the_device_with_its_address_and_mac(underlay, endpoint):
    east, _ = await underlay.pair()
    east.run("ip addr add 172.31.9.9/16 dev underlay")
    await east.open(endpoint("east", "172.31.9.9"))
    shown = east.run("ip addr show vxlan-tunnel")
    assert "241.31.9.9/8" in shown
    assert "241.31.0.1/8" not in shown
    assert link(east)["address"] == "02:f1:ac:1f:09:09"


async def test_the_mtu_follows_the_underlay_without_a_new_device(underlay):
    east, west = await underlay.pair()
    index = link(east)["ifindex"]
    east.run("ip link set underlay mtu 1400")
    await east.open()
    assert (link(east)["mtu"], link(east)["ifindex"]) == (1350, index)
    assert (await east.connect(west.endpoint)).mtu == 1350


async def test_upstreams_own_device_is_taken_over(underlay):
    east = underlay.gateway("east", "172.31.0.1")
    east.run("ip link add vxlan-tunnel type vxlan id 1000 dstport 4500 nolearning")
    await east.open()
    assert link(east)["address"] == "02:f1:ac:1f:00:01"


@pytest.mark.parametrize(
    ("kind", "said"),
    [("vxlan id 7 dstport 4999", "VNI 7"), ("bridge", "kind bridge")],
)
async def test_a_foreign_device_of_our_name_is_an_error_that_says_what_to_do(underlay, kind, said):
    east = underlay.gateway("east", "172.31.0.1")
    east.run("ip", "link", "add", "vxlan-tunnel", "type", *kind.split())
    with pytest.raises(CableError, match=said) as refusal:
        await east.open()
    assert "ip link delete vxlan-tunnel" in str(refusal.value)
    await east.cleanup()
    assert link(east)["ifname"] == "vxlan-tunnel"


async def test_a_taken_udp_port_is_named(underlay):
    east = underlay.gateway("east", "172.31.0.1")
    east.run("ip link add other type vxlan id 5 dstport 4501 nolearning local 172.31.0.1")
    east.run("ip link set other up")
    await east.open()  # two VXLANs may share a port, or have one each
    east.run("ip link delete vxlan-tunnel")
    with underlay.netns.entered(east.namespace):
        holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        holder.bind(("0.0.0.0", 4500))
    with holder, pytest.raises(CableError, match="UDP port 4500 is taken"):
        await east.open()
    await east.open()


async def test_a_private_ip_that_no_device_has_is_an_error(underlay, endpoint):
    east = underlay.gateway("east", "172.31.0.1")
    with pytest.raises(CableError, match="private_ip to the node's own address"):
        await east.open(endpoint("east", "172.31.4.4"))


async def test_loose_reverse_path_and_forwarding_are_set_on_the_device(underlay):
    east, _ = await underlay.pair()
    for name, value in (("rp_filter", "2"), ("forwarding", "1")):
        assert east.run("cat", f"/proc/sys/net/ipv4/conf/vxlan-tunnel/{name}").strip() == value


async def test_what_others_removed_shows_as_an_error_and_connect_puts_it_back(underlay):
    east, west = await underlay.pair()
    east.run("ip neigh flush nud permanent dev vxlan-tunnel")
    state = await east.state(west.endpoint)
    assert state.status is ConnectionStatus.ERROR
    assert "241.31.0.2" in state.message
    await east.connect(west.endpoint)
    east.run("ip link set vxlan-tunnel down")
    assert "down" in (await east.state(west.endpoint)).message
    await east.open()
    assert (await east.state(west.endpoint)).status is ConnectionStatus.CONNECTED


async def test_a_deleted_device_comes_back_with_its_cables(underlay):
    east, west = await underlay.pair()
    east.run("ip link delete vxlan-tunnel")
    assert "missing" in (await east.state(west.endpoint)).message
    with pytest.raises(CableError, match="gone"):
        await east.connect(west.endpoint)
    await east.open()
    await east.connect(west.endpoint)
    east.ping(west.pod)


async def test_without_the_privilege_the_error_names_it(underlay, monkeypatch):
    east = underlay.gateway("east", "172.31.0.1")

    async def refuse(_wanted):
        raise KernelError("vxlan device vxlan-tunnel", "create", 1)

    monkeypatch.setattr(east.driver._kernel.links, "ensure_vxlan", refuse)
    with pytest.raises(KernelError, match="CAP_NET_ADMIN"):
        await east.open()


async def test_an_ipv6_private_ip_is_an_error(underlay, endpoint):
    east = underlay.gateway("east", "172.31.0.1")
    with pytest.raises(CableError, match="IPv4"):
        await east.open(endpoint("east", "2001:db8::1"))
