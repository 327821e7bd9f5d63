"""An underlay of network namespaces: gateways with a real driver of either implementation."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import os
import shutil
import signal
import tempfile
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from pydantic import SecretStr
from submariner_wireguard.driver import WireGuardDriver
from submariner_wireguard.inkernel import InKernel
from submariner_wireguard.options import WireGuardOptions
from submariner_wireguard.userspace import SOCKETS, Userspace

from submariner_core.api.cable import Cable, LocalGateway
from submariner_core.api.model import ConnectionStatus, Endpoint
from submariner_core.api.naming import cable_name
from submariner_core.kernel import Kernel

PSK = "the secret of this cluster set"
PROGRAM = (
    *("unshare", "--mount", "--propagation", "private", "sh", "-c"),
    f'mount --bind "$0" {SOCKETS} && exec wireguard-go "$@"',
)
"""Each node has a folder of its own for sockets; wireguard-go knows only one place."""


def make_endpoint(cluster, address, *prefixes, **backend_config):
    private_ip = ip_address(address)
    return Endpoint(
        cluster_id=cluster,
        cable_name=cable_name(cluster, private_ip),
        hostname=f"{cluster}-gateway",
        subnets=tuple(ip_network(prefix) for prefix in prefixes),
        private_ip=private_ip,
        public_ip=None,
        nat_enabled=False,
        backend="wireguard",
        backend_config=backend_config,
    )


def make_cable(endpoint, *, slot=0, port=None, address=None, ours=True):
    return Cable(
        endpoint.cable_name,
        endpoint,
        slot=slot,
        address=address or endpoint.private_ip,
        port=port or int(endpoint.backend_config.get("udp-port", "4500")),
        ours=ours,
    )


class Gateway:
    """A namespace on the underlay, pod addresses behind it, and a driver."""

    def __init__(self, netns, namespace, endpoint, folder, slot=0, **options):
        self.netns = netns
        self.namespace = namespace
        self.endpoint = endpoint
        self.slot = slot
        self.state_dir = folder / "state"
        self.sockets = folder / "run"
        self.sockets.mkdir(parents=True)
        self.options = options
        self.pods = [prefix[1] for prefix in endpoint.subnets]
        self.driver = self._driver()
        for pod in self.pods:
            self.run(f"ip addr add {pod}/{pod.max_prefixlen} dev lo")

    def _driver(self):
        options = {"psk": SecretStr(PSK), **self.options}
        kernel = Kernel()
        program = (*PROGRAM, str(self.sockets))
        managed = self.options.get("manage_daemon", True)
        every = (InKernel(kernel), Userspace(kernel, self.sockets, program, managed=managed))
        self._kernel = kernel
        return WireGuardDriver(WireGuardOptions(**options), self.state_dir, every)

    def run(self, command):
        words = command.split() if isinstance(command, str) else command
        return self.netns.run(self.namespace, words)

    def wg(self, *words):
        """``wg`` on this node, which finds the daemons' sockets where they are."""
        shell = f'mount --bind {self.sockets} {SOCKETS} && exec wg "$@"'
        return self.run(["unshare", "--mount", "sh", "-c", shell, "sh", *words])

    async def restart(self, **options):
        """The process dies, and another one takes its place."""
        await self.close()
        self.options |= options
        self.driver = self._driver()

    async def close(self):
        await self.driver.close()
        await self._kernel.close()

    async def open(self, slot=None, endpoint=None):
        self.slot = self.slot if slot is None else slot
        with self.netns.entered(self.namespace):
            offer = await self.driver.open(LocalGateway(endpoint or self.endpoint, self.slot))
        self.endpoint = dataclasses.replace(self.endpoint, backend_config=offer)
        return offer

    async def connect(self, remote, **settings):
        """Connect to an endpoint, and route its prefixes into the cable as the core does."""
        with self.netns.entered(self.namespace):
            path = await self.driver.connect(make_cable(remote, **settings))
        for prefix in remote.subnets:
            pod = next(one for one in self.pods if one.version == prefix.version)
            self.run(f"ip route replace {prefix} dev {path.device} src {pod}")
        return path

    async def disconnect(self, remote):
        with self.netns.entered(self.namespace):
            await self.driver.disconnect(remote.cable_name)

    async def observe(self):
        with self.netns.entered(self.namespace):
            return await self.driver.observe()

    async def state(self, remote):
        return {state.name: state for state in await self.observe()}.get(remote.cable_name)

    async def connected(self, remote):
        """Wait until a handshake with the remote was made; the state then."""
        async with asyncio.timeout(20):
            while (state := await self.state(remote)).status is not ConnectionStatus.CONNECTED:  # noqa: ASYNC110 - the handshake tells nobody
                await asyncio.sleep(0.02)
        return state

    async def deserted(self):
        """Wait until the last daemon has ended, and its device is gone: a moment later."""
        async with asyncio.timeout(10):
            while self.daemons() or "tun" in self.run("ip tuntap"):  # noqa: ASYNC110 - they are not our children
                await asyncio.sleep(0.02)

    async def cleanup(self):
        with self.netns.entered(self.namespace):
            await self.driver.cleanup()

    def ping(self, pod, count=1, *options):
        own = next(one for one in self.pods if one.version == pod.version)
        self.run(f"ping -c{count} -i0.05 -W2 -I{own} {' '.join(options)} {pod}")

    def indices(self):
        """The devices of ours with their indices, which change with each new device."""
        lines = self.run("ip -o link").splitlines()
        return sorted(line.partition(": <")[0] for line in lines if ": submariner" in line)

    def start_daemon(self, device="submariner"):
        """Start one that is not the driver's."""
        self.run((*PROGRAM, str(self.sockets), device))

    def daemons(self):
        """Process ids of this node's daemons."""
        pids = self.netns._command("ip", "netns", "pids", self.namespace).split()
        found = []
        for pid in pids:
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if Path(f"/proc/{pid}/comm").read_text().strip() == "wireguard-go":
                    found.append(int(pid))
        return found


class Underlay:
    """One bridge that joins all gateways: 172.31.0.0/16 and fd00::/64."""

    def __init__(self, netns, folder, implementation):
        self.netns = netns
        self.folder = folder
        self.implementation = implementation
        self.gateways = []
        self.numbers = itertools.count(1)
        self.wan = netns.create("wan")
        netns.run(self.wan, "ip link add wan type bridge")
        netns.run(self.wan, "ip link set wan up")

    def gateway(self, cluster, address, *prefixes, mtu=1500, slot=0, **options):
        number = next(self.numbers)
        namespace = self.netns.create(f"host{number}")
        length = 16 if ip_address(address).version == 4 else 64
        device, end = self.netns.link(namespace, self.wan, f"{address}/{length}")
        self.netns.run(self.wan, f"ip link set {end} master wan")
        self.netns.run(namespace, f"ip link set {device} mtu {mtu} name underlay")
        endpoint = make_endpoint(cluster, address, *(prefixes or (f"10.{number}.0.0/16",)))
        folder = self.folder / str(number)
        options = {"implementation": self.implementation, **options}
        made = Gateway(self.netns, namespace, endpoint, folder, slot, **options)
        self.gateways.append(made)
        return made

    async def pair(self, **options):
        """Two gateways with a cable between them."""
        east = self.gateway("east", "172.31.0.1", **options)
        west = self.gateway("west", "172.31.0.2", **options)
        await self.join(east, west)
        return east, west

    async def join(self, *gateways):
        """A cable from each to each other one."""
        for one in gateways:
            await one.open()
        for one, other in itertools.permutations(gateways, 2):
            await one.connect(other.endpoint, slot=other.slot)


async def _underlay(netns_factory, implementation):
    if implementation != "kernel" and shutil.which("wireguard-go") is None:
        pytest.skip("the program 'wireguard-go' is absent: apt-get install wireguard-go")
    if shutil.which("wg") is None:
        pytest.skip("the program 'wg' is absent: apt-get install wireguard-tools")
    SOCKETS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="smwg") as folder:  # a socket's path must be short
        made = Underlay(netns_factory, Path(folder), implementation)
        try:
            yield made
        finally:
            for gateway in made.gateways:
                await gateway.close()
                for pid in gateway.daemons():
                    os.kill(pid, signal.SIGKILL)


@pytest.fixture(params=["userspace", pytest.param("kernel", marks=pytest.mark.kernel)])
async def underlay(netns_factory, request):
    """Each test runs with both implementations, where the kernel has WireGuard."""
    async for made in _underlay(netns_factory, request.param):
        yield made


@pytest.fixture
async def userspace(netns_factory):
    """For what concerns daemons."""
    async for made in _underlay(netns_factory, "userspace"):
        yield made


@pytest.fixture
def endpoint():
    """Makes an Endpoint value: ``endpoint("west", "10.0.0.2", "10.2.0.0/16")``."""
    return make_endpoint


@pytest.fixture
def cable():
    """Makes a Cable to an endpoint."""
    return make_cable


@pytest.fixture
def psk():
    """The secret that all gateways of a test share."""
    return PSK
