"""Requests a second at rest, of each gateway and route agent, at their API servers.

    python benchmarks/requests.py --seconds 120

Builds a lab of two clusters with API servers for stores (root, `make kube-assets`), waits until
all is settled, and counts in the servers' audit logs who asked for what meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from submariner_lab import Lab, LabSpec
from submariner_lab.kube.store import KubeStore

WHO = {
    "submariner-gateway": "gateway",
    "submariner-routeagent": "route agent",
}


async def measure(seconds: float, nodes: int, gateways: int) -> dict[str, dict[str, float]]:
    """Requests a second by who asks, and then by what is asked."""
    async with Lab(LabSpec(store="k8s", nodes=nodes, gateways=gateways)) as lab:
        await lab.until(lab.settled, 180, "every gateway is ready and connected")
        await lab.until(lab.following, 60, "every node sends through its leader")
        stores = [store for store in lab.stores if isinstance(store, KubeStore)]
        logs = [store.apiserver.audit_log for store in stores]
        began = [log.stat().st_size for log in logs]
        await asyncio.sleep(seconds)
        counted: dict[str, Counter[str]] = {}
        leaders = {str(cluster.leader.site.address) for cluster in lab.clusters}
        clusters = len(lab.clusters)
        for log, offset in zip(logs, began, strict=True):
            for event in events(log, offset):
                who = role(event, leaders)
                counted.setdefault(who, Counter())[what(event)] += 1
    people = {
        "active gateway": clusters,
        "passive gateway": clusters * (gateways - 1),
        "route agent": clusters * nodes,
        "cluster, at the broker": clusters,
    }
    return {
        who: {of: count / seconds / people[who] for of, count in found.most_common()}
        for who, found in sorted(counted.items())
    }


def events(log: Path, offset: int) -> Iterator[dict[str, Any]]:
    """What a server has written since."""
    with log.open("rb") as file:
        file.seek(offset)
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


def role(event: dict[str, Any], leaders: set[str]) -> str:
    """Who asked."""
    account = event["user"]["username"].rpartition(":")[2]
    if account not in WHO:
        return "cluster, at the broker"
    if WHO[account] == "route agent":
        return "route agent"
    return "active gateway" if event["sourceIPs"][0] in leaders else "passive gateway"


def what(event: dict[str, Any]) -> str:
    """Such as ``update leases``."""
    return f"{event['verb']} {event['objectRef']['resource']}"


def main() -> None:
    """Print a table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seconds", type=float, default=120)
    asked.add_argument("--nodes", type=int, default=3)
    asked.add_argument("--gateways", type=int, default=2)
    given = asked.parse_args()
    found = asyncio.run(measure(given.seconds, given.nodes, given.gateways))
    print("| each | requests/s | of which |\n|---|---|---|")
    for who, by in found.items():
        most = ", ".join(f"{of} {rate:.2f}" for of, rate in by.items())
        print(f"| {who} | {sum(by.values()):.2f} | {most} |")


if __name__ == "__main__":
    main()
