"""How long it takes until the cables to many remote gateways stand: ours, and one whack at a time.

    unshare --net --mount .venv/bin/python benchmarks/ipsec_bring_up.py [--remotes 1 64 256]
    .ci/kernel/run -m 4096 -t 1800 -- unshare --net --mount … benchmarks/ipsec_bring_up.py

One charon in another namespace answers for all remotes, each with an address and a subnet of its
own. The driver makes all cables at once, through charon and through pluto; the loop makes them as
upstream does: three calls of whack for each, one after the other. Without ESP in the kernel there
is charon only. The clock runs from the first call until every child SA stands. Needs root.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import structlog
from pydantic import SecretStr
from submariner_lab import ipsec, namespaces
from submariner_libreswan.credentials import Credentials, Psk
from submariner_libreswan.daemon import Daemon, Terms
from submariner_libreswan.driver import LibreswanDriver
from submariner_libreswan.options import ESP, IKE, LibreswanOptions
from submariner_libreswan.plane import Plane, detect
from submariner_libreswan.pluto.pluto import Pluto
from submariner_libreswan.pluto.whack import program
from submariner_libreswan.strongswan.charon import Charon
from submariner_libreswan.strongswan.files import configuration
from submariner_libreswan.tunnel import Tunnel, tunnel_of

from submariner_core.api.cable import Cable, LocalGateway
from submariner_core.api.model import ConnectionStatus, Endpoint
from submariner_core.api.naming import cable_name
from submariner_core.kernel import Kernel

PREFIX = ("unshare", "--mount", "--propagation", "private", *ipsec.entry())
PSK = "a benchmark's secret, of no use anywhere else"
PEERS = "submariner-bench-peers"
PORT = 4500
OWN = IPv4Address("172.31.0.1")
LIMIT = 600.0


def endpoint(number: int) -> Endpoint:
    """Gateway ``number``, 0 the own one, of a cluster of its own with a prefix of its own."""
    name, address = (f"c{number}", IPv4Address("172.31.1.0") + number) if number else ("a", OWN)
    return Endpoint(
        cluster_id=name,
        cable_name=cable_name(name, address),
        hostname=f"gateway-{number}",
        subnets=(IPv4Network((int(IPv4Address("10.0.0.0")) + (number << 8), 24)),),
        private_ip=address,
        public_ip=None,
        nat_enabled=False,
        backend="libreswan",
        backend_config={"udp-port": str(PORT)},
    )


def cable_to(remote: Endpoint) -> Cable:
    """A cable to a gateway of ours, on the first slot."""
    return Cable(remote.cable_name, remote, 0, remote.private_ip, PORT)


def tunnel(own: Endpoint, remote: Endpoint) -> Tunnel:
    """The tunnel as the driver has it, but for the interface."""
    found = tunnel_of(own, cable_to(remote), port=PORT, force_encaps=False, interfaces=False)
    return replace(found, name=f"submariner-cable-{own.cluster_id}-{remote.cluster_id}")


def terms(plane: Plane) -> Terms:
    """What both ends have in common with the driver."""
    return Terms(PORT, plane, Credentials((Psk(PSK),)), IKE, ESP)


def make_underlay(remotes: int) -> None:
    """This namespace is the own gateway; another one has all addresses of the remotes.

    charon in user space wants an address of each subnet that it is to carry.
    """

    def inner(number: int) -> str:
        return f"address add {endpoint(number).subnets[0][1]}/32 dev lo"

    namespaces.batch(
        (
            "link set lo up",
            inner(0),
            f"link add own type veth peer name peers netns {PEERS}",
            f"address add {OWN}/16 dev own",
            "link set own up",
        )
    )
    numbers = range(1, remotes + 1)
    addresses = [f"address add {endpoint(n).private_ip}/16 dev peers" for n in numbers]
    lines = ("link set lo up", *map(inner, numbers), *addresses, "link set peers up")
    namespaces.batch(lines, PEERS)


@contextlib.asynccontextmanager
async def answering(
    plane: Plane, remotes: Sequence[Endpoint], folder: Path
) -> AsyncIterator[None]:
    """A charon in the other namespace that answers for all remotes.

    To it they are one caller, which it would take for an attacker otherwise.
    """
    vici, conf, log = (folder / name for name in ("charon.vici", "strongswan.conf", "charon.log"))
    folder.mkdir()
    text = configuration(PORT, plane, vici, log, debug=False)
    conf.write_text(text.replace("{\n", "{\n    dos_protection = no\n", 1))
    words = ("ip", "netns", "exec", PEERS, *PREFIX, "env", f"STRONGSWAN_CONF={conf}")
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = await asyncio.create_subprocess_exec(*words, "charon-systemd", **silent)
    far = Charon(folder, managed=False, socket=vici)
    try:
        # policies without interfaces, and no trap: it only answers
        await far.start(terms(Plane.INTERFACES if plane is not Plane.USERSPACE else plane))
        for remote in remotes:
            await far.load(tunnel(remote, endpoint(0)))
        yield
    finally:
        await far.close()
        namespaces.kill_all((PEERS,))
        await process.wait()


def daemon(kind: str, folder: Path) -> Daemon:
    """The own end's daemon."""
    if kind == "pluto":
        return Pluto(folder, managed=True, prefix=PREFIX)
    words = (*PREFIX, "charon-systemd")
    return Charon(folder, managed=True, socket=folder / "unused", program=words)


async def by_driver(kind: str, remotes: Sequence[Endpoint], folder: Path) -> float:
    """Seconds until all cables are connected that the driver is asked for at once."""
    options = LibreswanOptions(port=PORT, psk=SecretStr(PSK))
    driver = LibreswanDriver(options, folder, daemon(kind, folder / kind))
    try:
        await driver.open(LocalGateway(endpoint(0)))
        began = time.monotonic()
        await asyncio.gather(*(driver.connect(cable_to(remote)) for remote in remotes))
        async with contextlib.aclosing(driver.watch()) as watch:
            async for states in watch:
                making = [one for one in states if one.status is not ConnectionStatus.CONNECTED]
                if len(states) == len(remotes) and not making:
                    break
                if time.monotonic() - began > LIMIT:
                    raise TimeoutError(f"not all stand: {making[:3]}")
        return time.monotonic() - began
    finally:
        await driver.cleanup()
        await driver.close()


async def by_whack(remotes: Sequence[Endpoint], folder: Path) -> float:
    """Seconds with whack called three times for each remote, in turn, as upstream calls it."""
    pluto = Pluto(folder, managed=True, prefix=PREFIX)
    await pluto.start(terms(Plane.POLICIES))
    whack = (*PREFIX, program("whack"), "--ctlsocket", str(folder / "run" / "pluto.ctl"))

    def ask(*words: str) -> str:
        return subprocess.run(
            (*whack, *words), check=False, capture_output=True, text=True, timeout=60
        ).stdout

    def all_of_them() -> None:
        for remote in remotes:
            name, there = f"{remote.cable_name}-0-0", str(remote.private_ip)
            ask(
                *("--psk", "--encrypt", "--no-esn", "--name", name),
                *("--id", str(OWN), "--host", str(OWN), "--client", str(endpoint(0).subnets[0])),
                *("--ikeport", str(PORT), "--to", "--id", there, "--host", there),
                *("--client", str(remote.subnets[0]), "--ikeport", str(PORT)),
                *("--dpdaction=hold", "--dpddelay", "30"),
            )
            ask("--route", "--name", name)
            ask("--initiate", "--asynchronous", "--name", name)
        deadline = time.monotonic() + LIMIT
        while ask("--trafficstatus").count("inBytes") < len(remotes):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not all stand: {ask('--trafficstatus')}")
            time.sleep(0.1)

    try:
        began = time.monotonic()
        await asyncio.to_thread(all_of_them)
        return time.monotonic() - began
    finally:
        for remote in remotes:
            await asyncio.to_thread(ask, "--delete", "--name", f"{remote.cable_name}-0-0")
        await pluto.stop()


async def compare(counts: Sequence[int], rounds: int) -> None:
    """Print a row for each number of remotes and each way."""
    async with Kernel() as kernel:
        plane = await detect(kernel)
    ways = ("charon", "pluto", "whack") if plane is not Plane.USERSPACE else ("charon",)
    print(f"data plane: {plane}", flush=True)
    for count in counts:
        remotes = [endpoint(number + 1) for number in range(count)]
        for number in range(rounds):
            for way in ways[:: -1 if number % 2 else 1]:
                folder = Path(tempfile.mkdtemp(prefix="smib"))  # a socket's path must be short
                try:
                    async with answering(plane, remotes, folder / "far"):
                        if way == "whack":
                            took = await by_whack(remotes, folder / way)
                        else:
                            took = await by_driver(way, remotes, folder)
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                print(f"{count:4} remotes, {way:6}: {took:8.2f} s", flush=True)


def main() -> None:
    """Read the command line, and make an underlay of this namespace and another."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--remotes", type=int, nargs="+", default=[1, 64, 256])
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    if [name for _, name in socket.if_nameindex()] != ["lo"]:
        parser.error("this would change the machine's own network: start it with unshare --net")
    subprocess.run(["ip", "netns", "add", PEERS], check=True)
    try:
        make_underlay(max(given.remotes))
        asyncio.run(compare(given.remotes, given.rounds))
    finally:
        namespaces.kill_all((PEERS,))
        subprocess.run(["ip", "netns", "delete", PEERS], check=True)


if __name__ == "__main__":
    sys.exit(main())
