"""Clusters whose stores are real API servers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from submariner_lab import Lab, LabSpec
from submariner_lab.errors import LabError
from submariner_lab.kube import assets
from submariner_lab.kube.store import KubeStore
from submariner_lab.matrix import questions, try_all

from submariner_core.api.model import Gateway

STATUS = "gateway.submariner.io/status"

pytestmark = [
    pytest.mark.kube,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_lab() -> AsyncIterator[Lab]:
    if os.geteuid() != 0:
        pytest.skip("makes network namespaces: run as root")
    try:
        assets.find()
    except LabError as error:
        pytest.skip(str(error))
    async with Lab(LabSpec(store="k8s")) as lab:
        yield lab


@pytest_asyncio.fixture(loop_scope="module")
async def lab(shared_lab: Lab) -> AsyncIterator[Lab]:
    await shared_lab.restore(120)
    yield shared_lab
    assert shared_lab.crashes() == []


async def test_pods_of_two_clusters_reach_each_other(lab: Lab) -> None:
    answers = await try_all(questions(lab))
    assert [answer.failure for answer in answers if answer.failure] == []


async def test_a_leader_that_leaves_hands_over_through_the_lease_and_not_a_packet_is_lost(
    lab: Lab,
) -> None:
    east, west = lab.clusters
    epoch, leader = east.epoch, east.leader
    async with lab.flow(east.nodes[-1], west.nodes[-1]) as flow:
        await flow.established()
        leader.gateway.terminate()
        await lab.until(lambda: east.epoch == epoch + 1, 30, "another gateway leads")
        assert await leader.gateway.wait(40) == 0
        await flow.flowing(1000)
    assert east.leader is not leader
    assert flow.report.lost == 0


async def test_cordoning_the_leaders_node_hands_over_without_loss_and_pod_labels_follow(
    lab: Lab,
) -> None:
    east, west = lab.clusters
    store, epoch, leader = east.store, east.epoch, east.leader
    assert isinstance(store, KubeStore)

    async def statuses() -> dict[str, str | None]:
        labels = {node: await store.labels(node.site) for node in east.candidates}
        return {node.site.name: found.get(STATUS) for node, found in labels.items()}

    async def follow() -> bool:
        active = east.leader.site.name
        wanted = {n.site.name: "active" if n.site.name == active else "passive" for n in gateways}
        return await statuses() == wanted

    gateways = east.candidates
    await lab.until(follow, 20, "the pods' labels say who leads")
    async with lab.flow(east.nodes[-1], west.nodes[-1]) as flow:
        await flow.established()
        await store.cordon(leader.site)
        await lab.until(lambda: east.epoch == epoch + 1, 30, "another gateway leads")
        await flow.flowing(1000)
        await lab.until(follow, 20, "the pods' labels have changed")
        await store.cordon(leader.site, cordoned=False)
    assert east.leader is not leader
    assert flow.report.lost == 0


async def test_a_gateway_starts_without_its_load_balancers_address_and_takes_it_up_later(
    lab: Lab,
) -> None:
    east, _ = lab.clusters
    store, node = east.store, next(one for one in east.candidates if one is not east.leader)
    assert isinstance(store, KubeStore)
    services = f"/api/v1/namespaces/{store.namespace}/services"

    async def bears(value: str | None) -> None:
        change = {"metadata": {"annotations": {"gateway.submariner.io/public-ip": value}}}
        await store.call("PATCH", f"/api/v1/nodes/{node.site.name}", change)
        await node.gateway.restart()

    def own() -> Gateway:
        return east.gateways[node.site.name].status

    def address() -> str:
        return str(own().local_endpoint.public_ip)

    before = address()
    await bears("lb:balancer")
    awaits = "lb:balancer: awaits a Service"
    await lab.until(lambda: awaits in own().status_failure, 30, "the status says what it awaits")
    await lab.until(lab.settled, 60, "it is ready and connected meanwhile")
    config = own().local_endpoint.backend_config
    assert (config["using-loadbalancer"], config["public-ip"]) == ("true", "lb:balancer")
    spec = {"type": "LoadBalancer", "ports": [{"port": 4500, "protocol": "UDP"}]}
    await store.call("POST", services, {"metadata": {"name": "balancer"}, "spec": spec})
    given = {"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}}}
    await store.call("PATCH", f"{services}/balancer/status", given)
    await lab.until(lambda: address() == "203.0.113.9", 70, "it advertises the address")
    await lab.until(lambda: not own().status_failure, 30, "nothing is awaited any more")
    await bears(None)
    await lab.until(lambda: address() == before, 30, "it is as it was")


async def test_no_daemon_is_an_administrator_and_the_broker_refuses_what_is_anothers(
    lab: Lab,
) -> None:
    for node in lab.nodes:
        for path in node.config.parent.glob("*.yaml"):
            assert "admin.token" not in path.read_text()
    broker = lab.broker
    assert isinstance(broker, KubeStore)
    path = f"/apis/submariner.io/v1/namespaces/{broker.namespace}/endpoints"
    found = (await broker.call("GET", path))["items"]
    assert {one["spec"]["cluster_id"] for one in found} == {site.name for site in lab.clusters}
    (name,) = (n["metadata"]["name"] for n in found if n["spec"]["cluster_id"] == "east")
    with pytest.raises(LabError, match="another cluster than west"):
        await broker.call("DELETE", f"{path}/{name}", who="west")


async def test_a_leader_without_power_is_followed_by_another_at_a_higher_epoch(lab: Lab) -> None:
    east, west = lab.clusters
    epoch, leader = east.epoch, east.leader
    async with lab.flow(east.nodes[-1], west.nodes[-1]) as flow:
        await flow.established()
        leader.power_off()
        await lab.until(lambda: east.epoch > epoch, 60, "another gateway leads")
        await flow.flowing(1000)
    assert east.leader is not leader


async def test_an_api_server_that_is_killed_and_started_again_costs_nothing(lab: Lab) -> None:
    east, west = lab.clusters
    async with lab.flow(east.nodes[-1], west.nodes[-1]) as flow:
        await flow.established()
        east.store.process.kill()
        await asyncio.sleep(5)  # longer than the lease
        east.store.process.start()
        await lab.until(east.store.ready, 60, "the API server serves again")
        await lab.until(lab.settled, 60, "settled after the API server came back")
        await flow.flowing(1000)
    assert flow.report.lost == 0


async def test_a_wiped_broker_is_filled_again(lab: Lab) -> None:
    east, west = lab.clusters
    async with lab.flow(east.nodes[-1], west.nodes[-1]) as flow:
        await flow.established()
        lab.broker.wipe()

        def filled() -> bool:
            found = {endpoint.spec.cluster_id for endpoint in lab.view.endpoints("broker")}
            return lab.view.away("broker") is None and found == {east.name, west.name}

        await asyncio.sleep(0.5)
        await lab.until(filled, 60, "every cluster's Endpoint is at the broker again")
        await flow.flowing(1000)
    assert flow.report.lost == 0
