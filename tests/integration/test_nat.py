"""Clusters behind routers that translate, WireGuard between them; nobody is told of a NAT.

``nat_enabled`` is false everywhere, so what upstream assumes (the private address) would fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from submariner_lab import Cluster, Lab, LabSpec

from submariner_core.api.naming import IPAddress

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]

START = 90.0


def used(cluster: Cluster) -> set[tuple[str, str, bool]]:
    """Own gateway, the address it sends to, and whether it knows of a NAT, for each cable."""
    return {
        (name, str(one.using_ip), one.using_nat)
        for name, gateway in cluster.gateways.items()
        for one in gateway.status.connections
    }


def at(cluster: Cluster, addresses: Iterable[IPAddress | None]) -> set[tuple[str, str, bool]]:
    """What ``used`` is to be: each gateway sends to all of these, through a NAT."""
    return {(node.site.name, str(one), True) for node in cluster.nodes for one in addresses}


EITHER = pytest.mark.parametrize(
    "implementation", ["userspace", pytest.param("kernel", marks=pytest.mark.kernel)]
)


@EITHER
async def test_a_cluster_behind_nat_is_found_at_its_public_addresses(implementation: str) -> None:
    options = {"wireguard": {"implementation": implementation}}
    spec = LabSpec(nodes=2, driver="wireguard", options=options, nat=("west",))
    async with Lab(spec) as lab:
        await lab.until(lab.settled, START, "every gateway is ready and connected")
        east, west = lab.clusters
        expected = {  # west reaches east before it learns of its own NAT
            "east": at(east, {peer.site.public for peer in west.nodes}),
            "west": at(west, {peer.site.address for peer in east.nodes}),
        }

        def found() -> bool:
            return expected == {"east": used(east), "west": used(west)}

        await lab.until(found, START, "every cable knows of the NAT")
        for source, target in ((east, west), (west, east)):
            seen = await lab.ask(source.nodes[-1], target.nodes[-1])
            assert seen.peer == source.nodes[-1].site.pod_address
        assert lab.crashes() == []


@EITHER
async def test_a_forgotten_forward_is_named_before_a_failover_needs_it(
    implementation: str,
) -> None:
    """Both sides behind NAT: the standbys' cable has no open port on either."""
    spec = LabSpec(
        nodes=2,
        driver="wireguard",
        options={"wireguard": {"implementation": implementation}},
        nat=("east", "west"),
        unforwarded=(4501,),
    )
    async with Lab(spec) as lab:
        east, west = lab.clusters
        await lab.until(lab.connected, START, "the leaders are connected")

        def told(cluster: Cluster) -> str:
            return cluster.gateways[cluster.leader.site.name].status.status_failure

        def named() -> bool:
            return all(":4501 does not answer" in told(cluster) for cluster in lab.clusters)

        await lab.until(named, START, "both leaders name the port")
        for cluster, other in ((east, west), (west, east)):
            [standby] = [node for node in cluster.nodes if node is not cluster.leader]
            [beyond] = [node for node in other.nodes if node is not other.leader]
            assert told(cluster).startswith(  # a slow machine's probes may be named after it
                f"{standby.site.name} has no cable to {beyond.site.name} of cluster {other.name}: "
                f"UDP {beyond.site.public}:4501 does not answer; open or forward that port"
            )
        seen = await lab.ask(east.nodes[-1], west.nodes[-1])
        assert seen.peer == east.nodes[-1].site.pod_address

        for router in lab.routers:
            await asyncio.to_thread(router.forward)
        await lab.until(lab.settled, START, "every gateway is ready and connected")

        def silent() -> bool:
            return not any("does not answer" in told(cluster) for cluster in lab.clusters)

        await lab.until(silent, START, "no port is named")
        assert lab.crashes() == []
