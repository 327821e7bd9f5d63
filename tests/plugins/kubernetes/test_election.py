"""The Lease at a real API server, also with an upstream gateway contending for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from submariner_kubernetes.lease import KubernetesLeaseStore
from submariner_kubernetes.lease_object import NAME
from submariner_kubernetes.options import KubernetesOptions

from submariner_core.api.lease import LeaseRecord
from submariner_core.engine.campaign import Elector
from submariner_core.reconcile.election_timings import Timings

pytestmark = pytest.mark.kube

Place = Callable[[], KubernetesOptions]
Open = Callable[..., KubernetesLeaseStore]
UPSTREAM = "east-3-submariner-gateway"


class Upstream:
    """What client-go's election in an upstream gateway does with the Lease, one try at a time.

    It takes a Lease that has no holder, or whose record it has not seen change for the duration
    that stands in it; it keeps annotations and replaces the spec.
    """

    def __init__(self, admin: Any, namespace: str) -> None:
        self._admin = admin
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{NAME}"
        self._seen: dict[str, Any] = {}
        self._since = 0.0

    def create(self, duration: int = 2) -> None:
        """Make the Lease, as its first holder."""
        spec = {
            "holderIdentity": UPSTREAM,
            "leaseDurationSeconds": duration,
            "acquireTime": "2026-05-04T03:02:00.000000Z",
            "renewTime": "2026-05-04T03:02:00.000000Z",
            "leaseTransitions": 0,
        }
        body = {"metadata": {"name": NAME}, "spec": spec}
        self._admin.call("POST", self._path.removesuffix(f"/{NAME}"), body)

    def lease(self) -> dict[str, Any]:
        found: dict[str, Any] = self._admin.call("GET", self._path)
        return found

    def tries(self, now: float, duration: int = 15) -> bool:
        """Whether it holds the Lease after this try."""
        lease = self.lease()
        spec = lease["spec"]
        if spec != self._seen:
            self._seen, self._since = spec, now
        holder = spec.get("holderIdentity")
        if holder not in ("", UPSTREAM) and now < self._since + spec["leaseDurationSeconds"]:
            return False
        lease["spec"] = {
            "holderIdentity": UPSTREAM,
            "leaseDurationSeconds": duration,
            "acquireTime": "2026-05-04T03:02:01.000000Z",
            "renewTime": f"2026-05-04T03:02:01.{int(now * 1000) % 1000000:06}Z",
            "leaseTransitions": spec["leaseTransitions"] + (holder != UPSTREAM),
        }
        self._admin.call("PUT", self._path, lease)
        self._seen, self._since = lease["spec"], now
        return True


@pytest.fixture
def place(namespace: Place) -> KubernetesOptions:
    return namespace()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - a server tells nobody
            await asyncio.sleep(0.01)


async def test_a_swap_over_what_upstream_wrote_is_a_lost_race(
    control_plane: Any, place: KubernetesOptions, lease_in: Open
) -> None:
    store = lease_in(place)
    ours = await store.swap(None, LeaseRecord("a", 4, 3.0, successor="b"))
    assert ours is not None
    upstream = Upstream(control_plane.admin, str(place.namespace))
    upstream.tries(0.0)
    assert upstream.tries(3.1)
    assert await store.swap(ours, ours) is None
    seen = await store.read()
    assert seen is not None
    assert (seen.holder, seen.epoch, seen.duration, seen.successor) == (UPSTREAM, 4, 15.0, "")


async def test_a_store_that_has_not_seen_the_record_it_swaps_asks_for_it(
    place: KubernetesOptions, lease_in: Open
) -> None:
    written = await lease_in(place).swap(None, LeaseRecord("a", 1, 3.0))
    renewed = await lease_in(place).swap(written, LeaseRecord("a", 1, 3.0))
    assert renewed is not None
    assert await lease_in(place).swap(written, LeaseRecord("b", 2, 3.0)) is None


async def test_a_lease_that_was_deleted_and_made_again_is_another(
    control_plane: Any, place: KubernetesOptions, lease_in: Open
) -> None:
    store = lease_in(place)
    first = await store.swap(None, LeaseRecord("a", 1, 3.0))
    path = f"/apis/coordination.k8s.io/v1/namespaces/{place.namespace}/leases/{NAME}"
    control_plane.admin.call("DELETE", path)
    assert await store.read() is None
    assert await store.swap(first, LeaseRecord("a", 1, 3.0)) is None
    assert await store.swap(None, LeaseRecord("b", 1, 3.0)) is not None
    assert await store.swap(first, LeaseRecord("a", 1, 3.0)) is None


async def test_ours_and_upstreams_gateways_take_the_lease_from_each_other_in_turn(
    control_plane: Any, place: KubernetesOptions, lease_in: Open
) -> None:
    """We renew: it waits. We leave: it takes. It falls silent: we take, and raise the epoch."""
    store = lease_in(place)
    timings = Timings(duration=1.5, renew_deadline=1.0, retry_period=0.3)
    elector = Elector(store, "east-1_0badcafe_1", timings, lambda _: None)
    elector.set_ready(True)
    upstream = Upstream(control_plane.admin, str(place.namespace))
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(elector.run())
        await until(lambda: elector.leadership.active)
        epoch = elector.leadership.epoch
        began = loop.time()
        while loop.time() < began + 4.0:  # two of our durations, as it rounds them
            assert not await asyncio.to_thread(upstream.tries, loop.time())
            await asyncio.sleep(0.2)
        assert await elector.withdraw()
        assert await asyncio.to_thread(upstream.tries, loop.time(), 2)
        running.cancel()
    again = Elector(lease_in(place), "east-1_0badcafe_2", timings, lambda _: None)
    again.set_ready(True)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(again.run())
        await until(lambda: again.leadership.active)
        assert again.leadership.epoch > epoch
        assert UPSTREAM in again.leadership.cause
        running.cancel()
    spec = upstream.lease()["spec"]
    assert spec["holderIdentity"] == "east-1_0badcafe_2"
    assert spec["leaseTransitions"] == 3


async def test_an_upstream_gateway_that_was_first_is_waited_for_while_it_renews(
    control_plane: Any, place: KubernetesOptions, lease_in: Open
) -> None:
    """Ours comes second: it takes nothing from who renews, and leads when that falls silent."""
    upstream = Upstream(control_plane.admin, str(place.namespace))
    upstream.create()
    timings = Timings(duration=1.5, renew_deadline=1.0, retry_period=0.3)
    elector = Elector(lease_in(place), "east-1_0badcafe_1", timings, lambda _: None)
    elector.set_ready(True)
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(elector.run())
        began = loop.time()
        while loop.time() < began + 4.0:  # twice what it writes as its duration
            assert await asyncio.to_thread(upstream.tries, loop.time(), 2)
            await asyncio.sleep(0.2)
        assert not elector.leadership.active
        await until(lambda: elector.leadership.active)
        running.cancel()
    assert not await asyncio.to_thread(upstream.tries, loop.time(), 2)
    assert upstream.lease()["spec"]["holderIdentity"] == "east-1_0badcafe_1"
