"""An underlay of network namespaces: gateways with real drivers of either IKE daemon."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import os
import re
import signal
import socket
import tempfile
import threading
from ipaddress import ip_address, ip_network
from pathlib import Path

import vici
from pydantic import SecretStr
from submariner_libreswan.daemon import DaemonGone
from submariner_libreswan.driver import LibreswanDriver
from submariner_libreswan.options import LibreswanOptions
from submariner_libreswan.pluto.pluto import Pluto
from submariner_libreswan.strongswan.charon import Charon

from submariner_core.api.cable import Cable, LocalGateway
from submariner_core.api.errors import SubmarinerError
from submariner_core.api.model import ConnectionStatus, Endpoint
from submariner_core.api.naming import cable_name
from tests.plugins import ipsec

PSK = "the secret of this cluster set, long enough for SHA2-512"
LIMIT = 40.0
"""Generous: the test kernel is slow."""


async def until(holds, seconds=LIMIT):
    """Wait until ``holds()`` does, which nobody tells."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


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
        backend="libreswan",
        backend_config={key.replace("_", "-"): value for key, value in backend_config.items()},
    )


def make_cable(endpoint, *, slot=0, port=None, address=None, ours=True, nat=False):
    return Cable(
        endpoint.cable_name,
        endpoint,
        slot=slot,
        address=ip_address(address) if address else endpoint.private_ip,
        port=port or int(endpoint.backend_config.get("udp-port", "4500")),
        ours=ours,
        nat=nat,
    )


class Room:
    """A thread that is in a namespace, with an event loop: what the driver of one node runs in.

    What it awaits, starts and spawns is in that namespace, however the drivers of others go on
    meanwhile.
    """

    def __init__(self, netns, namespace):
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(netns, namespace), daemon=True)
        self._thread.start()

    def _run(self, netns, namespace):
        with netns.entered(namespace):
            self.loop.run_forever()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def begin(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    async def run(self, coroutine):
        return await asyncio.wrap_future(self.begin(coroutine))

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)


class Stream:
    """A ping that is read as it goes on: nobody would read a pipe that is full."""

    def __init__(self, process):
        self._process = process
        self._lines = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        self._lines += self._process.stdout

    def end(self):
        """How many of its packets got no answer, of how many.

        The last ones may be on their way, but not half a second's.
        """
        self._process.send_signal(signal.SIGINT)
        self._process.wait(10)
        self._thread.join(10)
        said = "".join(self._lines)
        [sent] = re.findall(r"(\d+) packets transmitted", said)
        answered = {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl=", said)}
        last = max(max(answered, default=0), int(sent) - 50)
        return len(set(range(1, last + 1)) - answered), int(sent)


class Gateway:
    """A namespace on the underlay, pod addresses behind it, and a driver."""

    def __init__(self, netns, namespace, endpoint, folder, daemon, slot=0, **options):
        self.netns = netns
        self.namespace = namespace
        self.room = Room(netns, namespace)
        self.plain = endpoint
        self.endpoint = endpoint
        self.slot = slot
        self.state_dir = folder / "state"
        self.kind = daemon
        self.options = options
        self.pods = [prefix[1] for prefix in endpoint.subnets]
        self.driver = self._driver()
        for pod in self.pods:
            self.run(f"ip addr add {pod}/{pod.max_prefixlen} dev lo")

    def _driver(self):
        proofs = {} if {"certificate", "psk_file"} & set(self.options) else {"psk": SecretStr(PSK)}
        options = LibreswanOptions(daemon=self.kind, **{**proofs, **self.options})
        if self.kind == "strongswan":
            self.daemon = Charon(
                self.state_dir / "charon",
                managed=options.manage_daemon,
                socket=options.vici_socket,
                log_file=options.log_file,
                program=(*ipsec.PREFIX, "charon-systemd"),
            )
        else:
            self.daemon = Pluto(
                self.state_dir / "pluto", managed=options.manage_daemon, prefix=ipsec.PREFIX
            )
        return LibreswanDriver(options, self.state_dir, self.daemon)

    def run(self, command):
        words = command.split() if isinstance(command, str) else command
        return self.netns.run(self.namespace, words)

    async def restart(self, **options):
        """The process dies, and another one takes its place; the daemon lives on."""
        await self.close()
        self.options = {k: v for k, v in {**self.options, **options}.items() if v is not None}
        self.driver = self._driver()

    async def close(self):
        await self.room.run(self.driver.close())

    async def open(self, slot=None, endpoint=None):
        self.slot = self.slot if slot is None else slot
        self.plain = endpoint or self.plain
        offer = await self.room.run(self.driver.open(LocalGateway(self.plain, self.slot)))
        self.endpoint = dataclasses.replace(self.plain, backend_config=offer)
        return offer

    async def connect(self, remote, *, route=True, **settings):
        """Connect to an endpoint, and route its prefixes into the cable as the core does."""
        path = await self.room.run(self.driver.connect(make_cable(remote, **settings)))
        if route:
            self.route(remote, path)
        return path

    def route(self, remote, path):
        for prefix in remote.subnets:
            via = f"via {path.via}" if path.via else ""
            self.run(
                f"ip route replace {prefix} {via} dev {path.device} src {self.pods[-1]} "
                f"mtu {path.mtu}"
            )

    async def disconnect(self, remote):
        await self.room.run(self.driver.disconnect(remote.cable_name))

    async def observe(self):
        return await self.room.run(self.driver.observe())

    async def state(self, remote):
        return {state.name: state for state in await self.observe()}.get(remote.cable_name)

    @contextlib.asynccontextmanager
    async def kept(self, seen=None):
        """Meanwhile the driver keeps its tunnels up, as it does under a gateway.

        ``seen`` gets what it yields.
        """

        async def keep():
            while True:
                try:
                    async for states in self.driver.watch():
                        if seen is not None:
                            seen.append(states)
                except SubmarinerError:
                    await asyncio.sleep(0.1)

        kept = self.room.begin(keep())
        try:
            yield
        finally:
            kept.cancel()
            await self.room.run(asyncio.sleep(0))

    async def until(self, remote, status, saying=""):
        """Wait until the cable to a remote has this status; the state then."""
        state = None
        try:
            async with asyncio.timeout(LIMIT):
                while True:
                    with contextlib.suppress(DaemonGone):  # what is kept comes back
                        state = await self.state(remote)
                    if state is not None and state.status is status and saying in state.message:
                        return state
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{self.namespace}: {state}") from None

    async def connected(self, remote):
        return await self.until(remote, ConnectionStatus.CONNECTED)

    async def failed(self, remote, saying):
        return await self.until(remote, ConnectionStatus.ERROR, saying)

    async def cleanup(self):
        await self.room.run(self.driver.cleanup())

    def ping(self, pod, count=1, *options):
        self.run(f"ping -c{count} -i0.05 -W2 -I{self.pods[-1]} {' '.join(options)} {pod}")

    def stream(self, pod):
        """A packet each 10 ms, until :meth:`lost` ends it."""
        return Stream(self.netns.start(self.namespace, f"ping -i0.01 -I{self.pods[-1]} {pod}"))

    @staticmethod
    async def lost(stream, *, wait=0.3):
        """End a stream, and say how many of its packets got no answer, of how many."""
        await asyncio.sleep(wait)
        return await asyncio.to_thread(stream.end)

    def indices(self):
        """IPsec devices with their indices, which change with each new device."""
        lines = self.run("ip -o link").splitlines()
        return sorted(line.partition(": <")[0] for line in lines if ": ipsec" in line)

    def daemons(self):
        """Process ids of this node's IKE daemons."""
        found = []
        for pid in self.netns._command("ip", "netns", "pids", self.namespace).split():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if Path(f"/proc/{pid}/comm").read_text().strip() in {"charon-systemd", "pluto"}:
                    found.append(int(pid))
        return found

    @property
    def plane(self):
        """The data plane in use."""
        return self.driver.figures.plane

    # ---- charon only

    async def settled(self, ikes, children):
        """Wait until so many SAs are left of those that both ends began; and they stay so."""
        found = None
        calm = 0
        try:
            async with asyncio.timeout(LIMIT):
                while calm < 10:
                    found = self.sas()
                    right = (len(found[0]), len(found[1])) == (ikes, children)
                    calm = calm + 1 if right else 0
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{self.namespace}: {found}") from None

    @contextlib.contextmanager
    def vici(self, path=None):
        """A session of the test's own with this node's charon."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path or self.state_dir / "charon" / "charon.vici"))
            yield vici.Session(connection)

    def list_sas(self):
        """Every IKE SA, with its connection."""
        with self.vici() as session:
            return [pair for listing in session.list_sas() for pair in listing.items()]

    def sas(self):
        """IKE SAs that stand: connection and number; and their child SAs that are installed."""
        ikes, children = [], []
        for name, sa in self.list_sas():
            if sa["state"] == b"ESTABLISHED":
                ikes.append((name, int(sa["uniqueid"])))
            children += [
                (child["name"].decode(), int(child["uniqueid"]))
                for child in sa["child-sas"].values()
                if child["state"] == b"INSTALLED"
            ]
        return sorted(ikes), sorted(children)


class Underlay:
    """One bridge that joins all gateways: 172.31.0.0/16. ``daemons``: whose turn comes next."""

    exact = True
    """No packet is lost without a cause; ESP in the test kernel loses some by itself."""

    def __init__(self, netns, folder, daemons):
        self.netns = netns
        self.folder = folder
        self.daemons = itertools.cycle(daemons)
        self.gateways = []
        self.numbers = itertools.count(1)
        self.wan = netns.create("wan")
        netns.run(self.wan, "ip link add wan type bridge")
        netns.run(self.wan, "ip link set wan up")

    def gateway(self, cluster, address, *prefixes, slot=0, daemon=None, lan=None, **options):
        """A gateway; with ``lan`` behind that router, which has the last address there."""
        number = next(self.numbers)
        namespace = self.netns.create(f"host{number}")
        if lan is None:
            _, port = self.netns.link(namespace, self.wan, f"{address}/16")
            self.netns.run(self.wan, f"ip link set {port} master wan")
        else:
            router = ip_network(f"{address}/24", strict=False)[254]
            self.netns.link(namespace, lan, f"{address}/24", f"{router}/24")
            self.netns.run(namespace, f"ip route add default via {router}")
        self.netns.run(namespace, "sysctl -qw net.ipv4.ip_forward=1")
        endpoint = make_endpoint(cluster, address, *(prefixes or (f"10.{number}.0.0/16",)))
        folder = self.folder / str(number)
        kind = daemon or next(self.daemons)
        made = Gateway(self.netns, namespace, endpoint, folder, kind, slot, **options)
        self.gateways.append(made)
        return made

    async def pair(self, **options):
        """Two gateways with a cable between them."""
        east = self.gateway("east", "172.31.0.1", **options)
        west = self.gateway("west", "172.31.0.2", **options)
        await self.join(east, west)
        return east, west

    async def join(self, *gateways):
        """A cable from each to each other one, the one that calls last."""
        for one in gateways:
            await one.open()
        pairs = list(itertools.permutations(gateways, 2))
        for one, other in sorted(
            pairs, key=lambda pair: pair[0].endpoint.cable_name, reverse=True
        ):
            await one.connect(other.endpoint, slot=other.slot)


@contextlib.asynccontextmanager
async def laid(netns, daemons):
    """An underlay, and no process left of it."""
    with tempfile.TemporaryDirectory(prefix="smis") as folder:  # a socket's path must be short
        made = Underlay(netns, Path(folder), daemons)
        try:
            yield made
        finally:
            for gateway in made.gateways:
                for pid in gateway.daemons():
                    os.kill(pid, signal.SIGKILL)
                await gateway.close()
                gateway.room.close()
