"""A leader that is cut off, or asleep, is succeeded; what it writes afterwards nobody accepts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from submariner_lab import Cluster, Lab, Node

from tests.integration.chronicle import Chronicle

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
TAKE_OVER = 20.0
SETTLE = 40.0
ASLEEP = 10.0
LIMIT = 2.5
"""Seconds: what the lease alone takes is above it, what probes see is far below."""


def cut_from_its_store(lab: Lab, east: Cluster, holder: Node) -> None:
    """The holder cannot renew the lease; the broker and its peers it reaches."""
    lab.faults.partition((holder.site,), (east.site.store,))


def cut_from_all(lab: Lab, east: Cluster, holder: Node) -> None:
    """The holder reaches nobody: neither stores nor nodes nor peers."""
    lab.faults.isolate(holder.site)


def asleep(lab: Lab, east: Cluster, holder: Node) -> None:
    """The holder hangs; its kernel does not."""
    holder.gateway.freeze()


async def passive(lab: Lab, holder: Node) -> bool:
    """Whether its own record says so, written after the fault."""
    gateway = lab.cluster_of(holder).gateways.get(holder.site.name)
    return gateway is not None and gateway.status.ha_status.value == "passive"


@pytest.mark.parametrize("fault", [cut_from_its_store, cut_from_all, asleep])
async def test_a_holder_that_returns_has_no_say_any_more(
    lab: Lab, fault: Callable[[Lab, Cluster, Node], None]
) -> None:
    east, west = lab.clusters
    holder, epoch = east.leader, east.epoch
    bystander = east.nodes[-1]
    async with lab.flow(bystander, west.nodes[-1]) as flow:
        await flow.established()
        since = asyncio.get_running_loop().time()
        fault(lab, east, holder)
        await lab.until(lambda: east.epoch > epoch, TAKE_OVER, "another took over")
        successor, raised = east.leader, east.epoch
        while fault is asleep and asyncio.get_running_loop().time() < since + ASLEEP:
            await flow.flowing(100)
        chronicle = Chronicle(lab)
        lab.faults.heal()
        holder.gateway.thaw()
        await lab.until(lambda: passive(lab, holder), SETTLE, "it knows that it does not lead")
        await lab.until(lab.settled, SETTLE, "settled after its return")
        await flow.flowing(500)
    assert successor is not holder
    assert (east.leader, east.epoch) == (successor, raised)
    assert [w for w in chronicle.of(east) if (w.stored.epoch or 0) < raised] == []
    for store in (east.store.site.name, west.store.site.name, "broker"):
        (endpoint,) = (e for e in lab.view.endpoints(store) if e.spec.cluster_id == east.name)
        assert (endpoint.spec.hostname, endpoint.epoch) == (successor.site.name, raised)
    if fault is cut_from_all:
        assert flow.report.outage < LIMIT
    else:
        assert flow.report.lost == 0
