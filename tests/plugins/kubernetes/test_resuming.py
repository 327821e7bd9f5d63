"""Daemons' watches come back by themselves after whatever kept them from a real API server."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from submariner_kubernetes import listing
from submariner_kubernetes import transport as transport_module
from submariner_kubernetes.client import KubeClient
from submariner_kubernetes.listing import Listed, follow
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.resource import of_kind
from submariner_kubernetes.transport import KubernetesTransport

from submariner_core.api.errors import StoreUnavailable
from submariner_core.api.transport import Event, Kind, Record, Snapshot
from submariner_core.daemon.watching import watch_store
from tests.conftest import Namespaces
from tests.plugins.kubernetes.manifests import documents
from tests.plugins.kubernetes.relay import Relay

pytestmark = pytest.mark.kube

Place = Callable[[], KubernetesOptions]
Open = Callable[..., KubernetesTransport]
Build = Callable[..., Record]
CLUSTERS = of_kind(Kind.CLUSTER)
READ = {"apiGroups": ["submariner.io"], "resources": ["clusters"], "verbs": ["list", "watch"]}


class Watched:
    """What a daemon's watch of Clusters tells."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.lost: asyncio.Queue[str] = asyncio.Queue()

    async def loss(self) -> str:
        async with asyncio.timeout(20):
            return await self.lost.get()

    async def snapshot(self) -> Snapshot:
        async with asyncio.timeout(20):
            while not isinstance(event := await self.events.get(), Snapshot):
                pass
        return event


@asynccontextmanager
async def watching(transport: KubernetesTransport) -> AsyncIterator[Watched]:
    watched = Watched()
    task = asyncio.create_task(
        watch_store(
            "datastore",
            transport,
            [Kind.CLUSTER],
            changed=watched.events.put_nowait,
            lost=watched.lost.put_nowait,
        )
    )
    yield watched
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def grant(plane: Any, namespace: str, account: str, name: str = "reader") -> None:
    root = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    plane.admin.call("POST", f"{root}/roles", {"metadata": {"name": name}, "rules": [READ]})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
    plane.admin.call("POST", f"{root}/rolebindings", binding)


async def test_what_was_forbidden_is_watched_once_it_is_granted(
    control_plane: Any, namespace: Place, transport_to: Open, tmp_path: Path
) -> None:
    options = namespace()
    token = tmp_path / "token"
    token.write_text(control_plane.admin.make_account(options.namespace, "late"))
    own = options.model_copy(update={"token_file": token})
    async with watching(transport_to(own)) as watched:
        assert "kubectl apply -k deploy/rbac" in await watched.loss()
        grant(control_plane, str(options.namespace), "late")
        assert await watched.snapshot() == Snapshot(())


async def test_a_token_that_lapses_during_a_watch_is_exchanged_for_the_next_in_its_file(
    control_plane: Any,
    namespace: Place,
    transport_to: Open,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "WATCH_SECONDS", (1, 1))
    monkeypatch.setattr(listing, "EARLY", 1.0)
    options, token = namespace(), tmp_path / "token"
    token.write_text(control_plane.admin.make_account(options.namespace, "first"))
    for account in ("first", "second"):
        grant(control_plane, str(options.namespace), account, account)
    own = options.model_copy(update={"token_file": token})
    async with watching(transport_to(own)) as watched:
        await watched.snapshot()
        accounts = f"/api/v1/namespaces/{options.namespace}/serviceaccounts"
        control_plane.admin.call("DELETE", f"{accounts}/first")
        assert "the token was refused" in await watched.loss()
        token.write_text(control_plane.admin.make_account(options.namespace, "second"))
        assert await watched.snapshot() == Snapshot(())


async def test_definitions_that_are_installed_late_are_found(
    fresh_plane: Any, transport_to: Open
) -> None:
    server = fresh_plane.apiserver
    options = KubernetesOptions(
        url=server.url, ca_file=server.ca_file, token_file=server.token_file, namespace="default"
    )
    async with watching(transport_to(options)) as watched:
        assert "kubectl apply -k deploy/crds" in await watched.loss()
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        for one in documents("crds"):
            fresh_plane.admin.call("POST", path, one)
        assert await watched.snapshot() == Snapshot(())


async def test_after_an_absence_that_the_store_has_compacted_away_all_is_listed_again(
    fresh_plane: Any, cluster: Build
) -> None:
    """An hour on a real server, without the hour: nobody knows any more what happened since."""
    server = fresh_plane.apiserver
    options = KubernetesOptions(
        url=server.url, ca_file=server.ca_file, token_file=server.token_file, namespace="default"
    )

    class Absent(KubeClient):
        """Its first list is followed by an hour in which others write, and nobody watches."""

        absent = True

        async def list(self, *args: Any, **query: str) -> Any:
            found = await super().list(*args, **query)
            if self.absent:
                self.absent = False
                await asyncio.to_thread(compact, fresh_plane)
            return found

    await asyncio.to_thread(fresh_plane.admin.install_definitions)
    client = Absent(options, "datastore", 10.0)
    async with aclosing(follow(client, CLUSTERS)) as news, asyncio.timeout(40):
        assert isinstance(await anext(news), Listed)
        again = await anext(news)
        assert isinstance(again, Listed)
        assert len(again.objects) == 1
    await client.close()


def compact(plane: Any) -> None:
    path = "/apis/submariner.io/v1/namespaces/default/clusters"
    spec = {"cluster_id": "late", "cluster_cidr": [], "service_cidr": [], "global_cidr": []}
    meta = {"apiVersion": "submariner.io/v1", "kind": "Cluster", "metadata": {"name": "late"}}
    made = plane.admin.call("POST", path, {**meta, "spec": spec})
    revision = made["metadata"]["resourceVersion"]
    plane.kill_apiserver()  # its memory of changes goes with it
    body = json.dumps({"revision": revision, "physical": True}).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{plane.apiserver.etcd_url}/v3/kv/compaction", body, 10) as answer:
        assert answer.status == 200
    plane.restart_apiserver()


def test_a_way_that_swallows_every_packet_is_noticed_by_keep_alive(
    control_plane: Any, namespace: Place, netns_factory: Namespaces
) -> None:
    """Half-open: no reset, no end, no packet; the watch itself would have lasted a minute."""
    here, there = netns_factory.create("client"), netns_factory.create("server")
    netns_factory.link(here, there, "192.0.2.1/24", "192.0.2.2/24")
    with netns_factory.entered(there):
        listener = socket.create_server(("192.0.2.2", 0))
    options = namespace().model_copy(
        update={"url": f"https://192.0.2.2:{listener.getsockname()[1]}", "insecure": True}
    )
    watches, found = threading.Event(), list[str]()

    async def client() -> None:
        transport = KubernetesTransport(KubeClient(options, "datastore", 5.0))
        try:
            async for _ in transport.watch([Kind.CLUSTER]):
                watches.set()
        except StoreUnavailable as error:
            found.append(str(error))
        finally:
            await transport.close()

    def inside() -> None:
        with netns_factory.entered(here):
            asyncio.run(client())

    async def between() -> float:
        async with Relay(control_plane.apiserver.port).listening(listener):
            thread = asyncio.create_task(asyncio.to_thread(inside))
            assert await asyncio.to_thread(watches.wait, 20)
            rules = "table inet t { chain i { type filter hook input priority 0; policy drop; }; }"
            netns_factory.run(there, ["nft", rules])
            began = time.monotonic()
            await thread
            return time.monotonic() - began

    seconds = asyncio.run(between())
    assert found
    assert seconds < 30  # some 5 s, and what a busy machine adds


async def test_a_watch_that_fails_again_and_again_waits_longer_each_time_at_random(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bounds: list[float] = []

    def drawn(low: float, high: float) -> float:
        bounds.append(high)
        return low

    class Away(KubeClient):
        answers = False

        async def list(self, *_: Any, **__: str) -> Any:
            if not self.answers:
                raise StoreUnavailable("away")
            return {"items": [], "metadata": {"resourceVersion": "1"}}

        async def watch(self, *_: Any, **__: str) -> Any:
            raise StoreUnavailable("lost")
            yield

    monkeypatch.setattr(transport_module.random, "uniform", drawn)
    client = Away(KubernetesOptions(url="https://192.0.2.1"), "datastore", 1.0)
    transport = KubernetesTransport(client)

    async def fails() -> None:
        with pytest.raises(StoreUnavailable):
            async for _ in transport.watch([Kind.CLUSTER]):
                pass

    for _ in range(8):
        await fails()
    assert bounds == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    client.answers = True  # and is lost again, after it has told what there is
    await fails()
    await fails()
    assert bounds[8:] == [5.0, 0.25]
    await transport.close()
