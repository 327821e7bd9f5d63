"""Two whole gateways of one cluster, each on a kernel of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

import pytest

from submariner_core.api.model import HAStatus
from submariner_core.api.transport import Fence, Kind
from tests.engine.pair import listed, pair
from tests.engine.site import EastSite, known, settled, until, west

pytestmark = pytest.mark.netns


async def test_the_standby_holds_the_same_cables_and_forwards_alike(site: EastSite) -> None:
    """Never again 3, 17: nothing is left to be made, found or waited for in a failover."""
    async with pair(site) as (one, _, two, _):
        assert set(two.driver.cables) == set(one.driver.cables)
        assert two.ways().replace("10.1.2.1", "10.1.1.1") == one.ways()
        await until(lambda: two.says.status.ready and one.says.status.ready)
        assert two.says.status.ha_status is HAStatus.PASSIVE
        assert (one.says.status.slot, two.says.status.slot) == (0, 1)


async def test_a_dead_leader_is_succeeded_without_a_change_to_any_cable(site: EastSite) -> None:
    """Never again 15: a dead gateway shown as active."""
    site.join(west(101), west(102))
    one, two = site.node(1), site.node(2)
    async with contextlib.AsyncExitStack() as life:
        first = await life.enter_async_context(one.running())
        await settled(first, 2)
        async with two.running() as second:
            await settled(second, 2)
            await until(lambda: two.says.status.ready)
            before, actions = two.ways(), list(two.host.actions)
            epoch = site.epoch(site.broker)
            assert epoch is not None
            await life.aclose()
            await until(lambda: site.endpoints(site.broker) == [two.name])
            await until(lambda: site.endpoints(site.datastore) == [two.name])
            assert site.epoch(site.broker) == site.epoch(site.datastore) == epoch + 1
            assert (two.ways(), two.host.actions) == (before, actions)
            await until(lambda: two.says.status.ha_status is HAStatus.ACTIVE)


async def test_a_leader_that_comes_back_after_its_lease_is_refused_and_goes_on_forwarding(
    site: EastSite,
) -> None:
    """Never again 1: two active gateways; the lower epoch is refused and stays passive."""
    async with pair(site) as (one, _, two, _):
        before, actions = one.ways(), list(one.host.actions)
        one.lease.connection.available = False
        await until(lambda: site.endpoints(site.broker) == [two.name])
        epoch = site.epoch(site.broker)
        one.lease.connection.available = True
        await until(lambda: one.says.status.ha_status is HAStatus.PASSIVE)
        await asyncio.sleep(0.5)
        assert site.endpoints(site.datastore) == site.endpoints(site.broker) == [two.name]
        assert site.epoch(site.broker) == epoch
        assert (one.ways(), one.host.actions) == (before, actions)
        with pytest.raises(Exception, match="epoch"):
            await one.broker.delete(site.broker.records[0].ref, Fence("east", (epoch or 0) - 1))


async def test_a_hand_over_is_one_epoch_and_no_change_to_any_cable(site: EastSite) -> None:
    """Never again 17: no fixed wait stands between the old leader and the new one."""
    site.join(west(101), west(102))
    one, two = site.node(1), site.node(2)
    async with two.running() as second:
        await settled(second, 2)
        async with one.process() as (first, task):
            await settled(first, 2)
            await until(lambda: second.decider.state.leadership.active)
            await until(lambda: known(second, one) and len(listed(site)) == 2)
            epoch = site.epoch(site.broker)
            taken = await second.hand_over.give()
            assert taken == one.name
            await until(lambda: site.endpoints(site.broker) == [one.name])
            assert site.epoch(site.broker) == (epoch or 0) + 1
            await until(lambda: set(listed(site)) == {one.name, two.name})
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(task, 20)
        await until(lambda: site.endpoints(site.broker) == [two.name])
        assert len(two.host.actions) == 3, "open, and a connect for each"


async def test_two_gateways_that_start_at_once_come_to_different_slots(site: EastSite) -> None:
    one, two = site.node(1), site.node(2)
    async with one.running(), two.running():
        await until(lambda: {n.says.status.slot for n in (one, two)} == {0, 1})
        await until(lambda: len(listed(site)) == 2)


async def test_a_gateway_that_is_gone_leaves_the_list(
    site: EastSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never again 9, 15: a dead gateway's status does not outlive it."""
    monkeypatch.setattr("submariner_core.reconcile.sync.GATEWAY_GONE", 1.0)
    monkeypatch.setattr("submariner_core.engine.engine.GATEWAY_PERIOD", 0.3)
    one, two = site.node(1), site.node(2)
    async with one.running():
        async with two.running():
            await until(lambda: listed(site) == [one.name, two.name])
        await until(lambda: listed(site) == [one.name])
        await until(lambda: site.datastore.get(Kind.GATEWAY, two.name) is None)
