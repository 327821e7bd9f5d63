"""A real ``submariner route-agent`` on a node, with a real datastore."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from submariner_local.options import LocalOptions
from submariner_local.plugin import submariner_transport

from submariner_core.api.codec import decode, encode
from submariner_core.api.model import Endpoint, EndpointObject, GatewayEntry, Metadata
from submariner_core.api.naming import cable_name, endpoint_name
from submariner_core.api.transport import Kind, Ref, Snapshot

pytestmark = pytest.mark.netns

CONFIG = """
cluster_id: east
cluster_cidr: [10.1.0.0/16]
service_cidr: [100.1.0.0/16]
node_name: {node}
private_ip: {address}
state_dir: {state}
plugins:
  cable: [vxlan]
  election: local
  datastore: local
  route: kubeproxy
options:
  datastore: {{path: {store}}}
  election: {{path: {store}}}
metrics: {{route_agent_port: 32782}}
"""


class Datastore:
    """The own cluster's store, as the gateways would fill it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.transport = submariner_transport("local", LocalOptions(path=path))

    async def endpoint(
        self, cluster: str, addresses: list, subnets: list[str], epoch: int
    ) -> None:
        """Write an Endpoint whose first address leads."""
        specs = [
            Endpoint(
                cluster_id=cluster,
                cable_name=cable_name(cluster, address),
                hostname=f"node-{address}",
                subnets=tuple(IPv4Network(subnet) for subnet in subnets),
                private_ip=address,
                public_ip=None,
                nat_enabled=False,
                backend="vxlan",
                health_check_ip=None,
            )
            for address in addresses
        ]
        own = cluster == "east"
        name = endpoint_name(cluster, specs[0].cable_name)
        listed = tuple(GatewayEntry(one, slot) for slot, one in enumerate(specs))
        stored = EndpointObject(
            Metadata(name, None if own else cluster), specs[0], epoch, listed, None if own else "1"
        )
        await self.transport.put(encode(stored), None)

    async def read(self, kind: Kind, name: str):
        """One object, or ``None``."""
        events = self.transport.watch([kind])
        snapshot = await anext(events)
        await events.aclose()
        assert isinstance(snapshot, Snapshot)
        found = [one for one in snapshot.records if one.ref == Ref(kind, name)]
        return decode(found[0]) if found else None


class Agent:
    """One node's route agent and its datastore."""

    def __init__(self, site, tmp_path: Path) -> None:
        self.site = site
        self.store = Datastore(tmp_path / "store.db")
        node = site.node["worker"]
        self.config = tmp_path / "node.yaml"
        self.config.write_text(
            CONFIG.format(
                node=node.hostname,
                address=node.address,
                state=tmp_path / "state",
                store=self.store.path,
            )
        )

    def start(self):
        program = Path(sys.executable).with_name("submariner")
        return self.site.start("worker", f"{program} route-agent --config {self.config}")

    async def lead(self, gateway: str, epoch: int) -> None:
        """``gateway`` leads the own cluster, whose remote is the far one."""
        others = [one for one in ("gw1", "gw2") if one != gateway]
        addresses = [self.site.node[one].address for one in (gateway, *others)]
        await self.store.endpoint("east", addresses, ["100.1.0.0/16", "10.1.0.0/16"], epoch)
        await self.store.endpoint("west", [IPv4Address("172.20.0.9")], ["10.2.0.0/16"], 1)

    def sends_through(self) -> str:
        return self.site.run("worker", "ip -o route show 10.2.0.0/16")

    async def told_of_a_move(self) -> None:
        """Until the node's own object tells of its move."""
        async with asyncio.timeout(20):
            while True:
                stored = await self.store.read(Kind.ROUTE_AGENT, "worker")
                if stored is not None and stored.status.transitions:
                    return
                await asyncio.sleep(0.05)

    async def until(self, condition) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - a node has no event
                await asyncio.sleep(0.05)


@pytest.fixture
async def agent(site, tmp_path: Path) -> AsyncIterator[Agent]:
    made = Agent(site, tmp_path)
    for gateway in ("gw1", "gw2"):
        await site.apply(gateway, site.driver(gateway), site.plan(gateway))
    yield made
    await made.store.transport.close()


async def test_a_node_is_steered_from_the_datastore_and_stays_so_when_the_agent_exits(agent):
    await agent.lead("gw1", 1)
    process = agent.start()
    await agent.until(lambda: "240.50.0.2" in agent.sends_through())
    assert "1 received" in agent.site.ping("pod", "10.2.0.2")

    await agent.lead("gw2", 2)
    await agent.until(lambda: "240.50.0.3" in agent.sends_through())
    await agent.told_of_a_move()

    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 10) == 0
    assert "240.50.0.3" in agent.sends_through()
    stored = await agent.store.read(Kind.ROUTE_AGENT, "worker")
    assert str(stored.status.address) == "10.50.0.1"
    assert stored.status.status_failure == ""
    assert [one.endpoint.cluster_id for one in stored.status.remote_endpoints] == ["west"]
    assert [(t.before, t.after) for t in stored.status.transitions] == [
        ("node-10.50.0.2", "node-10.50.0.3")
    ]


async def test_a_restarted_agent_writes_nothing_to_the_kernel(agent):
    await agent.lead("gw1", 1)
    process = agent.start()
    await agent.until(lambda: "240.50.0.2" in agent.sends_through())
    await agent.until(lambda: ready(agent))
    process.kill()
    await asyncio.to_thread(process.wait, 10)
    async with agent.site.watched("worker") as told:
        agent.start()
        await agent.until(lambda: ready(agent))
    assert told == []


async def test_a_flushed_chain_and_a_deleted_device_come_back(agent):
    await agent.lead("gw1", 1)
    agent.start()
    await agent.until(lambda: "240.50.0.2" in agent.sends_through())
    await agent.until(lambda: ready(agent))
    agent.site.ip("worker", "link delete vx-submariner\n")
    agent.site.run("worker", ["iptables-nft", "-F", "FORWARD"])
    await agent.until(lambda: "240.50.0.2" in agent.sends_through())
    await agent.until(lambda: "0x2000" in agent.site.run("worker", "iptables-nft -S FORWARD"))
    assert "1 received" in agent.site.ping("pod", "10.2.0.2")


async def test_a_misconfigured_agent_says_why_in_one_line(agent):
    agent.config.write_text(agent.config.read_text().replace("kubeproxy", "cubeproxy"))
    process = agent.start()
    assert await asyncio.to_thread(process.wait, 10) == 1
    (line,) = process.stdout.read().splitlines()
    assert "cubeproxy" in line


def ready(agent: Agent) -> bool:
    """Whether the agent says so itself."""
    ask = "curl -s -o /dev/null -w %{http_code} http://127.0.0.1:32782/readyz"
    try:
        return agent.site.run("worker", ask) == "200"
    except AssertionError:
        return False
