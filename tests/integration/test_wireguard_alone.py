"""A cluster's only gateway takes up a new key: no second one carries meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from submariner_lab import Flow, Lab, LabSpec, Node, namespaces

from submariner_core.engine.control import ask
from tests.integration.implementations import IMPLEMENTATIONS, chosen
from tests.integration.test_wireguard import START, keys_of, public_key

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=IMPLEMENTATIONS)
async def shared_alone_lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    """Two clusters with one gateway each, for each implementation; use ``lab``."""
    options = chosen(request.param)
    spec = LabSpec(nodes=2, gateways=1, driver="wireguard", options=options)
    async with Lab(spec) as lab:
        yield lab


@pytest_asyncio.fixture(loop_scope="module")
async def lab(shared_alone_lab: Lab) -> AsyncIterator[Lab]:
    """The shared lab, whole."""
    await shared_alone_lab.restore(START)
    yield shared_alone_lab
    assert shared_alone_lab.crashes() == []


def between(lab: Lab) -> Flow:
    """A flow between pods of nodes without a gateway."""
    east, west = lab.clusters
    return lab.flow(east.nodes[-1], west.nodes[-1])


async def taken(node: Node, old: str) -> None:
    """Wait until a new key is in use, and no longer: what follows comes in the midst of it."""
    while public_key(node) == old:  # noqa: ASYNC110 - a file tells nobody
        await asyncio.sleep(0.005)


async def test_the_only_gateway_changes_its_key_and_loses_nothing(lab: Lab) -> None:
    """Though its remote sleeps for a second before it learns the new one."""
    node, remote = (cluster.leader for cluster in lab.clusters)
    for _ in range(2):  # what the first left behind is not in the second one's way
        old, said = public_key(node), keys_of(node, "rotate-key")
        async with between(lab) as flow:
            await flow.established()
            renewal = asyncio.create_task(ask(node.folder / "state", "renew"))
            async with asyncio.timeout(30):
                await taken(node, old)
            remote.gateway.freeze()
            await asyncio.sleep(1.0)
            remote.gateway.thaw()
            assert await renewal == {"renewed": ["wireguard"]}
            assert public_key(node) in said
            await lab.until(lab.settled, START, "remote gateways know the new key")
            await flow.flowing()
        assert flow.report.lost == 0
        assert seconds(node) == []


MOMENTS: dict[str, Callable[[Node, str], bool]] = {
    "second devices": lambda node, _: seconds(node) != [],
    "routes": lambda node, _: "submariner-4" in ip(node, "nexthop"),
    "key": lambda node, old: public_key(node) != old,
}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_one_that_dies_in_the_midst_comes_back_under_either_key(
    lab: Lab, moment: str
) -> None:
    node = lab.clusters[0].leader
    old, said = public_key(node), keys_of(node, "rotate-key")
    renewal = asyncio.create_task(ask(node.folder / "state", "renew"))
    async with asyncio.timeout(30):
        while not MOMENTS[moment](node, old):  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.005)
    await node.gateway.restart(kill=True)
    await asyncio.gather(renewal, return_exceptions=True)
    await lab.until(lambda: public_key(node) in said, START, "it starts with the new key")
    await lab.until(lab.settled, START, "all are connected again")
    await lab.until(lambda: not seconds(node), START, "what was left is gone")
    async with between(lab) as flow:
        await flow.established()
        await flow.flowing()
    assert flow.report.lost == 0


def seconds(node: Node) -> list[str]:
    """The devices by which a gateway alone sends while its key changes."""
    names = [line.split(": ")[1] for line in ip(node, "-o", "link").splitlines()]
    return [name for name in names if name in {f"submariner-{slot}" for slot in range(4, 8)}]


def ip(node: Node, *words: str) -> str:
    """What ``ip`` says on a node."""
    return namespaces.run(("ip", "-n", node.site.netns, *words))
