"""Watches at a real API server that forgets, restarts, hangs, or ends them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest
from submariner_kubernetes import client as client_module
from submariner_kubernetes import listing
from submariner_kubernetes.client import KubeClient
from submariner_kubernetes.failure import Expired
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.resource import Object, Resource, of_kind
from submariner_kubernetes.transport import KubernetesTransport

from submariner_core.api.errors import StoreUnavailable
from submariner_core.api.transport import Event, Kind, Put, Record, Snapshot

pytestmark = pytest.mark.kube

Place = Callable[[], KubernetesOptions]
Open = Callable[..., KubernetesTransport]
Build = Callable[..., Record]
Following = Callable[[AsyncIterator[Event]], Awaitable[Event]]
CLUSTERS = of_kind(Kind.CLUSTER)


class Forgetful(KubeClient):
    """Its first list is said to be of a moment that the server has long forgotten."""

    lists = 0

    async def list(self, resource: Resource, **query: str) -> Object:
        self.lists += 1
        found = await super().list(resource, **query)
        if self.lists == 1:
            found["metadata"]["resourceVersion"] = "1"
        return found


async def test_a_moment_that_is_forgotten_is_410(namespace: Place, client_to: Any) -> None:
    async with aclosing(client_to(namespace()).watch(CLUSTERS, "1", 5)) as events:
        with pytest.raises(Expired):
            event = await anext(events)
            listing._raise(CLUSTERS, event["object"])


async def test_after_410_there_is_another_snapshot_and_changes_go_on(
    namespace: Place, cluster: Build, following: Following
) -> None:
    transport = KubernetesTransport(forgetful := Forgetful(namespace(), "datastore", 5))
    await transport.put(cluster("east"), None)
    async with aclosing(transport.watch([Kind.CLUSTER])) as events:
        assert await following(events) == (again := await following(events))
        assert isinstance(again, Snapshot)
        assert forgetful.lists == 2
        await transport.put(cluster("west"), None)
        assert isinstance(await following(events), Put)
    await transport.close()


async def test_a_watch_goes_on_over_the_end_that_the_server_sets_it(
    namespace: Place,
    transport_to: Open,
    cluster: Build,
    following: Following,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "WATCH_SECONDS", (1, 1))
    monkeypatch.setattr(listing, "EARLY", 1.0)
    began: list[str] = []
    real = KubeClient.watch

    def counted(self: KubeClient, *args: Any, **query: str) -> Any:
        began.append(args[1])
        return real(self, *args, **query)

    monkeypatch.setattr(KubeClient, "watch", counted)
    transport = transport_to(namespace())
    async with aclosing(transport.watch([Kind.CLUSTER])) as events:
        assert await following(events) == Snapshot(())
        waiting = asyncio.ensure_future(following(events))
        while len(began) < 3:  # noqa: ASYNC110 - counted elsewhere
            await asyncio.sleep(0.01)
        await transport.put(cluster("east"), None)
        assert isinstance(await waiting, Put)


async def test_a_server_that_is_killed_ends_watches_and_the_next_one_shows_what_was_missed(
    control_plane: Any,
    namespace: Place,
    transport_to: Open,
    cluster: Build,
    following: Following,
) -> None:
    transport = transport_to(namespace())
    async with aclosing(transport.watch([Kind.CLUSTER])) as events:
        assert await following(events) == Snapshot(())
        control_plane.kill_apiserver()
        with pytest.raises(StoreUnavailable):
            await following(events)
        with pytest.raises(StoreUnavailable, match="refused"):
            await transport.put(cluster("east"), None)
    await asyncio.to_thread(control_plane.restart_apiserver)
    await transport.put(cluster("east"), None)
    async with aclosing(transport.watch([Kind.CLUSTER])) as events:
        snapshot = await following(events)
        assert isinstance(snapshot, Snapshot)
        assert [record.ref.name for record in snapshot.records] == ["east"]


async def test_a_server_that_hangs_is_noticed_when_a_watch_outlasts_its_time(
    control_plane: Any,
    namespace: Place,
    transport_to: Open,
    cluster: Build,
    following: Following,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "WATCH_SECONDS", (1, 1))
    monkeypatch.setattr(client_module, "GRACE", 0.5)
    transport = transport_to(namespace(), timeout=0.5)
    async with aclosing(transport.watch([Kind.CLUSTER])) as events:
        await following(events)
        control_plane.signal(signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnavailable, match="in time"):
                await following(events)
            with pytest.raises(StoreUnavailable, match="in time"):
                await transport.put(cluster("east"), None)
        finally:
            control_plane.signal(signal.SIGCONT)
    await asyncio.to_thread(control_plane.admin.until_ready)
