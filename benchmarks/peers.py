"""What many peers cost the WireGuard driver: time to program them, and processor time at rest.

    unshare --net --mount .venv/bin/python benchmarks/peers.py [--peers 512]

The peers do not exist. With a keepalive, WireGuard tries a handshake with each of them every 5 s,
which is the most that a peer at rest can cost; without one it waits. Needs root.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import os
import socket
import subprocess
import tempfile
import time
from base64 import b64encode
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import structlog
from submariner_wireguard.driver import WireGuardDriver
from submariner_wireguard.options import WireGuardOptions
from submariner_wireguard.userspace import SOCKETS

from submariner_core.api.cable import Cable, LocalGateway
from submariner_core.api.model import Endpoint
from submariner_core.api.naming import cable_name

UNDERLAY = """\
link set lo up
link add underlay type bridge
address add 172.31.0.1/32 dev underlay
link set underlay up
neighbour add 172.31.255.254 lladdr 02:00:00:00:00:01 dev underlay nud permanent
route add 172.31.0.0/16 via 172.31.255.254 dev underlay onlink
"""
"""Peers are behind a router: else a daemon waits for each one's MAC, its send buffer full."""


def endpoint(number: int) -> Endpoint:
    """Gateway ``number`` of a cluster of its own, with a prefix of its own."""
    address = IPv4Address("172.31.0.0") + number
    key = hashlib.sha256(str(number).encode()).digest()
    return Endpoint(
        cluster_id=f"c{number}",
        cable_name=cable_name(f"c{number}", address),
        hostname=f"gateway-{number}",
        subnets=(IPv4Network((int(IPv4Address("10.0.0.0")) + (number << 8), 24)),),
        private_ip=address,
        public_ip=None,
        nat_enabled=False,
        backend="wireguard",
        backend_config={"publicKey": b64encode(key).decode(), "udp-port": "4500"},
    )


def cables(count: int) -> list[Cable]:
    """Cables to so many gateways."""
    remotes = [endpoint(number) for number in range(2, count + 2)]
    return [Cable(one.cable_name, one, 0, one.private_ip, 4500) for one in remotes]


def daemons() -> float:
    """Processor seconds of every wireguard-go of this network namespace."""
    own, total = Path("/proc/self/ns/net").stat().st_ino, 0.0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "ns/net").stat().st_ino != own:
                continue
            name, _, rest = (process / "stat").read_text().rpartition(")")
            if name.endswith("wireguard-go"):
                total += sum(map(int, rest.split()[11:13])) / os.sysconf("SC_CLK_TCK")
    return total


async def at_rest(driver: WireGuardDriver, seconds: float) -> tuple[float, float]:
    """Share of a core in per cent: of the driver that observes as ever, and of the daemons."""
    before = time.process_time(), daemons()
    began = time.monotonic()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for _ in driver.watch():
                pass
    after, took = (time.process_time(), daemons()), time.monotonic() - began
    return (after[0] - before[0]) / took * 100, (after[1] - before[1]) / took * 100


async def measure(implementation: str, count: int, seconds: float, keepalive: int) -> None:
    """Make the peers, adopt them in a second driver, rest; then remove all."""
    options = WireGuardOptions.model_validate(
        {"psk": "a benchmark's", "implementation": implementation, "keepalive": keepalive}
    )
    with tempfile.TemporaryDirectory() as folder:
        driver = WireGuardDriver(options, Path(folder))
        try:
            await driver.open(LocalGateway(endpoint(1)))
            wanted = cables(count)
            began = time.monotonic()
            for cable in wanted:
                await driver.connect(cable)
            print(f"programmed {count} peers in {time.monotonic() - began:.2f} s")
            await driver.close()
            driver = WireGuardDriver(options, Path(folder))
            began = time.monotonic()
            await driver.open(LocalGateway(endpoint(1)))
            for cable in wanted:
                await driver.connect(cable)
            print(f"adopted {count} peers in {time.monotonic() - began:.2f} s")
            for _ in range(2):  # handshakes are due for the first seconds
                share = await at_rest(driver, seconds)
            print(
                f"at rest, keepalive {keepalive} s: driver {share[0]:.1f} %,"
                f" daemon {share[1]:.1f} % of a core"
            )
        finally:
            await driver.cleanup()
            await driver.close()


def main() -> None:
    """Read the command line, and make an underlay in this namespace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--implementation", choices=["userspace", "kernel"], default="userspace")
    parser.add_argument("--peers", type=int, default=512)
    parser.add_argument("--seconds", type=float, default=15.0)
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    if [name for _, name in socket.if_nameindex()] != ["lo"]:
        parser.error("this would change the machine's own network: start it with unshare --net")
    subprocess.run(["ip", "-batch", "-"], input=UNDERLAY, text=True, check=True)
    SOCKETS.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", SOCKETS], check=True)
    for keepalive in (10, 0):
        asyncio.run(measure(given.implementation, given.peers, given.seconds, keepalive))


if __name__ == "__main__":
    main()
