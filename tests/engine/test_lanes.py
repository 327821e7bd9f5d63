"""Lanes: each remote cluster's cable work goes on whatever the others' does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from submariner_core.api.cable import Cable, LocalGateway, Path
from submariner_core.engine.events import Connected, ConnectFailed, Disconnected, Event
from submariner_core.engine.lanes import STEP_TIMEOUT, Lanes
from submariner_core.reconcile.cables import Connect, Disconnect
from submariner_core.testing import Crash, MemoryCableDriver
from tests.reconcile.objects import endpoint

pytestmark = pytest.mark.looptime


def cable(cluster_id: str) -> Cable:
    remote = endpoint(cluster_id)
    return Cable(remote.cable_name, remote, 0, remote.private_ip, 4500)


class Work:
    """Lanes over one driver, and what they report."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self.driver = MemoryCableDriver()
        self.said: list[Event] = []
        self.lanes = Lanes({"memory": self.driver}, self.said.append)
        self.lanes.start(group)

    def connect(self, *cluster_ids: str) -> None:
        for cluster_id in cluster_ids:
            self.lanes.offer(cluster_id, [Connect("memory", cable(cluster_id))])


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    async with asyncio.TaskGroup() as group:
        made = Work(group)
        await made.driver.open(LocalGateway(endpoint("east")))
        yield made


async def test_a_step_is_done_and_reported(work: Work) -> None:
    work.connect("west")
    await asyncio.sleep(0.01)
    (event,) = work.said
    assert isinstance(event, Connected)
    assert event.path == await work.driver.connect(cable("west"))


async def test_a_driver_that_hangs_on_one_remote_delays_no_other(work: Work) -> None:
    """Never again 8: one unreachable or slow remote that delays all others."""
    work.driver.hang(cable("slow").name)
    work.connect("slow", "west", "north")
    await asyncio.sleep(0.01)
    assert sorted(event.cable.remote.cluster_id for event in work.said) == ["north", "west"]
    await asyncio.sleep(STEP_TIMEOUT)
    late = work.said[-1]
    assert isinstance(late, ConnectFailed)
    assert late.cable.remote.cluster_id == "slow"
    assert "no answer of memory within 15 s" in late.reason


async def test_a_lane_does_one_step_at_a_time_and_drops_what_comes_meanwhile(work: Work) -> None:
    work.driver.hang(cable("west").name)
    for _ in range(3):
        work.connect("west")
        await asyncio.sleep(0.01)
    assert work.driver.calls.count(("connect", cable("west").name)) == 1
    await asyncio.sleep(STEP_TIMEOUT)
    work.driver.heal(cable("west").name)
    work.connect("west")
    await asyncio.sleep(0.01)
    assert [type(event) for event in work.said] == [ConnectFailed, Connected]


async def test_the_first_step_is_taken_and_the_rest_is_the_next_plans(work: Work) -> None:
    new, old = cable("west"), cable("north")
    await work.driver.connect(old)
    work.lanes.offer("west", [Connect("memory", new), Disconnect("memory", old.name)])
    await asyncio.sleep(0.01)
    assert [type(event) for event in work.said] == [Connected]
    assert set(work.driver.cables) == {new.name, old.name}


async def test_a_disconnect_is_reported_and_so_is_its_failure(work: Work) -> None:
    name = cable("west").name
    work.driver.fail(name, "busy")
    work.lanes.offer("west", [Disconnect("memory", name)])
    await asyncio.sleep(0.01)
    work.driver.heal(name)
    work.lanes.offer("west", [Disconnect("memory", name)])
    await asyncio.sleep(0.01)
    first, second = work.said
    assert isinstance(first, Disconnected)
    assert "busy" in first.reason
    assert second == Disconnected("memory", name)


@pytest.mark.parametrize("error", [TypeError("a bug"), KeyError("x"), OSError(13, "denied")])
async def test_whatever_a_driver_raises_is_a_failed_step(
    work: Work, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Never again 10: no plugin stops the daemon."""

    async def broken(_cable: Cable) -> Path:
        raise error

    monkeypatch.setattr(work.driver, "connect", broken)
    work.connect("west")
    await asyncio.sleep(0.01)
    (event,) = work.said
    assert isinstance(event, ConnectFailed)
    assert event.reason


@pytest.mark.parametrize("answer", [None, "vxlan-tunnel", ("vxlan-tunnel", None, 1400)])
async def test_a_driver_that_names_no_path_has_failed(
    work: Work, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    """Else the next plan would connect again, at once and for ever."""

    async def vague(_cable: Cable) -> object:
        return answer

    monkeypatch.setattr(work.driver, "connect", vague)
    work.connect("west")
    await asyncio.sleep(0.01)
    (event,) = work.said
    assert isinstance(event, ConnectFailed)
    assert "must return a Path" in event.reason


async def test_a_crash_is_not_caught() -> None:
    with pytest.raises(BaseExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            work = Work(group)
            await work.driver.open(LocalGateway(endpoint("east")))
            work.driver.host.crash_after(1)
            work.connect("west")
    assert caught.group_contains(Crash)
