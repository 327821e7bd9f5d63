"""The fixtures of tests/conftest.py, which all rooms stand on."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

pytestmark = pytest.mark.netns


def test_the_test_runs_inside_a_fresh_namespace(netns):
    inside = Path("/proc/thread-self/ns/net").stat().st_ino

    assert inside == Path("/run/netns", netns).stat().st_ino
    assert [name for _, name in socket.if_nameindex()] == ["lo"]


def test_namespaces_joined_by_a_link_reach_each_other(netns_factory):
    one, other = netns_factory.create("one"), netns_factory.create("other")
    netns_factory.link(one, other, "192.0.2.1/24", "192.0.2.2/24")

    assert "1 received" in netns_factory.run(one, "ping -n -c 1 -W 2 192.0.2.2")


def test_everything_is_gone_afterwards_even_processes(netns_factory):
    name = netns_factory.create("gone")
    waited_for = netns_factory.start(name, "true")
    waited_for.communicate()
    process = netns_factory.start(name, "sleep 60")

    netns_factory.close()

    assert process.returncode is not None
    assert not Path("/run/netns", name).exists()


def test_leaving_by_an_exception_leads_back_outside(netns_factory):
    outside = Path("/proc/thread-self/ns/net").stat().st_ino
    name = netns_factory.create("inside")

    with pytest.raises(ZeroDivisionError), netns_factory.entered(name):
        assert Path("/proc/thread-self/ns/net").stat().st_ino != outside
        _ = 1 / 0

    assert Path("/proc/thread-self/ns/net").stat().st_ino == outside


def test_a_failing_command_says_what_it_said(netns_factory):
    name = netns_factory.create("fails")

    with pytest.raises(AssertionError, match="does not exist"):
        netns_factory.run(name, "ip link show nope")
