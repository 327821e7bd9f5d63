"""The Gateway object: a sign of life, and soon what changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from submariner_core.api.codec import decode
from submariner_core.api.model import (
    Connection,
    ConnectionStatus,
    GatewayObject,
    HAStatus,
    LatencyRTT,
)
from submariner_core.daemon.publisher import Publisher
from submariner_core.engine.engine import GATEWAY_PERIOD as PERIOD
from submariner_core.reconcile.publish import lasting
from submariner_core.testing import MemoryTransport
from tests.reconcile.objects import endpoint, stored_gateway

pytestmark = pytest.mark.looptime


class Press:
    """A publisher at work; ``made`` is what it is given to publish."""

    def __init__(self) -> None:
        self.transport = MemoryTransport()
        self.puts: list[float] = []
        self.made: GatewayObject | None = stored_gateway(1, "east")
        self.publisher = Publisher(self.transport, self._make, lasting, PERIOD)
        real = self.transport.put

        async def put(record, fence):
            self.puts.append(asyncio.get_running_loop().time())
            await real(record, fence)

        self.transport.put = put  # type: ignore[method-assign]

    def _make(self) -> GatewayObject | None:
        return self.made

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.publisher.run())
        yield
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def change(self, **status: object) -> None:
        assert self.made is not None
        self.made = replace(self.made, status=replace(self.made.status, **status))
        self.publisher.look()

    @property
    def stored(self) -> GatewayObject:
        (record,) = self.transport.store.records
        found = decode(record)
        assert isinstance(found, GatewayObject)
        return found


def connection(**fields: object) -> Connection:
    return replace(Connection(ConnectionStatus.CONNECTED, "", endpoint("west")), **fields)


async def test_nothing_is_published_before_there_is_something() -> None:
    press = Press()
    press.made = None
    async with press.running():
        press.publisher.look()
        await asyncio.sleep(3 * PERIOD)
    assert press.puts == []


async def test_it_is_written_every_period_without_any_change() -> None:
    press = Press()
    async with press.running():
        await asyncio.sleep(4.5 * PERIOD)
    assert press.puts == [0.0, PERIOD, 2 * PERIOD, 3 * PERIOD, 4 * PERIOD]


async def test_a_change_is_written_soon_and_a_burst_of_changes_once() -> None:
    press = Press()
    async with press.running():
        for status in (HAStatus.ACTIVE, HAStatus.PASSIVE, HAStatus.ACTIVE):
            press.change(ha_status=status)
        await asyncio.sleep(1.0)
    assert len(press.puts) == 1
    assert press.puts[0] < 0.3
    assert press.stored.status.ha_status is HAStatus.ACTIVE


async def test_what_changes_all_the_time_is_not_news() -> None:
    """Never again 14: a path that is down must not be a write for each probe that it misses."""
    press = Press()
    press.change(connections=(connection(status=ConnectionStatus.ERROR),))
    async with press.running():
        await asyncio.sleep(1.0)
        before = len(press.puts)
        for misses in range(30):
            text = f'no reply to {misses} probes of "10.2.1.1"'
            error = connection(status=ConnectionStatus.ERROR, status_message=text)
            press.change(connections=(replace(error, latency=LatencyRTT(last=misses)),))
            await asyncio.sleep(0.1)
        assert len(press.puts) == before
        await asyncio.sleep(PERIOD)
        assert press.stored.status.connections[0].status_message.startswith("no reply to 29")


async def test_a_connection_that_changes_its_status_is_news() -> None:
    press = Press()
    press.change(connections=(connection(),))
    async with press.running():
        await asyncio.sleep(1.0)
        press.change(connections=(connection(status=ConnectionStatus.ERROR),))
        await asyncio.sleep(0.3)
        assert press.stored.status.connections[0].status is ConnectionStatus.ERROR


async def test_a_store_that_is_away_is_survived_and_written_when_it_is_back() -> None:
    """Never again 5: no outage of a store stops the gateway."""
    press = Press()
    press.transport.store.go_away()
    async with press.running():
        await asyncio.sleep(3 * PERIOD)
        assert press.publisher.writes == 0
        press.transport.store.come_back()
        await asyncio.sleep(PERIOD)
        assert press.publisher.writes == 1


async def test_a_store_that_hangs_is_given_up() -> None:
    press = Press()
    press.transport.connection.latency = 3600.0
    async with press.running():
        await asyncio.sleep(3 * PERIOD)
        press.transport.connection.latency = 0.0
        await asyncio.sleep(2 * PERIOD)
        assert press.publisher.writes >= 1


async def test_a_transport_with_a_bug_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never again 10: no plugin stops the daemon."""
    press = Press()

    async def broken(record, fence):
        raise TypeError("a bug")

    monkeypatch.setattr(press.transport, "put", broken)
    async with press.running():
        await asyncio.sleep(2 * PERIOD)


async def test_what_was_made_earlier_is_never_stored_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    press = Press()
    put, waits = press.transport.put, iter((1.0, 0.0))

    async def slower_at_first(record, fence):
        await asyncio.sleep(next(waits))
        await put(record, fence)

    monkeypatch.setattr(press.transport, "put", slower_at_first)
    first = asyncio.create_task(press.publisher.publish())
    await asyncio.sleep(0.1)
    press.change(ha_status=HAStatus.ACTIVE)
    await press.publisher.publish()
    assert await first
    assert press.stored.status.ha_status is HAStatus.ACTIVE
