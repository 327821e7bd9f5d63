"""One broker and many clusters: cold sync, fan-out of a change, requests at rest, memory.

``python benchmarks/broker.py`` starts an etcd and an API server of its own (``make kube-assets``)
and fills a broker with 512 clusters. One process is a gateway that starts cold; another holds the
watches of ``--watchers`` gateways, and is told of ``--changes`` changes. Needs no root.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from submariner_kubernetes.client import KubeClient
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.transport import KubernetesTransport
from submariner_lab.etcd import Etcd
from submariner_lab.kube import assets
from submariner_lab.kube.admin import Admin, options
from submariner_lab.kube.server import ApiServer

from submariner_core.api.naming import (
    CLUSTER_ID_LABEL,
    EPOCH_ANNOTATION,
    cable_name,
    endpoint_name,
    sanitise,
)
from submariner_core.api.transport import Kind, Put, Record, Ref, Snapshot
from submariner_core.reconcile.stores import StoreView, fold

BROKER = "submariner-k8s-broker"
SYNCED = (Kind.CLUSTER, Kind.ENDPOINT)
CHANGED = "benchmark.submariner.io/changed"
AT_ONCE = 16


def now() -> float:
    """Seconds of the boot clock, which all processes of this machine share."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def resident() -> float:
    """Resident memory of this process in MiB."""
    text = Path("/proc/self/status").read_text("ascii")
    found = re.search(r"VmRSS:\s+(\d+)", text)
    return int(found.group(1)) / 1024 if found else 0.0


def cluster(number: int) -> tuple[Record, Record]:
    """The two objects of one cluster."""
    name, address = f"cluster-{number}", ipaddress.ip_address("172.16.0.1") + number
    pods = ipaddress.ip_network((int(ipaddress.ip_address("10.0.0.0")) + number * 2**12, 20))
    labels, annotations = {CLUSTER_ID_LABEL: name}, {EPOCH_ANNOTATION: "1"}
    cable = cable_name(name, address)
    ranges = {"cluster_cidr": [str(pods)], "service_cidr": [], "global_cidr": []}
    endpoint = {
        "cluster_id": name,
        "cable_name": cable,
        "hostname": f"{name}-1",
        "backend": "vxlan",
        "private_ip": str(address),
        "public_ip": "",
        "nat_enabled": False,
        "subnets": [str(pods)],
        "backend_config": {"udp-port": "4500"},
    }
    spec = {"cluster_id": name, **ranges}
    return (
        Record(Ref(Kind.CLUSTER, sanitise(name)), {"spec": spec}, labels, annotations),
        Record(
            Ref(Kind.ENDPOINT, endpoint_name(name, cable)), {"spec": endpoint}, labels, annotations
        ),
    )


@contextlib.contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """An API server with an etcd, and our definitions."""
    found = assets.find()
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    client, peer, secure = (one.getsockname()[1] for one in sockets)
    for one in sockets:
        one.close()
    etcd = Etcd(found.etcd, folder / "etcd", "127.0.0.1", client, peer)
    server = ApiServer(found, folder, "benchmark", etcd.url, "127.0.0.1", secure)
    server.prepare()
    running: list[subprocess.Popen[bytes]] = []
    with (folder / "log").open("wb") as log:
        try:
            running += [
                subprocess.Popen(command, stdout=log, stderr=log)
                for command in (etcd.command(), server.command())
            ]
            admin = Admin(server)
            admin.until_ready()
            admin.install_definitions()
            admin.make_namespace(BROKER)
            yield server
        finally:
            for process in reversed(running):
                process.kill()
                process.wait()


@contextlib.asynccontextmanager
async def transport(place: dict[str, str]) -> AsyncIterator[KubernetesTransport]:
    """A gateway's way to the broker."""
    one = KubernetesTransport(KubeClient(KubernetesOptions.model_validate(place), "broker", 60.0))
    try:
        yield one
    finally:
        await one.close()


async def cold(place: dict[str, str]) -> None:
    """A gateway that starts: connect, list, decode everything; printed as JSON."""
    before, began = resident(), now()
    async with transport(place) as broker:
        async for event in broker.watch(SYNCED):
            view = fold(StoreView(), event, 0.0)
            break
    print(json.dumps({"s": now() - began, "before": before, "after": resident(),
                      "endpoints": len(view.endpoints())}))  # fmt: skip


async def watching(place: dict[str, str], count: int, changes: int) -> None:
    """So many gateways' watches; when each was told of each change, printed as JSON at the end."""
    seen: list[float] = []
    ready = asyncio.Barrier(count + 1)

    async def one() -> None:
        async with transport(place) as broker:
            told = 0
            async for event in broker.watch(SYNCED):
                if isinstance(event, Snapshot):
                    await ready.wait()
                elif isinstance(event, Put) and CHANGED in event.record.annotations:
                    seen.append(now() - float(event.record.annotations[CHANGED]))
                    told += 1
                if told == changes:
                    return

    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(one())
        await ready.wait()
        print("ready", flush=True)
    print(json.dumps(seen))


async def fill(place: dict[str, str], clusters: int) -> float:
    """Write all clusters' objects; the seconds it took."""
    began, room = now(), asyncio.Semaphore(AT_ONCE)
    async with transport(place) as broker:

        async def put(record: Record) -> None:
            async with room:
                await broker.put(record, None)

        async with asyncio.TaskGroup() as tasks:
            for number in range(clusters):
                for record in cluster(number):
                    tasks.create_task(put(record))
    return now() - began


async def change(place: dict[str, str], changes: int) -> None:
    """Change one Endpoint, ten times a second, stamped with the moment before it is written."""
    _, endpoint = cluster(0)
    async with transport(place) as broker:
        for _ in range(changes):
            stamp = {**endpoint.annotations, CHANGED: repr(now())}
            await broker.put(Record(endpoint.ref, endpoint.body, endpoint.labels, stamp), None)
            await asyncio.sleep(0.1)


def requests(admin: Admin) -> float:
    """How many requests for our kinds the API server has answered."""
    text = admin.call("GET", "/metrics")["text"]
    pattern = r'^apiserver_request_total\{[^}]*group="submariner.io"[^}]*\} (\S+)'
    found = re.findall(pattern, text, re.MULTILINE)
    return sum(map(float, found))


def main() -> None:
    """Run everything and print one line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clusters", type=int, default=512)
    parser.add_argument("--watchers", type=int, default=64)
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--rest", type=float, default=120.0, help="seconds at rest")
    parser.add_argument("--as", dest="part", choices=["cold", "watching"], help=argparse.SUPPRESS)
    parser.add_argument("--place", type=json.loads, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part == "cold":
        return asyncio.run(cold(asked.place))
    if asked.part == "watching":
        return asyncio.run(watching(asked.place, asked.watchers, asked.changes))
    with tempfile.TemporaryDirectory() as folder, api_server(Path(folder)) as server:
        place = options(server, BROKER)
        again = [sys.executable, __file__, "--place", json.dumps(place)]
        took = asyncio.run(fill(place, asked.clusters))
        print(f"{asked.clusters} clusters written in {took:.1f} s")
        told = [json.loads(subprocess.check_output([*again, "--as", "cold"])) for _ in range(5)]
        assert all(one["endpoints"] == asked.clusters for one in told)
        times = sorted(one["s"] for one in told)
        print(f"cold sync: {times[2]:.2f} s (of 5: {times[0]:.2f} to {times[-1]:.2f})")
        print(f"resident: {told[0]['after']:.0f} MiB, {told[0]['before']:.0f} before the sync")
        more = ["--as", "watching", f"--watchers={asked.watchers}", f"--changes={asked.changes}"]
        with subprocess.Popen([*again, *more], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            before = requests(Admin(server))
            time.sleep(asked.rest)
            rate = (requests(Admin(server)) - before) / asked.rest / asked.watchers
            print(f"at rest: {rate:.3f} requests a second for each gateway's watches")
            asyncio.run(change(place, asked.changes))
            seen = sorted(json.loads(process.stdout.read()))
        p50, p99 = (1000 * seen[int(len(seen) * part)] for part in (0.5, 0.99))
        print(f"fan-out to {asked.watchers}: p50 {p50:.0f} ms, p99 {p99:.0f} ms, "
              f"max {1000 * seen[-1]:.0f} ms ({len(seen)} told)")  # fmt: skip
    return None


if __name__ == "__main__":
    main()
