"""The one task that decides, fed by hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

import pytest
import structlog

from submariner_core.api.cable import LocalGateway
from submariner_core.api.codec import encode
from submariner_core.api.info import Capability
from submariner_core.api.model import Cluster
from submariner_core.api.naming import IPAddress
from submariner_core.api.transport import Deleted, Put, Snapshot
from submariner_core.engine import decider as room
from submariner_core.engine.decider import Decider, Sinks
from submariner_core.engine.events import (
    Connected,
    ConnectFailed,
    Disconnected,
    Event,
    Led,
    Opened,
    ProbeChanged,
    Routed,
    StoreChanged,
    StoreLost,
    StoreName,
)
from submariner_core.loading.facade import Hooks
from submariner_core.reconcile.cables import Connect
from submariner_core.reconcile.election_state import Leadership
from submariner_core.reconcile.health import Health, replied
from submariner_core.reconcile.plan import Plan
from submariner_core.reconcile.state import Site, State
from submariner_core.reconcile.stores import StoreView
from submariner_core.reconcile.sync import Sync
from submariner_core.testing import RecordingExtension
from tests.reconcile.objects import endpoint, stored_cluster, stored_endpoint
from tests.reconcile.plan_world import OWN, path, stored, west

pytestmark = pytest.mark.looptime

WEST = west(9)
DATASTORE, BROKER = StoreName.DATASTORE, StoreName.BROKER


@dataclass
class Desk:
    """A decider; its lanes and router do at once what they are asked to."""

    extension: RecordingExtension = field(default_factory=RecordingExtension)
    healths: dict[str, Health] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    written: list[Sync] = field(default_factory=list)
    candidacies: list[tuple[bool, tuple[str, ...], int]] = field(default_factory=list)
    reserved: list[IPAddress] = field(default_factory=list)
    decisions: int = 0

    def __post_init__(self) -> None:
        cluster = Cluster("east", (ip_network("100.1.0.0/16"),), (ip_network("10.1.0.0/16"),))
        drivers = {"vxlan": Capability.STANDBY, "ipsec": Capability.STANDBY}
        sinks = Sinks(
            steps=self._step,
            wish=lambda wish: (
                self.decider.post(Routed(wish.carriers))
                if wish.carriers != self.decider.state.carriers or self.decider.state.routing_error
                else None
            ),
            targets=lambda _: None,
            writes=lambda written, _: self.written.append(written),
            candidacy=lambda *told: self.candidacies.append(told),
            moved=lambda *_: None,
            decided=self._decided,
        )
        self.decider = Decider(
            State(Site(cluster, 2, drivers), broker=StoreView()),
            Hooks.inline(self.extension),
            sinks,
            self.healths.get,
            (0.1, 1.0),
            lambda: asyncio.get_running_loop().time(),
            lambda: self.reserved,
        )

    def _decided(self, _state: State, _plan: Plan, _written: Sync) -> None:
        self.decisions += 1

    def _step(self, _lane: str, steps: tuple[Any, ...]) -> None:
        step = steps[0]
        if isinstance(step, Connect):
            made = Connected(step.driver, step.cable, path(step.driver, step.cable))
            self._do(f"connect {step.driver} {step.cable.name}", made)
        else:
            gone = Disconnected(step.driver, step.name)
            self._do(f"disconnect {step.driver} {step.name}", gone)

    def _do(self, words: str, event: Event) -> None:
        self.done.append(words)
        self.decider.post(event)

    async def told(self, *events: Event, seconds: float = 0.01) -> Plan:
        """Hand in events, and give it time."""
        for event in events:
            self.decider.post(event)
        await asyncio.sleep(seconds)
        return self.decider.plan

    @contextlib.asynccontextmanager
    async def open(self, own: Any = OWN, **failures: str) -> AsyncIterator[None]:
        task = asyncio.create_task(self.decider.run())
        await self.told(Opened(LocalGateway(own, 0), failures), Led(Leadership(True, 3, "x")))
        yield
        assert not task.done(), task.exception()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def snapshot(*stored_objects: Any, store: StoreName = DATASTORE) -> StoreChanged:
    return StoreChanged(store, Snapshot(tuple(encode(one) for one in stored_objects)))


async def test_what_a_store_tells_is_connected_and_observers_hear_of_it() -> None:
    desk = Desk()
    async with desk.open():
        plan = await desk.told(snapshot(stored(WEST)))
        assert plan.carriers == {"west": ("vxlan", WEST.cable_name)}
        changed = replace(WEST, subnets=(ip_network("10.5.0.0/16"),))
        await desk.told(StoreChanged(DATASTORE, Put(encode(stored(changed)))))
        await desk.told(StoreChanged(DATASTORE, Deleted(encode(stored(WEST)).ref)), seconds=20)
    assert desk.extension.events == [
        ("submariner_endpoint_added", (WEST,)),
        ("submariner_endpoint_updated", (changed, WEST)),
        ("submariner_endpoint_removed", (changed,)),
    ]


async def test_a_cable_that_cannot_be_made_is_told_once_and_again_for_another_reason() -> None:
    desk = Desk()
    async with desk.open():
        await desk.told(snapshot(stored(WEST)))
        (held,) = desk.decider.state.held.values()
        assert held.cable is not None
        with structlog.testing.capture_logs() as logs:
            for reason in ("no route", "no route", "no device", "no device"):
                await desk.told(ConnectFailed(held.driver, held.cable, reason))
    assert [one["reason"] for one in logs] == ["no route", "no device"]


async def test_an_observer_that_raises_changes_nothing() -> None:
    """Never again 10: no plugin stops the daemon."""
    desk = Desk()
    desk.extension.raising = {"submariner_endpoint_added", "submariner_endpoint_updated"}
    async with desk.open():
        plan = await desk.told(snapshot(stored(WEST)))
        assert plan.carriers
    assert desk.decider.failures == 0


async def test_a_decision_that_fails_is_survived_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Never again 10: a hostile object that we did not think of stops nothing."""
    desk = Desk()
    async with desk.open():
        await desk.told(snapshot(stored(WEST)))
        before = desk.decider.plan

        def broken(*_: object) -> Plan:
            raise ZeroDivisionError("a bug of ours")

        with monkeypatch.context() as patched, structlog.testing.capture_logs():
            patched.setattr(room, "plan", broken)
            await desk.told(ProbeChanged("x"), seconds=3.5)
            assert 3 <= desk.decider.failures <= 5
            assert desk.decider.plan is before
        failures = desk.decider.failures
        await desk.told(seconds=2)
        assert desk.decider.failures == failures
        assert desk.decider.plan.carriers == before.carriers


@pytest.mark.parametrize(("answered", "kept"), [(True, 599.0), (False, 9.0)])
async def test_a_wiped_store_holds_what_is_answered(answered: bool, kept: float) -> None:
    """Never again 5: a store that is rebuilt stops no data path."""
    desk = Desk()
    if answered:
        desk.healths[WEST.cable_name] = replied(Health(), 1_000_000)
    async with desk.open():
        await desk.told(snapshot(stored(WEST)))
        before = list(desk.done)
        await desk.told(snapshot(), seconds=kept)
        assert desk.decider.plan.clusters["west"].remote.held
        assert desk.done == before
        await desk.told(seconds=5)
        assert desk.decider.plan.clusters == {}
        assert desk.done[-1] == f"disconnect vxlan {WEST.cable_name}"


async def test_a_lost_store_changes_nothing() -> None:
    """Never again 5: an outage that stops a data path."""
    desk = Desk()
    async with desk.open():
        before = await desk.told(snapshot(stored(WEST)))
        done = list(desk.done)
        after = await desk.told(
            StoreLost(DATASTORE, "gone"), StoreLost(BROKER, "gone"), seconds=3600
        )
        assert after == before
        assert desk.done == done


async def test_a_burst_of_events_is_one_decision() -> None:
    """Never again 14: a queue that falls behind for ever."""
    desk = Desk()
    async with desk.open():
        await desk.told(snapshot())
        before = desk.decisions
        many = [
            StoreChanged(DATASTORE, Put(encode(stored_cluster(f"c{number}"))))
            for number in range(500)
        ]
        await desk.told(*many)
        assert desk.decisions == before + 1


async def test_what_the_policy_said_is_asked_again_when_our_offer_changes() -> None:
    """Never again 12: a driver that comes late is used by both sides, or by none."""
    both = replace(WEST, backend="ipsec", backend_config={"vxlan/order": "1"})
    both = replace(both, cluster_id="aaa", cable_name="submariner-cable-aaa-192-0-2-9")
    only_vxlan = replace(OWN, backend_config={})
    desk = Desk()
    async with desk.open(only_vxlan, ipsec="no daemon"):
        await desk.told(snapshot(stored_endpoint(both, origin="aaa", epoch=1, gateways=())))
        assert desk.decider.plan.carriers["aaa"][0] == "vxlan"
        await desk.told(Opened(LocalGateway(OWN, 0), {}))
        assert desk.decider.plan.carriers["aaa"][0] == "ipsec"


async def test_the_candidacy_tells_readiness_order_and_the_highest_epoch() -> None:
    desk = Desk()
    async with desk.open():
        own = stored_endpoint(OWN, epoch=3, gateways=())
        at_broker = replace(
            stored_cluster("east", 9), meta=replace(stored_cluster("east").meta, origin="east")
        )
        await desk.told(snapshot(own), snapshot(at_broker, store=BROKER))
        ready, _, epoch = desk.candidacies[-1]
        assert (ready, epoch) == (True, 9)


async def test_a_passive_gateway_writes_nothing() -> None:
    """Never again 1: only who leads writes."""
    desk = Desk()
    async with desk.open():
        await desk.told(snapshot(stored(WEST)), snapshot(store=BROKER))
        assert desk.written[-1].datastore
        await desk.told(Led(Leadership(False, 4, "lost")))
        assert desk.written[-1] == Sync()


async def test_a_mesh_of_many_clusters_is_decided_as_a_whole() -> None:
    """Never again 14: upstream at 512 clusters takes minutes for every change."""
    desk = Desk()
    many: Mapping[str, Any] = {
        f"c{n}": stored(
            endpoint(f"c{n}", n % 250 + 2, subnets=[f"10.{2 + n // 256}.{n % 256}.0/24"])
        )
        for n in range(300)
    }
    async with desk.open():
        await desk.told(snapshot(*many.values()), seconds=1)
        assert len(desk.decider.plan.carriers) == len(many)
        before = desk.decisions
        for number in range(5):
            await desk.told(ProbeChanged(f"x{number}"))
        assert desk.decisions == before + 5


async def test_no_remote_prefix_may_hold_a_stores_address_wherever_it_moves() -> None:
    desk = Desk()
    async with desk.open():
        plan = await desk.told(snapshot(stored(WEST)))
        assert plan.clusters["west"].prefixes == WEST.subnets
        desk.reserved.append(next(WEST.subnets[0].hosts()))
        plan = await desk.told(ProbeChanged("any"))
        assert WEST.subnets[0] not in plan.clusters["west"].prefixes
