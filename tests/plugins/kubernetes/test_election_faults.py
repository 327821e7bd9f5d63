"""An election over a real API server that is slow, away, or meddled with: one leads at most."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from submariner_kubernetes.lease import KubernetesLeaseStore
from submariner_kubernetes.lease_object import NAME
from submariner_kubernetes.options import KubernetesOptions
from submariner_lab.errors import LabError

from submariner_core.engine.campaign import Elector
from submariner_core.reconcile.election_timings import Timings
from tests.plugins.kubernetes.relay import Relay

pytestmark = pytest.mark.kube

Place = Callable[[], KubernetesOptions]
Open = Callable[..., KubernetesLeaseStore]
TIMINGS = Timings(duration=3.0, renew_deadline=2.0, retry_period=0.5)
A, B = "east-1_0badcafe_11111111", "east-2_0badcafe_22222222"


@pytest.fixture
def place(namespace: Place) -> KubernetesOptions:
    return namespace()


class Contest:
    """Candidates of one Lease; ``both`` says whether two might ever write at the same moment."""

    def __init__(self, *electors: Elector) -> None:
        self.electors = electors
        self.both = False

    async def look(self) -> None:
        while True:
            self.both |= sum(one.may_write() for one in self.electors) > 1
            await asyncio.sleep(0.002)

    async def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - a server tells nobody
                await asyncio.sleep(0.01)


@asynccontextmanager
async def contest(*electors: Elector) -> AsyncIterator[Contest]:
    held = Contest(*electors)
    for one in electors:
        one.set_ready(True)
    works = [held.look(), *(one.run() for one in electors)]
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield held
        assert not any(task.done() for task in tasks)
        assert not held.both
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def elector(store: KubernetesLeaseStore, identity: str) -> Elector:
    return Elector(store, identity, TIMINGS, lambda _: None)


@pytest.fixture
async def slow(control_plane: Any, place: KubernetesOptions) -> AsyncIterator[Any]:
    """The relay, and options by which the server is reached through it."""
    relay = Relay(control_plane.apiserver.port)
    async with relay.listening():
        host, port = relay.address
        yield relay, place.model_copy(update={"url": f"https://{host}:{port}"})


async def test_a_slow_server_is_led_at_all_the_same(slow: Any, lease_in: Open) -> None:
    relay, options = slow
    one = elector(lease_in(options, timeout=1.0), A)
    async with contest(one) as held:
        await held.until(lambda: one.leadership.active)
        epoch = one.leadership.epoch
        relay.delay = 0.15  # 0.3 s there and back, of 0.5 s
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() < began + 2 * TIMINGS.duration:
            assert one.leadership.active
            await asyncio.sleep(0.05)
        assert one.leadership.epoch == epoch
        assert one.may_write()


async def test_a_holder_for_whom_the_server_is_too_slow_stops_before_another_begins(
    slow: Any, place: KubernetesOptions, lease_in: Open
) -> None:
    relay, options = slow
    one, other = elector(lease_in(options, timeout=1.0), A), elector(lease_in(place), B)
    async with contest(one, other) as held:
        await held.until(lambda: one.leadership.active or other.leadership.active)
        if other.leadership.active:
            assert await other.hand_over(A)
        await held.until(one.may_write)
        relay.delay = 10.0
        await held.until(lambda: other.leadership.active)
        assert not one.may_write()
        epoch = other.leadership.epoch
        relay.delay = 0.0
        relay.cut()
        await held.until(lambda: not one.leadership.active)
        assert other.leadership.active
        assert other.leadership.epoch == epoch


async def test_a_server_that_was_away_finds_the_same_leader(slow: Any, lease_in: Open) -> None:
    """All candidates miss it alike: nobody may write, and then the holder has the first turn."""
    relay, options = slow
    one = elector(lease_in(options, timeout=1.0), A)
    other = elector(lease_in(options, timeout=1.0), B)
    async with contest(one, other) as held:
        await held.until(lambda: one.leadership.active or other.leadership.active)
        leader = one if one.leadership.active else other
        relay.delay = 30.0
        relay.cut()
        await held.until(lambda: not (one.may_write() or other.may_write()))
        await asyncio.sleep(TIMINGS.duration)
        relay.delay = 0.0
        relay.cut()
        await held.until(lambda: one.may_write() or other.may_write())
        assert leader.may_write()


async def test_two_holders_that_are_forced_by_hand_never_write_both(
    control_plane: Any, place: KubernetesOptions, lease_in: Open
) -> None:
    """Somebody edits the Lease: it names another process, then nobody's, then is deleted."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{place.namespace}/leases/{NAME}"

    def force(holder: str) -> None:
        change = {"spec": {"holderIdentity": holder}}
        control_plane.admin.call("PATCH", path, change, "application/merge-patch+json")

    async def agree() -> bool:
        """Whether the Lease is there, and just the one that it names may write."""
        try:
            found = await asyncio.to_thread(control_plane.admin.call, "GET", path)
        except LabError:
            return False
        holder = found["spec"]["holderIdentity"]
        return [e.identity for e in (one, other) if e.may_write()] == [holder]

    async def agreement() -> int:
        async with asyncio.timeout(30):
            while not await agree():  # noqa: ASYNC110 - a server tells nobody
                await asyncio.sleep(0.05)
        return max(e.leadership.epoch for e in (one, other))

    one, other = elector(lease_in(place), A), elector(lease_in(place), B)
    async with contest(one, other):
        epoch = await agreement()
        leader, standby = (one, other) if one.leadership.active else (other, one)
        for holder in (standby.identity, "somebody_0badcafe_33333333", leader.identity, ""):
            await asyncio.to_thread(force, holder)
            assert await agreement() >= epoch
        await asyncio.to_thread(control_plane.admin.call, "DELETE", path)
        assert await agreement() > epoch
