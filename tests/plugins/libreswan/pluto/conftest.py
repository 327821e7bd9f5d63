"""Gateways in network namespaces, each with a pluto of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from submariner_libreswan.credentials import Credentials, Psk
from submariner_libreswan.daemon import Terms
from submariner_libreswan.options import ESP, IKE
from submariner_libreswan.plane import Plane
from submariner_libreswan.pluto.pluto import Pluto
from submariner_libreswan.tunnel import Mode, Pair, Tunnel

from tests.plugins import ipsec

PSK = "the secret of this cluster set, long enough for SHA2-512"
LIMIT = 30.0
"""Generous: the test kernel is slow."""


def make_terms(*psks, **settings):
    proofs = tuple(Psk(psk) for psk in psks or (PSK,))
    return Terms(
        **{
            "port": 4500,
            "plane": Plane.INTERFACES,
            "credentials": Credentials(proofs),
            "ike": IKE,
            "esp": ESP,
            **settings,
        }
    )


def make_tunnel(local="172.31.0.1", remote="172.31.0.2", **settings):
    """From 10.1.0.0/16 to 10.2.0.0/16, called by this end."""
    here, there = ip_address(local), ip_address(remote)
    subnets = settings.pop("subnets", [("10.1.0.0/16", "10.2.0.0/16")])
    lefts = list(dict.fromkeys(left for left, _ in subnets))
    rights = list(dict.fromkeys(right for _, right in subnets))
    mode = settings.get("mode", Mode.BIDIRECTIONAL)
    return Tunnel(
        **{
            "name": f"submariner-cable-c{there.packed[3]}-{str(there).replace('.', '-')}",
            "cluster_id": f"c{there.packed[3]}",
            "local": here,
            "local_port": 4500,
            "remote": there,
            "address": there,
            "port": 4500,
            "mode": mode,
            "calls": mode is not Mode.SERVER,
            "encapsulated": False,
            "interface": 4500,
            "pairs": tuple(
                Pair(lefts.index(left), rights.index(right), ip_network(left), ip_network(right))
                for left, right in subnets
            ),
            "named": mode is not Mode.BIDIRECTIONAL,
            **settings,
        }
    )


class Gateway:
    """A namespace with an address on the underlay and one in each of its subnets."""

    def __init__(self, netns, namespace, folder, address):
        self.netns = netns
        self.namespace = namespace
        self.folder = folder
        self.address = address
        self.pluto = self.another()
        self.tunnels = {}

    def another(self, **settings):
        """What the next process makes of the same folder."""
        settings = {"managed": True, "prefix": ipsec.PREFIX, **settings}
        self.pluto = Pluto(self.folder, **settings)
        return self.pluto

    def run(self, command):
        words = command.split() if isinstance(command, str) else command
        return self.netns.run(self.namespace, words)

    def ipsec(self, *words):
        """``whack``, past our code."""
        socket = str(self.folder / "run" / "pluto.ctl")
        return self.run([*ipsec.PREFIX, "/usr/libexec/ipsec/whack", "--ctlsocket", socket, *words])

    @contextlib.contextmanager
    def entered(self):
        with self.netns.entered(self.namespace):
            yield self.pluto

    async def start(self, *psks, **settings):
        with self.entered() as pluto:
            return await pluto.start(make_terms(*psks, **settings))

    def interface(self, number):
        name = f"ipsec{number}"
        with contextlib.suppress(AssertionError):  # it is there
            self.run(f"ip link add {name} type xfrm dev lo if_id {number}")
            self.run(f"ip link set {name} up")
        return name

    async def load(self, remote, **settings):
        """Load a tunnel to another gateway or address, with its interface and no route."""
        address = getattr(remote, "address", remote)
        tunnel = make_tunnel(self.address, address, **settings)
        if tunnel.interface is not None and make_terms().plane is Plane.INTERFACES:
            self.interface(tunnel.interface)
        with self.entered() as pluto:
            await pluto.load(tunnel)
        self.tunnels[tunnel.name] = tunnel
        return tunnel

    def route(self, tunnel):
        """Its subnets are behind its interface, as the core would have it."""
        for pair in tunnel.pairs:
            self.run(
                f"ip route replace {pair.remote} dev ipsec{tunnel.interface} src {pair.local[1]}"
            )

    async def call(self, tunnel, *pairs):
        with self.entered() as pluto:
            await pluto.call(tunnel, pairs or tunnel.pairs)

    async def states(self):
        with self.entered() as pluto:
            return {state.name: state for state in await pluto.observe()}

    async def state(self, tunnel):
        return (await self.states()).get(tunnel.name)

    async def until(self, tunnel, wanted):
        """Observe until a state of the tunnel satisfies."""
        state = None
        try:
            async with asyncio.timeout(LIMIT):
                while (state := await self.state(tunnel)) is None or not wanted(state):  # noqa: ASYNC110 - pluto tells nobody
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{self.namespace}: {state}\n{self.log()[-3000:]}") from None
        return state

    async def up(self, tunnel):
        count = len(tunnel.pairs)
        return await self.until(tunnel, lambda state: len(state.children) >= count)

    async def failed(self, tunnel, saying):
        return await self.until(tunnel, lambda state: saying in state.error)

    def ping(self, source, target, count=1, interval=0.05):
        return self.run(f"ping -c{count} -i{interval} -W2 -I{source} {target}")

    def log(self):
        with contextlib.suppress(OSError):
            return (self.folder / "pluto.log").read_text("utf-8", "replace")
        return ""

    def daemons(self):
        """Process ids of plutos in the namespace."""
        found = []
        for pid in self.netns._command("ip", "netns", "pids", self.namespace).split():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if Path(f"/proc/{pid}/comm").read_text().strip() == "pluto":
                    found.append(int(pid))
        return found

    def kill(self):
        for pid in self.daemons():
            os.kill(pid, signal.SIGKILL)


class Underlay:
    """A bridge that joins gateways: 172.31.0.0/16; subnets are 10.N.0.0/16."""

    def __init__(self, netns, folder):
        self.netns = netns
        self.folder = folder
        self.gateways = []
        self.wan = netns.create("wan")
        netns.run(self.wan, "ip link add wan type bridge")
        netns.run(self.wan, "ip link set wan up")

    def gateway(self, number, *pods):
        """Gateway 172.31.0.``number``, with pod addresses on ``lo``."""
        namespace = self.netns.create(f"host{number}")
        address = f"172.31.0.{number}"
        device, port = self.netns.link(namespace, self.wan, f"{address}/16")
        self.netns.run(self.wan, f"ip link set {port} master wan")
        self.netns.run(namespace, f"ip link set {device} name underlay")
        self.netns.run(namespace, "ip route add default via 172.31.255.254")
        for pod in pods or (f"10.{number}.0.1/16",):
            self.netns.run(namespace, f"ip addr add {pod} dev lo")
        made = Gateway(self.netns, namespace, self.folder / str(number), address)
        self.gateways.append(made)
        return made

    async def pair(self, **settings):
        """Two gateways that know each other; the first is to call. Tunnels of each."""
        east, west = self.gateway(1), self.gateway(2)
        await east.start()
        await west.start()
        there = await east.load(west, **settings)
        back = await west.load(
            east,
            calls=False,
            **{**settings, "subnets": [(b, a) for a, b in _subnets(settings)]},
        )
        return (east, there), (west, back)


def _subnets(settings):
    return settings.get("subnets", [("10.1.0.0/16", "10.2.0.0/16")])


@pytest.fixture
def underlay(netns_factory):
    """An underlay, and no pluto left of it."""
    with tempfile.TemporaryDirectory(prefix="smip") as folder:  # a socket's path must be short
        made = Underlay(netns_factory, Path(folder))
        try:
            yield made
        finally:
            for gateway in made.gateways:
                gateway.kill()


@pytest.fixture
def terms():
    """Makes terms: ``terms("psk", plane=Plane.POLICIES)``."""
    return make_terms


@pytest.fixture
def tunnel():
    """Makes a tunnel: ``tunnel(remote="172.31.0.3", mode=Mode.SERVER)``."""
    return make_tunnel


@pytest.fixture
def psk():
    """The secret that all gateways of a test share."""
    return PSK
