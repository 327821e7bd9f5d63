"""Pods, hosts and services across clusters, under their own addresses."""

from __future__ import annotations

import asyncio
import socket

import pytest
from submariner_lab import Lab, Protocol, namespaces
from submariner_lab.matrix import Relation, questions, try_all
from submariner_lab.packetfilter import POD_PORT
from submariner_lab.scrape import traffic

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.parametrize("relation", list(Relation))
async def test_all_reach_all_from_gateways_and_other_nodes_in_both_directions(
    lab: Lab, protocol: Protocol, relation: Relation
) -> None:
    asked = [q for q in questions(lab, (protocol,)) if q.relation is relation]
    answers = await try_all(asked)
    assert [answer.failure for answer in answers if answer.failure] == []
    assert len(answers) == (6 if relation is Relation.POD_TO_SERVICE else 18)


async def test_a_service_sees_the_pods_own_address(lab: Lab) -> None:
    east, west = lab.clusters
    from submariner_lab.reach import ask

    client = east.nodes[-1].site
    seen = await ask(client.pod_netns, west.site.cluster_ip, 80)
    assert seen.peer == client.pod_address


async def test_segments_of_full_size_pass(lab: Lab) -> None:
    source, target = (cluster.nodes[-1].site for cluster in lab.clusters)
    sock = namespaces.inside(source.pod_netns, lambda: socket.socket(socket.AF_INET))
    sock.setblocking(False)
    payload = bytes(2_000_000)
    async with asyncio.timeout(20):
        await asyncio.get_running_loop().sock_connect(sock, (str(target.pod_address), POD_PORT))
        reader, writer = await asyncio.open_connection(sock=sock)
        await reader.readline()
        writer.write(payload)
        assert await reader.readexactly(len(payload)) == payload
        writer.close()
        await writer.wait_closed()


async def test_bytes_are_counted_where_they_pass(lab: Lab) -> None:
    east, west = lab.clusters
    here, there = east.active, west.active
    assert here is not None
    assert there is not None

    async def moved() -> int:
        found = await traffic(here.site.netns)
        return sum(t.sent for t in found if t.remote_hostname == there.site.name)

    before = await moved()
    async with lab.flow(east.nodes[-1], west.nodes[-1]) as flow:
        await flow.established()
        await flow.flowing(500)

    async def counted() -> bool:
        return await moved() >= before + 500 * 40

    await lab.until(counted, 10, "the bytes of 500 datagrams are counted")
