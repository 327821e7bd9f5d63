"""A node of the test's own: an underlay, a default route, a CNI bridge."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable

import pytest

from submariner_core.cli.checks.finding import Subject
from submariner_core.config import Settings
from submariner_core.kernel import Kernel
from submariner_core.loading import load

NODE = """\
ip link add eth0 type veth peer name outside
ip link set eth0 up
ip link set outside up
ip addr add 192.0.2.1/24 dev eth0
ip route add default via 192.0.2.254
ip link add cni0 type bridge
ip addr add 10.1.1.1/24 dev cni0
ip link set cni0 up
sysctl -qw net.ipv4.conf.all.rp_filter=0
sysctl -qw net.ipv4.conf.eth0.rp_filter=0
sysctl -qw net.ipv4.conf.cni0.rp_filter=0
"""
OVERLAY = "ip link add vx-submariner type vxlan id 100 dstport 4800 local 192.0.2.1"
PLUGINS = {"cable": ["vxlan"], "election": "local", "datastore": "local"}
STORE = {"path": "/nonexistent/store.db"}

Shell = Callable[[str], None]


@pytest.fixture
def shell() -> Shell:
    """Run commands, one a line."""

    def run(lines: str) -> None:
        for line in lines.splitlines():
            subprocess.run(line.split(), check=True, capture_output=True)

    return run


@pytest.fixture
def node(netns: str, shell: Shell) -> None:
    """The namespace is a node that nobody has set up yet."""
    shell(NODE)


@pytest.fixture
async def kernel() -> AsyncIterator[Kernel]:
    """The kernel of the namespace that the test runs in."""
    async with Kernel() as kernel:
        yield kernel


def configured(kernel: Kernel, **settings: object) -> Subject:
    """A subject with settings; the stores are out of reach."""
    options = {"election": STORE, "datastore": STORE}
    values = {"cluster_id": "east", "plugins": PLUGINS, "options": options, **settings}
    return Subject(kernel, load(Settings.model_validate(values)))
