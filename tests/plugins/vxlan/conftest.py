"""An underlay of network namespaces: gateways with a real driver, and upstream's imitated."""

from __future__ import annotations

import dataclasses
import itertools
from ipaddress import IPv4Network, ip_address

import pytest
from submariner_vxlan.driver import VxlanDriver
from submariner_vxlan.options import VxlanOptions

from submariner_core.api.cable import Cable, LocalGateway
from submariner_core.api.model import Endpoint
from submariner_core.api.naming import cable_name


def make_endpoint(cluster, address, prefix="10.99.0.0/16", backend="vxlan", **backend_config):
    private_ip = ip_address(address)
    return Endpoint(
        cluster_id=cluster,
        cable_name=cable_name(cluster, private_ip),
        hostname=f"{cluster}-gateway",
        subnets=(IPv4Network(prefix),),
        private_ip=private_ip,
        public_ip=None,
        nat_enabled=False,
        backend=backend,
        backend_config=backend_config,
    )


def make_cable(endpoint, port=4500, ours=True, address=None):
    return Cable(
        endpoint.cable_name,
        endpoint,
        slot=0,
        address=address or endpoint.private_ip,
        port=port,
        ours=ours,
    )


class Gateway:
    """A namespace on the underlay, one pod address behind it, and a driver."""

    def __init__(self, netns, namespace, endpoint, state_dir, options):
        self.netns = netns
        self.namespace = namespace
        self.endpoint = endpoint
        self.state_dir = state_dir
        self.options = options
        self.driver = VxlanDriver(options, state_dir)
        self.pod = endpoint.subnets[0][1]
        self.run("ip", "addr", "add", f"{self.pod}/32", "dev", "lo")

    def run(self, *words):
        return self.netns.run(self.namespace, words[0] if len(words) == 1 else words)

    async def restart(self, options=None):
        """The process dies, and another one takes its place."""
        await self.driver.close()
        self.driver = VxlanDriver(options or self.options, self.state_dir)

    async def open(self, endpoint=None):
        with self.netns.entered(self.namespace):
            return await self.driver.open(LocalGateway(endpoint or self.endpoint))

    async def connect(self, remote, **settings):
        """Connect to an endpoint, and route its prefixes into the cable as the core does."""
        with self.netns.entered(self.namespace):
            path = await self.driver.connect(make_cable(remote, **settings))
        for prefix in remote.subnets:
            self.run(
                *("ip", "route", "replace", str(prefix), "via", str(path.via)),
                *("dev", path.device, "src", str(self.pod)),
            )
        return path

    async def disconnect(self, remote):
        with self.netns.entered(self.namespace):
            await self.driver.disconnect(remote.cable_name)

    async def observe(self):
        with self.netns.entered(self.namespace):
            return await self.driver.observe()

    async def state(self, remote):
        return {state.name: state for state in await self.observe()}[remote.cable_name]

    async def cleanup(self):
        with self.netns.entered(self.namespace):
            await self.driver.cleanup()

    def ping(self, pod, size=56, count=1):
        self.run("ping", *f"-c{count} -i0.05 -W2 -Mdo -s{size} -I{self.pod} {pod}".split())

    def fdb(self):
        return sorted(self.run("bridge fdb show dev vxlan-tunnel").splitlines())

    def neighbours(self):
        return self.run("ip neigh show dev vxlan-tunnel")


class Underlay:
    """One bridge that joins all gateways, 172.31.0.0/16."""

    def __init__(self, netns, state_dir):
        self.netns = netns
        self.state_dir = state_dir
        self.gateways = []
        self.numbers = itertools.count(1)
        self.wan = netns.create("wan")
        netns.run(self.wan, "ip link add wan type bridge")
        netns.run(self.wan, "ip link set wan up")

    def host(self, address, mtu=1500):
        namespace = self.netns.create(f"host{next(self.numbers)}")
        # no router solicitations among the packets that tests count
        self.netns.run(namespace, "sysctl -qw net.ipv6.conf.default.disable_ipv6=1")
        device, end = self.netns.link(namespace, self.wan, f"{address}/16")
        self.netns.run(self.wan, f"ip link set {end} master wan")
        self.netns.run(namespace, f"ip link set {device} mtu {mtu} name underlay")
        return namespace

    def gateway(self, cluster, address, options=None, backend="vxlan"):
        number = next(self.numbers)
        endpoint = make_endpoint(cluster, address, f"10.{number}.0.0/16", backend)
        folder = self.state_dir / f"{cluster}-{address}"
        gateway = Gateway(
            self.netns, self.host(address), endpoint, folder, options or VxlanOptions()
        )
        self.gateways.append(gateway)
        return gateway

    async def pair(self):
        """Two gateways with a cable between them."""
        east, west = self.gateway("east", "172.31.0.1"), self.gateway("west", "172.31.0.2")
        for one, other in ((east, west), (west, east)):
            await one.open()
            await one.connect(other.endpoint)
        return east, west


@pytest.fixture
async def underlay(netns_factory, tmp_path):
    made = Underlay(netns_factory, tmp_path)
    yield made
    for gateway in made.gateways:
        await gateway.driver.close()


@pytest.fixture
def endpoint():
    """Makes an Endpoint value: ``endpoint("west", "10.0.0.2")``."""
    return make_endpoint


@pytest.fixture
def cable():
    """Makes a Cable to an endpoint."""
    return make_cable


@pytest.fixture
def advertising():
    """An endpoint that advertises more: ``advertising(endpoint, {"udp-port": "4600"})``."""

    def advertise(endpoint, backend_config):
        return dataclasses.replace(endpoint, backend_config=backend_config)

    return advertise


class Upstream:
    """A gateway as upstream makes it: a random MAC, all-zero forwarding entries, no state."""

    def __init__(self, underlay, cluster, address):
        number = next(underlay.numbers)
        self.netns = underlay.netns
        self.namespace = underlay.host(address)
        self.endpoint = make_endpoint(cluster, address, f"10.{number}.0.0/16")
        self.pod = self.endpoint.subnets[0][1]
        self.run(f"ip addr add {self.pod}/32 dev lo")
        self.peers = []
        self.start()

    def run(self, command):
        return self.netns.run(self.namespace, command)

    def start(self):
        vtep = str(self.endpoint.private_ip).split(".", 1)[1]
        self.run("ip link add vxlan-tunnel type vxlan id 1000 dstport 4500 nolearning")
        self.run("ip link set vxlan-tunnel mtu 1450 up")
        self.run(f"ip addr add 241.{vtep}/8 dev vxlan-tunnel")
        for peer in self.peers:
            self._connect(peer)

    def restart(self):
        """A new device, and so another MAC."""
        self.run("ip link delete vxlan-tunnel")
        self.start()

    def connect(self, endpoint):
        self.peers.append(endpoint)
        self._connect(endpoint)

    def _connect(self, endpoint):
        vtep = str(endpoint.private_ip).split(".", 1)[1]
        self.run(
            "bridge fdb append 00:00:00:00:00:00 dev vxlan-tunnel "
            f"dst {endpoint.private_ip} self permanent"
        )
        for prefix in endpoint.subnets:
            self.run(f"ip route replace {prefix} via 241.{vtep} dev vxlan-tunnel src {self.pod}")

    @property
    def mac(self):
        return self.run("cat /sys/class/net/vxlan-tunnel/address").strip()

    def ping(self, pod):
        self.run(f"ping -c1 -W2 -I{self.pod} {pod}")


@pytest.fixture
def upstream(underlay):
    """Makes upstream gateways: ``upstream("west", "172.31.0.2")``."""
    return lambda cluster, address: Upstream(underlay, cluster, address)
