"""Addresses, MTU, forwarding, source check, ports: on a node of the test's own."""

from __future__ import annotations

import socket

import pytest

from submariner_core.cli.checks import addresses, forwarding, ports, privileges
from submariner_core.cli.checks.finding import Finding, Subject, Verdict
from submariner_core.kernel import Kernel
from tests.cli.checks.conftest import OVERLAY, Shell, configured

pytestmark = [pytest.mark.netns, pytest.mark.usefixtures("node")]

OK, WARNING, ERROR = Verdict.OK, Verdict.WARNING, Verdict.ERROR


def verdicts(findings: list[Finding]) -> dict[str, Verdict]:
    return {finding.check: finding.verdict for finding in findings}


async def test_the_private_address_is_that_of_the_default_route(kernel: Kernel) -> None:
    (found,) = await addresses.private_address(Subject(kernel))
    assert (found.verdict, found.detail) == (OK, "192.0.2.1 on eth0")


async def test_without_a_default_route_the_remedy_is_a_setting(
    kernel: Kernel, shell: Shell
) -> None:
    shell("ip route delete default")
    (found,) = await addresses.private_address(Subject(kernel))
    assert found.verdict is ERROR
    assert "private_ip:" in found.remedy
    assert "private_ip:" not in found.detail.removeprefix("private_ip: ")  # said once


async def test_an_address_of_another_node_is_an_error(kernel: Kernel) -> None:
    (found,) = await addresses.private_address(configured(kernel, private_ip="192.0.2.9"))
    assert (found.verdict, found.detail) == (ERROR, "192.0.2.9 is on no device of this node")


async def test_the_cni_address_is_the_one_in_the_cluster_cidr(kernel: Kernel) -> None:
    (found,) = await addresses.cni_address(configured(kernel, cluster_cidr=["10.1.0.0/16"]))
    assert (found.verdict, found.detail) == (OK, "10.1.1.1 on cni0, in 10.1.0.0/16")
    (found,) = await addresses.cni_address(configured(kernel, cluster_cidr=["10.7.0.0/16"]))
    assert found.verdict is WARNING
    assert "10.7.0.0/16" in found.detail


async def test_a_range_that_holds_the_underlay_is_an_error(kernel: Kernel) -> None:
    (found,) = await addresses.ranges(configured(kernel, service_cidr=["192.0.0.0/16"]))
    assert found.verdict is ERROR
    assert "192.0.2.1" in found.detail
    (found,) = await addresses.ranges(configured(kernel, service_cidr=["100.1.0.0/16"]))
    assert found.verdict is OK


async def test_ranges_of_ipv6_are_named_as_not_end_to_end(kernel: Kernel) -> None:
    subject = configured(kernel, cluster_cidr=["10.1.0.0/16", "fd01::/48"])
    (found,) = await addresses.ranges(subject)
    assert found.verdict is WARNING
    assert found.detail.startswith("IPv6 is not end to end in this release: ")
    assert found.detail.endswith(" fd01::/48")


async def test_a_device_that_promises_more_than_fits_is_an_error(
    kernel: Kernel, shell: Shell
) -> None:
    assert verdicts(await addresses.mtu(Subject(kernel))) == {"MTU": OK}
    shell(OVERLAY)
    shell("ip link set vx-submariner mtu 1451")
    found = verdicts(await addresses.mtu(Subject(kernel)))
    assert found == {"MTU": OK, "MTU of vx-submariner": ERROR}
    shell("ip link set vx-submariner mtu 1450")
    assert verdicts(await addresses.mtu(Subject(kernel))) == {"MTU": OK}
    shell("ip link set eth0 mtu 1300")
    assert verdicts(await addresses.mtu(Subject(kernel)))["MTU"] is WARNING


async def test_forwarding_off_is_an_error_once_the_node_is_set_up(
    kernel: Kernel, shell: Shell
) -> None:
    shell("sysctl -qw net.ipv4.ip_forward=0")
    assert verdicts(await forwarding.ip_forward(Subject(kernel))) == {"ip_forward": WARNING}
    shell(OVERLAY)
    assert verdicts(await forwarding.ip_forward(Subject(kernel))) == {"ip_forward": ERROR}
    shell("sysctl -qw net.ipv4.ip_forward=1")
    assert verdicts(await forwarding.ip_forward(Subject(kernel))) == {"ip_forward": OK}


async def test_a_strict_source_check_is_named_with_its_device(
    kernel: Kernel, shell: Shell
) -> None:
    subject = configured(kernel, cluster_cidr=["10.1.0.0/16"])
    assert verdicts(await forwarding.rp_filter(subject)) == {"rp_filter": OK}
    shell("sysctl -qw net.ipv4.conf.cni0.rp_filter=1")
    (found,) = await forwarding.rp_filter(subject)
    assert found.verdict is WARNING
    assert "cni0" in found.detail
    assert "eth0" not in found.detail
    shell("sysctl -qw net.ipv4.conf.all.rp_filter=2")
    assert verdicts(await forwarding.rp_filter(subject)) == {"rp_filter": OK}
    shell(OVERLAY)
    shell("sysctl -qw net.ipv4.conf.all.rp_filter=1")
    assert verdicts(await forwarding.rp_filter(subject)) == {"rp_filter": ERROR}


async def test_a_cable_device_counts_as_ours_by_its_rule(kernel: Kernel, shell: Shell) -> None:
    shell("ip link add tunnel type vxlan id 1000 dstport 4500 dev eth0 local 192.0.2.1")
    assert verdicts(await ports.udp_ports(Subject(kernel)))["UDP port 4500"] is ERROR
    shell("ip rule add iif tunnel lookup 101 priority 99")
    found = {finding.check: finding for finding in await ports.udp_ports(Subject(kernel))}
    assert found["UDP port 4500"].detail == "ours: tunnel"
    assert found["UDP port 4800"].detail == "free"


async def test_a_port_in_use_names_the_process(kernel: Kernel) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", 4800))
        found = {finding.check: finding for finding in await ports.udp_ports(Subject(kernel))}
    assert found["UDP port 4800"].verdict is ERROR
    assert "in use by process" in found["UDP port 4800"].detail
    assert (await ports.udp_ports(Subject(kernel)))[0].verdict is OK


async def test_a_cables_port_that_is_in_use_while_cables_stand_is_no_mistake(
    kernel: Kernel, shell: Shell
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", 4500))
        assert verdicts(await ports.udp_ports(Subject(kernel)))["UDP port 4500"] is ERROR
        shell("ip rule add iif vx-submariner lookup 100 priority 100")
        found = {finding.check: finding for finding in await ports.udp_ports(Subject(kernel))}
    assert found["UDP port 4500"].verdict is OK
    assert "in use by process" in found["UDP port 4500"].detail


async def test_the_ports_are_those_of_the_settings(kernel: Kernel) -> None:
    subject = configured(
        kernel,
        options={"vxlan": {"port": 4711}, "election": {"path": "/x"}, "datastore": {"path": "/x"}},
    )
    assert "UDP port 4711" in verdicts(await ports.udp_ports(subject))


async def test_capabilities_are_read_off_the_process(kernel: Kernel) -> None:
    found = verdicts(await privileges.capabilities(Subject(kernel)))
    assert found == {"CAP_NET_ADMIN": OK, "CAP_NET_RAW": OK}
    assert privileges.effective("Name:\tx\nCapEff:\t0000000000001000\n") == 1 << 12
    assert privileges.effective("") == 0
