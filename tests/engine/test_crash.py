"""The process dies after any single thing it did; the next one comes to the same end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from submariner_core.api.transport import Fence, Record, Ref
from submariner_core.engine.engine import Engine
from submariner_core.engine.router import Router
from submariner_core.testing import Crash, MemoryHost, MemoryTransport
from tests.conftest import Namespaces
from tests.engine.site import EastSite, Node, east, north, settled, west

pytestmark = [pytest.mark.netns, pytest.mark.timeout(180)]

MOST = 60
"""More things than any of these processes does: else the loop would be endless."""


class Doom:
    """Counts all that a process does to its node and its stores, and ends it at a given one."""

    def __init__(self) -> None:
        self.left: int | None = None

    def tick(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                raise Crash

    @contextlib.contextmanager
    def after(self, things: int) -> Iterator[None]:
        self.left = things
        try:
            yield
        finally:
            self.left = None


class DoomedHost(MemoryHost):
    def __init__(self, doom: Doom) -> None:
        super().__init__()
        self._doom = doom

    def act(self, action: str) -> None:
        super().act(action)
        self._doom.tick()


class DoomedTransport(MemoryTransport):
    doom: Doom

    async def put(self, record: Record, fence: Fence | None) -> None:
        await super().put(record, fence)
        self.doom.tick()

    async def delete(self, ref: Ref, fence: Fence | None) -> None:
        await super().delete(ref, fence)
        self.doom.tick()


@pytest.fixture
def doom(monkeypatch: pytest.MonkeyPatch) -> Doom:
    doom = Doom()
    real = Router._do

    async def write(self: Router, change: object) -> None:
        await real(self, change)  # type: ignore[arg-type]
        doom.tick()

    monkeypatch.setattr(Router, "_do", write)
    monkeypatch.setattr(DoomedTransport, "doom", doom, raising=False)
    monkeypatch.setattr("tests.engine.site.MemoryTransport", DoomedTransport)
    return doom


async def lived(node: Node, cables: int) -> bool:
    """Whether a process comes to its end state before it dies."""
    async with node.process() as (gateway, task):
        calm = asyncio.create_task(rest(gateway, node, cables))
        ended, _ = await asyncio.wait(
            {calm, task}, return_when=asyncio.FIRST_COMPLETED, timeout=20
        )
        assert ended, f"neither dead nor at rest: {gateway.readiness.reasons}"
        died = task.done()
        calm.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await calm
        if died:
            error = task.exception()
            assert isinstance(error, BaseExceptionGroup)
            assert error.split(Crash)[1] is None, "it died of something else too"
        return not died


async def rest(gateway: Engine, node: Node, cables: int) -> None:
    """Wait until nothing happens any more."""
    await settled(gateway, cables)
    before = None
    while before != (now := written(gateway, node)):
        before = now
        await asyncio.sleep(0.1)


def written(gateway: Engine, node: Node) -> tuple[int, ...]:
    """How much was done so far, on the node and in the stores."""
    stores = node.site.datastore.writes, node.site.broker.writes
    return len(node.host.actions), gateway.router.written, *stores


def state(node: Node) -> tuple[object, ...]:
    """What is on the node and in the stores, without what tells one process from another."""
    stores = [
        sorted((str(r.ref), repr(r.body)) for r in store.records if r.ref.kind != "Gateway")
        for store in (node.site.datastore, node.site.broker)
    ]
    return node.ways(), sorted(node.driver.cables.items()), *stores


def newborn(site: EastSite, doom: Doom) -> Node:
    node = site.node(1)
    node.host = DoomedHost(doom)
    node.reconnect()
    return node


async def test_a_first_start_survives_a_death_after_anything_it_does(
    netns_factory: Namespaces, doom: Doom
) -> None:
    ends = []
    for things in (None, *range(1, MOST)):
        with east(netns_factory) as site:
            site.join(west(101), west(102))
            site.join(north())
            node = newborn(site, doom)
            finished = True
            if things is not None:
                with doom.after(things):
                    finished = await lived(node, 3)
            assert await lived(node, 3)
            ends.append(state(node))
        assert ends[-1] == ends[0], f"after {things} things"
        if things is not None and finished:
            assert things > 15
            return
    raise AssertionError("it never finished")


async def test_a_move_to_another_gateway_survives_a_death_after_anything_it_does(
    netns_factory: Namespaces, doom: Doom
) -> None:
    """Never again 2, 7: in the midst of a replacement, with changed subnets, too."""
    for things in range(1, MOST):
        with east(netns_factory) as site:
            site.join(west(101))
            node = newborn(site, doom)
            assert await lived(node, 1)
            old = [r.ref for r in site.broker.records if r.ref.name.endswith("101")]
            site.join(west(102, subnets=["10.2.0.0/16", "10.7.0.0/16"]), epoch=2)
            site.broker.delete(old[0], None)
            with doom.after(things):
                finished = await lived(node, 1)
            assert await lived(node, 1)
            assert set(node.driver.cables) == {west(102).cable_name}
            assert node.driver.cables[west(102).cable_name].remote.subnets[1] == ip_network(
                "10.7.0.0/16"
            )
            assert "10.7.0.0/16 nhid" in node.ways()
            assert "via 192.0.2.102" in node.ip("nexthop")
            assert "2.101" not in node.ways()
            assert "10.2.0.0/16 nhid" in node.ways()
        if finished:
            assert things > 8
            return
    raise AssertionError("it never finished")
