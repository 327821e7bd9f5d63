"""Watching a store for ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection

import pytest
from structlog.testing import capture_logs

from submariner_core.api.codec import encode
from submariner_core.api.errors import KindForbidden
from submariner_core.api.transport import Event, Kind, Snapshot
from submariner_core.daemon.watching import ASK_AGAIN, BACKOFF, watch_store
from submariner_core.testing import MemoryTransport
from tests.reconcile.objects import stored_cluster

pytestmark = pytest.mark.looptime


class Watch:
    """A watch at work, and what it told."""

    def __init__(self, transport: MemoryTransport | None = None) -> None:
        self.transport = transport or MemoryTransport()
        self.events: list[Event] = []
        self.lost: list[str] = []

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(
            watch_store(
                "broker",
                self.transport,
                [Kind.CLUSTER],
                changed=self.events.append,
                lost=self.lost.append,
            )
        )
        await asyncio.sleep(0.01)
        yield
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_the_store_tells_is_told() -> None:
    watch = Watch()
    async with watch.running():
        await watch.transport.put(encode(stored_cluster("west")), None)
        await asyncio.sleep(0.01)
    assert [type(event).__name__ for event in watch.events] == ["Snapshot", "Put"]
    assert watch.lost == []


async def test_a_store_that_is_away_at_the_start_is_watched_when_it_comes() -> None:
    """Never again 5: a broker outage that blocks a start."""
    watch = Watch()
    watch.transport.store.go_away()
    async with watch.running():
        await asyncio.sleep(60)
        assert watch.events == []
        watch.transport.store.come_back()
        await asyncio.sleep(BACKOFF[1])
        assert [type(event) for event in watch.events] == [Snapshot]


async def test_a_loss_is_told_once_each_time() -> None:
    watch = Watch()
    async with watch.running():
        for _ in range(2):
            watch.transport.store.go_away()
            await asyncio.sleep(30)
            watch.transport.store.come_back()
            await asyncio.sleep(BACKOFF[1])
    assert len(watch.lost) == 2
    assert [type(event) for event in watch.events] == [Snapshot] * 3


async def test_a_transport_with_a_bug_is_survived() -> None:
    """Never again 10: no plugin stops the daemon."""

    class Broken(MemoryTransport):
        async def watch(self, kinds: Collection[Kind]) -> AsyncIterator[Event]:
            raise TypeError("a bug")
            yield

    watch = Watch(Broken())
    with capture_logs() as logs:
        async with watch.running():
            await asyncio.sleep(30)
    assert [(one["event"], one["log_level"]) for one in logs] == [("store-away", "error")]
    assert watch.lost == ["TypeError: a bug"]


class Guarded(MemoryTransport):
    """A store that lets nobody read some kinds."""

    def __init__(self, *kinds: Kind) -> None:
        super().__init__()
        self.guarded = set(kinds)
        self.asked: list[tuple[Kind, ...]] = []

    async def watch(self, kinds: Collection[Kind]) -> AsyncIterator[Event]:
        self.asked.append(tuple(kinds))
        for kind in kinds:
            if kind in self.guarded:
                raise KindForbidden(kind, f"{kind}: 403")
        async for event in super().watch(kinds):
            yield event


@contextlib.asynccontextmanager
async def watching(guarded: Guarded, **spare: str) -> AsyncIterator[tuple[Watch, list[list[str]]]]:
    watch, told = Watch(guarded), list[list[str]]()
    task = asyncio.create_task(
        watch_store(
            "datastore",
            guarded,
            [Kind.CLUSTER, Kind.GATEWAY, Kind.ROUTE_AGENT],
            changed=watch.events.append,
            lost=watch.lost.append,
            spare={Kind(kind): words for kind, words in spare.items()},
            without=lambda reasons: told.append(list(reasons)),
        )
    )
    await asyncio.sleep(0.01)
    yield watch, told
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_kinds_that_may_not_be_read_are_named_once_and_the_rest_goes_on() -> None:
    guarded = Guarded(Kind.GATEWAY, Kind.ROUTE_AGENT)
    with capture_logs() as logs:
        async with watching(guarded, Gateway="ports", RouteAgent="nodes") as (watch, told):
            await guarded.put(encode(stored_cluster("west")), None)
            await asyncio.sleep(5 * ASK_AGAIN)
    assert {type(event).__name__ for event in watch.events} == {"Snapshot", "Put"}
    assert watch.lost == []
    assert told[-1] == ["ports: Gateway: 403", "nodes: RouteAgent: 403"]
    assert [(one["event"], one["kind"]) for one in logs] == [
        ("kind-forbidden", "Gateway"),
        ("kind-forbidden", "RouteAgent"),
    ]


async def test_a_kind_that_is_granted_is_read_again() -> None:
    guarded = Guarded(Kind.ROUTE_AGENT)
    async with watching(guarded, RouteAgent="nodes") as (watch, told):
        guarded.guarded.clear()
        await asyncio.sleep(ASK_AGAIN + 1)
        assert told == [["nodes: RouteAgent: 403"], []]
        asked = len(guarded.asked)
        await asyncio.sleep(10 * ASK_AGAIN)
        assert guarded.asked[asked - 1 :] == [(Kind.CLUSTER, Kind.GATEWAY, Kind.ROUTE_AGENT)]
    assert watch.lost == []


async def test_a_kind_that_cannot_be_done_without_is_a_loss() -> None:
    guarded = Guarded(Kind.CLUSTER)
    async with watching(guarded, RouteAgent="nodes") as (watch, told):
        assert watch.lost == ["Cluster: 403"]
        guarded.guarded.clear()
        await asyncio.sleep(BACKOFF[1])
        assert [type(event) for event in watch.events] == [Snapshot]
    assert told == []
