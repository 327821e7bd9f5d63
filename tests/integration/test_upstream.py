"""Upstream's own daemons beside ours: on one broker, in one cluster, one in the other's place."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from submariner_lab import LabSpec
from submariner_lab.cluster import Cluster
from submariner_lab.kube.manifests import OWN
from submariner_lab.kube.store import KubeStore
from submariner_lab.node import Node

from submariner_core.api.model import HAStatus
from tests.integration.beside import SECONDS, reachable, running

pytestmark = [pytest.mark.kube, pytest.mark.asyncio, pytest.mark.timeout(600)]

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{OWN}/leases/submariner-gateway-lock"
BOTH = LabSpec(store="k8s", nodes=2, gateways=2)


def leaders(cluster: Cluster) -> set[str]:
    """The gateways that their own cluster's store calls active."""
    found = cluster.gateways.items()
    return {name for name, gateway in found if gateway.status.ha_status is HAStatus.ACTIVE}


async def test_a_cluster_of_ours_and_one_of_upstreams_are_one_network() -> None:
    """Over one broker, with its policy; whichever side's gateway fails, the other follows."""
    async with running(replace(BOTH, upstream=("west",))) as lab:
        east, west = lab.clusters
        refused = [o for o in lab.view.endpoints("broker") if o.refused]
        assert refused == []

        epoch, ours = east.epoch, east.leader
        ours.power_off()
        await lab.until(lambda: east.epoch > epoch, SECONDS, "another gateway of ours leads")
        survivor = next(node for node in east.nodes if node is not ours)
        await lab.until(
            lambda: west.reaches(west.leader) == {survivor.site.name},
            SECONDS,
            "upstream's gateway has followed",
        )
        ours.power_on()
        await reachable(lab)

        (name,) = leaders(west)
        theirs = next(node for node in west.nodes if node.site.name == name)
        theirs.gateway.kill()
        other = next(node for node in west.nodes if node is not theirs)
        await lab.until(
            lambda: east.reaches(east.leader) == {other.site.name},
            SECONDS,
            "our gateway has followed",
        )
        theirs.start()
        await reachable(lab)


async def test_upstream_is_replaced_in_place_route_agents_first() -> None:
    """As deploy/README.md tells; the one gap is upstream's Lease, which it keeps."""
    async with running(replace(BOTH, upstream=("west",))) as lab:
        east, west = lab.clusters
        for node in west.nodes:
            node.route_agent.terminate()
            await node.route_agent.wait(40)
            node.replace("route-agent")
            node.start()
            await reachable(lab)
        (name,) = leaders(west)
        for node in sorted(west.nodes, key=lambda node: node.site.name == name):
            node.gateway.terminate()
            await node.gateway.wait(40)
            node.replace("gateway")
            node.start()
            await reachable(lab)
        await lab.until(lab.settled, SECONDS, "every cable is up")
        for cluster in lab.clusters:
            for gateway in cluster.gateways.values():
                assert gateway.status.status_failure == ""
        async with lab.flow(east.nodes[-1], west.nodes[-1]) as flow:
            await flow.established()
            epoch = west.epoch
            west.leader.gateway.terminate()
            await lab.until(lambda: west.epoch > epoch, SECONDS, "a hand-over as between ours")
            await flow.flowing(1000)
        assert flow.report.lost == 0


async def test_gateways_of_both_contend_for_one_lease_and_say_so() -> None:
    """A cluster half replaced: whoever leads, the other one waits, and takes over after it."""
    async with running(replace(BOTH, upstream=("west-2",))) as lab:
        _, west = lab.clusters
        ours, theirs = west.nodes
        for first, second in ((ours, theirs), (theirs, ours)):
            first.gateway.kill()
            await lab.until(partial(leads, west, second), SECONDS, f"{second} leads")
            first.start()
            await reachable(lab)
            failure = west.gateways[ours.site.name].status.status_failure
            assert ("held by west-2-submariner-gateway" in failure) is (second is theirs)


async def leads(cluster: Cluster, node: Node) -> bool:
    """Whether the gateway on ``node`` holds the Lease, and says that it is active."""
    assert isinstance(cluster.store, KubeStore)
    if node.site.name not in leaders(cluster):
        return False
    lease = await cluster.store.call("GET", LEASE)
    return str(lease["spec"].get("holderIdentity")).startswith(node.site.name)
