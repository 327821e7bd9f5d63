"""``submariner gateway hand-over``, where it cannot be."""

from __future__ import annotations

import asyncio

import pytest

from submariner_core.api.cable import Cable, Path
from submariner_core.engine.control import ControlError
from tests.engine.pair import listed, pair
from tests.engine.site import EastSite, known, settled, until, west

pytestmark = pytest.mark.netns


async def test_a_gateway_that_cannot_take_over_is_named_and_so_are_those_that_can(
    site: EastSite,
) -> None:
    async with pair(site) as (_, first, two, _):
        words = rf"^gateway 'else' is not ready to take over; ready: {two.name}$"
        with pytest.raises(ControlError, match=words):
            await first.hand_over.on_command({"to": "else"})


async def test_a_gateway_that_does_not_lead_names_the_one_that_does(site: EastSite) -> None:
    async with pair(site) as (one, _, _, second):
        words = f"^this gateway does not lead: run this on {one.name}$"
        with pytest.raises(ControlError, match=words):
            await second.hand_over.on_command({})


async def test_the_only_gateway_has_nobody_to_hand_over_to(site: EastSite) -> None:
    async with site.node(1).running() as only:
        await settled(only)
        await until(lambda: only.elector.leadership.active)
        with pytest.raises(ControlError, match=r"^no gateway is ready to take over; ready: none$"):
            await only.hand_over.on_command({})


async def test_why_the_lead_was_given_up_stands_in_the_transition(site: EastSite) -> None:
    async with pair(site) as (one, first, two, second):
        await first.hand_over.on_command({"to": two.name})
        await until(lambda: one.says.status.transitions[-1].after == "passive")
        given = one.says.status.transitions[-1]
        words = f"handed over to {second.elector.identity}: the operator's command"
        assert (given.subject, given.cause) == ("leadership", words)


async def test_a_gateway_without_cables_has_them_before_it_is_named(
    site: EastSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never again 17: what takes long to make is made before the lead moves, not after."""
    async with pair(site) as (_, first, _, _):
        three = site.node(3)
        connect, named_with = three.driver.connect, []

        async def slow(cable: Cable) -> Path:
            await asyncio.sleep(0.3)
            return await connect(cable)

        monkeypatch.setattr(three.driver, "connect", slow)
        hand_over = first.elector.hand_over

        async def spy(successor: str, why: str) -> bool:
            named_with.append(three.connected)
            return await hand_over(successor, why)

        monkeypatch.setattr(first.elector, "hand_over", spy)
        async with three.running():
            await until(lambda: known(first, three) and len(listed(site)) == 3)
            assert three.connected == frozenset()
            assert await first.hand_over.give(three.name) == three.name
    assert [west(101).cable_name in cables for cables in named_with] == [True]
