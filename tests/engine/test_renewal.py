"""``submariner gateway renew``: what waits for a start is taken up where nobody sends."""

from __future__ import annotations

import pytest

from submariner_core.engine.control import ControlError
from tests.engine.pair import pair
from tests.engine.site import EastSite, Node, until

pytestmark = pytest.mark.netns


def watched(node: Node, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of a node's driver from now on."""
    calls: list[str] = []
    opening = node.driver.open

    async def renew() -> None:
        calls.append("renew")

    async def opened(local: object) -> object:
        calls.append("open")
        return await opening(local)

    monkeypatch.setattr(node.driver, "renew", renew)
    monkeypatch.setattr(node.driver, "open", opened)
    return calls


async def test_a_leader_hands_over_first_and_opens_its_drivers_then(
    site: EastSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pair(site) as (one, first, _, second):
        calls = watched(one, monkeypatch)
        answer = await first.renewal.on_command({})
        assert second.elector.leadership.active
        assert answer == {"renewed": ["memory"]}
        await until(lambda: "open" in calls[calls.index("renew") :])


async def test_a_standby_moves_no_lead(site: EastSite, monkeypatch: pytest.MonkeyPatch) -> None:
    async with pair(site) as (_, first, two, second):
        calls = watched(two, monkeypatch)
        await second.renewal.on_command({})
        assert "renew" in calls
        assert first.elector.leadership.active


async def test_where_somebody_still_sends_nothing_changes(
    site: EastSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pair(site) as (_, _, two, second):
        calls = watched(two, monkeypatch)

        async def busy() -> bool:
            return False

        monkeypatch.setattr(second.hand_over, "quiet", busy)
        with pytest.raises(ControlError, match="packets still come through this gateway"):
            await second.renewal.on_command({})
        assert "renew" not in calls
