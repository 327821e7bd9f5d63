"""Throughput and latency between pods: through this project, and through a tunnel made by hand.

    .venv/bin/python benchmarks/data_path.py [--driver libreswan] [--rounds 5] [--bare]

Two labs of two nodes each stand at once, one with the daemons, one with a tunnel made by hand: two
``wg`` devices; or SAs and policies of ``ip xfrm``, or, where the kernel has no ESP, two charons.
Each round measures one after the other, so that what else the machine does reaches both. Needs
root.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from by_hand import ByHand
from ipsec_by_hand import Charons, StaticSAs
from submariner_lab import Lab, LabSpec, Node

STREAM = Path(__file__).with_name("stream.py")
PORT = 5201
Pair = tuple[Node, Node]


def throughput(source: Node, sink: Node, seconds: float) -> float:
    """Mbit/s of one TCP stream from pod to pod."""
    address = str(sink.site.pod_address)
    server = subprocess.Popen(
        _in_pod(sink, sys.executable, "-I", STREAM, "serve", address, PORT),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        server.stdout.readline()
        client = _in_pod(source, sys.executable, "-I", STREAM, "send", address, PORT, seconds)
        subprocess.run(client, check=True, timeout=seconds + 30)
        said, _ = server.communicate(timeout=30)
    finally:
        server.kill()
        server.wait()
    return float(said)


def latency(source: Node, sink: Node, count: int) -> float:
    """Median round trip of ICMP echo from pod to pod, in µs."""
    command = _in_pod(source, "ping", "-c", count, "-i", "0.01", sink.site.pod_address)
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    return statistics.median(float(ms) * 1000 for ms in re.findall(r"time=([\d.]+)", said))


def _in_pod(node: Node, *command: object) -> list[str]:
    return ["ip", "netns", "exec", node.site.pod_netns, *map(str, command)]


def _pair(lab: Lab) -> Pair:
    east, west = lab.clusters
    return east.nodes[0], west.nodes[0]


def _options(driver: str, implementation: str) -> dict[str, dict[str, str]]:
    if driver == "wireguard":
        return {driver: {"implementation": implementation}}
    plane = "interfaces" if implementation == "kernel" else implementation
    return {driver: {"daemon": "strongswan", "data_plane": plane}}


def _by_hand(
    driver: str, implementation: str, pair: Pair, folder: Path, bare: bool
) -> ByHand | StaticSAs | Charons:
    if driver == "wireguard":
        return ByHand(pair, implementation, folder, bare=bare)
    if implementation == "kernel":
        return StaticSAs(pair, bare=bare)
    return Charons(pair, folder, bare=bare)


async def compare(
    driver: str, implementation: str, rounds: int, seconds: float, bare: bool
) -> None:
    """Print a line per round, and the medians with their ratio."""
    options = _options(driver, implementation)
    spec = LabSpec(nodes=1, gateways=1, driver=driver, options=options)
    async with Lab(spec) as ours, Lab(replace(spec, daemons=False)) as other:
        await ours.until(ours.settled, 120, "every cable is up")
        with tempfile.TemporaryDirectory() as folder:
            by_hand = _by_hand(driver, implementation, _pair(other), Path(folder), bare)
            by_hand.open()
            try:
                await _measure({"ours": _pair(ours), "by hand": _pair(other)}, rounds, seconds)
            finally:
                by_hand.close()


async def _measure(pairs: dict[str, Pair], rounds: int, seconds: float) -> None:
    for pair in pairs.values():  # the first packet makes the handshake
        await asyncio.to_thread(latency, *pair, 20)
    rates: dict[str, list[float]] = {name: [] for name in pairs}
    times: dict[str, list[float]] = {name: [] for name in pairs}
    for number in range(rounds):
        for name, pair in list(pairs.items())[:: -1 if number % 2 else 1]:
            rates[name].append(await asyncio.to_thread(throughput, *pair, seconds))
            times[name].append(await asyncio.to_thread(latency, *pair, 200))
            print(f"{name:8} {rates[name][-1]:8.0f} Mbit/s {times[name][-1]:8.0f} µs")
    for what, unit, figures in (("throughput", "Mbit/s", rates), ("latency", "µs", times)):
        ours, hand = (statistics.median(figures[name]) for name in ("ours", "by hand"))
        print(f"{what}: ours {ours:.0f}, by hand {hand:.0f} {unit}; ratio {ours / hand:.3f}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--driver", choices=["wireguard", "libreswan"], default="wireguard")
    parser.add_argument("--implementation", choices=["userspace", "kernel"], default="userspace")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--bare", action="store_true", help="by hand without a packet filter")
    given = parser.parse_args()
    arguments = (given.driver, given.implementation, given.rounds, given.seconds, given.bare)
    asyncio.run(compare(*arguments))


if __name__ == "__main__":
    main()
