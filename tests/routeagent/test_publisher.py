"""The node's own object is in the datastore whenever the datastore is there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from submariner_core.api.model import Metadata, RouteAgent, RouteAgentObject
from submariner_core.api.naming import ADDRESS_ANNOTATION
from submariner_core.api.transport import Kind
from submariner_core.daemon import publisher as publishing
from submariner_core.daemon.publisher import Publisher
from submariner_core.reconcile.node_status import lasting
from submariner_core.testing import MemoryTransport


class Written:
    """A publisher at work and what it is to write."""

    def __init__(self) -> None:
        self.transport = MemoryTransport()
        status = RouteAgent("1.0", IPv4Address("10.50.0.1"))
        self.made: RouteAgentObject | None = RouteAgentObject(Metadata("Worker.One"), status)
        self.publisher = Publisher(self.transport, lambda: self.made, lasting, 60.0)

    @property
    def stored(self):
        return self.transport.store.get(Kind.ROUTE_AGENT, "Worker.One")


@pytest.fixture
async def written(monkeypatch):
    monkeypatch.setattr(publishing, "SETTLE", 0.0)
    monkeypatch.setattr(publishing, "FIRST_RETRY", 0.01)
    made = Written()
    task = asyncio.create_task(made.publisher.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_is_named_after_the_node_and_tells_its_address(written, eventually):
    await eventually(lambda: written.stored)
    assert written.stored.annotations[ADDRESS_ANNOTATION] == "10.50.0.1"


async def test_a_change_is_written_at_once(written, eventually):
    await eventually(lambda: written.stored)
    status = replace(written.made.status, status_failure="no such device")
    written.made = replace(written.made, status=status)
    written.publisher.look()
    await eventually(lambda: written.stored.body["status"]["statusFailure"] == "no such device")


async def test_a_store_that_was_away_gets_it_when_it_is_back(written, eventually):
    await eventually(lambda: written.stored)
    written.transport.store.wipe()
    written.transport.cut()
    written.publisher.again()
    await asyncio.sleep(0.05)
    written.transport.mend()
    await eventually(lambda: written.stored)


async def test_nothing_is_written_when_nothing_changed(written, eventually):
    await eventually(lambda: written.stored)
    writes = written.transport.store.writes
    for _ in range(3):
        written.publisher.look()
        await asyncio.sleep(0.01)
    assert written.transport.store.writes == writes
