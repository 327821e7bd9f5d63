"""Flows go from one whole gateway to the next before the lead does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

import pytest

from submariner_core.api.flow import TCP, Flow, FlowState, Way
from submariner_core.api.naming import FLOWS_ANNOTATION, FLOWS_TAKEN_ANNOTATION
from submariner_core.engine import flows as room
from submariner_core.kernel import KernelError
from tests.engine.pair import pair
from tests.engine.site import EastSite, until

pytestmark = pytest.mark.netns


def flow(port: int, client: str = "10.2.3.4") -> Flow:
    """From a pod of west to a service of east."""
    here = IPv4Address(client)
    forth = Way(here, port, IPv4Address("100.1.0.10"), 80)
    back = Way(IPv4Address("10.1.3.2"), 7000, here, port)
    return Flow(TCP, forth, back, FlowState.ESTABLISHED, 400)


class Tables:
    """What two kernels track: the leaving gateway asks first, then they take turns."""

    def __init__(self, leaving: tuple[Flow, ...]) -> None:
        self.leaving = leaving
        self.staying: tuple[Flow, ...] = ()
        self.failure: KernelError | None = None
        self.hanging = False
        self.told: list[tuple[Flow, ...]] = []
        self.leads: list[bool] = []
        self.gateway: object = None
        self._asked = 0

    async def answered(self, destinations: Iterable[IPv4Network]) -> tuple[Flow, ...]:
        assert list(destinations) == [IPv4Network("100.1.0.0/16")]
        if self.failure is not None:
            raise self.failure
        self._asked += 1
        return self.leaving if self._asked % 2 else self.staying

    async def restore(self, flows: tuple[Flow, ...]) -> tuple[Flow, ...]:
        if self.hanging:
            await asyncio.Event().wait()
        self.told.append(flows)
        self.leads.append(self.gateway.elector.leadership.active)  # type: ignore[attr-defined]
        self.staying += flows
        if len(self.told) == 1:
            self.leaving += (flow(9),)  # somebody connects while the lead moves
        return ()


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Tables:
    made = Tables((flow(1), flow(2), flow(3, "192.0.2.77")))
    monkeypatch.setattr(room.conntrack, "answered", made.answered)
    monkeypatch.setattr(room.conntrack, "restore", made.restore)
    return made


async def test_the_successor_knows_the_flows_before_it_leads(
    site: EastSite, tables: Tables
) -> None:
    async with pair(site) as (one, first, two, second):
        tables.gateway = second
        assert await first.hand_over.give() == two.name
        await until(lambda: len(tables.told) == 2)
        assert tables.told == [(flow(1), flow(2)), (flow(9),)]
        assert not tables.leads[0]

        def notes() -> set[str]:
            return {*one.says.meta.annotations, *two.says.meta.annotations}

        await until(lambda: not notes() & {FLOWS_ANNOTATION, FLOWS_TAKEN_ANNOTATION})


async def test_a_gateway_without_flows_offers_nothing(site: EastSite, tables: Tables) -> None:
    tables.leaving = ()
    async with pair(site) as (one, first, two, _):
        before = first._publisher.writes
        await first._flows.offer(two.says.status.local_endpoint.cable_name)
        assert first._publisher.writes == before
        assert FLOWS_ANNOTATION not in one.says.meta.annotations


async def test_a_successor_that_does_not_answer_leads_all_the_same(
    site: EastSite, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PATIENCE", 0.3)
    tables.hanging = True
    async with pair(site) as (_, first, two, second):
        assert await first.hand_over.give() == two.name
        await until(lambda: second.elector.leadership.active)


async def test_a_kernel_without_connection_tracking_holds_up_no_hand_over(
    site: EastSite, tables: Tables
) -> None:
    tables.failure = KernelError("tracked flows", "list", 95)
    async with pair(site) as (_, first, two, second):
        assert await first.hand_over.give() == two.name
        await until(lambda: second.elector.leadership.active)


async def test_a_malformed_offer_is_refused_and_nothing_else(
    site: EastSite, tables: Tables
) -> None:
    async with pair(site) as (one, first, two, second):
        tables.gateway = second
        first._flows._notes = {FLOWS_ANNOTATION: "nonsense"}
        await first._publisher.publish()
        await until(lambda: one.says.meta.annotations.get(FLOWS_ANNOTATION) == "nonsense")
        assert await first.hand_over.give() == two.name
        assert tables.told[0] == (flow(1), flow(2))
