"""The only gateway of a cluster sends by second cables while its first change their key."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from submariner_core.api.cable import Detour, Path
from submariner_core.api.codec import decode
from submariner_core.api.errors import CableError
from submariner_core.api.transport import Kind
from submariner_core.engine import detours
from submariner_core.engine.control import ControlError
from submariner_core.engine.engine import Engine
from tests.engine.site import EastSite, Node, settled, until, west

pytestmark = pytest.mark.netns

WEST = west(101)
PATH = Path("memory1", WEST.private_ip, 1400)


class Double:
    """A driver's second cables; ``calls`` has what was sent where when it was asked something."""

    def __init__(self, site: EastSite, node: Node, patch: pytest.MonkeyPatch) -> None:
        self.site, self.node = site, node
        self.calls: list[tuple[str, str, int]] = []
        self.proven = True
        for verb in ("detour", "end_detour", "renew"):
            patch.setattr(node.driver, verb, getattr(self, verb))

    async def detour(self, slot: int) -> Detour:
        assert slot == 1
        renewed = any(verb == "renew" for verb, *_ in self.calls)
        paths = {WEST.cable_name: PATH} if self.proven else {}
        return Detour({"udp-port": "4504"}, paths, frozenset(paths if renewed else ()))

    async def end_detour(self) -> None:
        self._note("end")

    async def renew(self) -> None:
        self._note("renew")

    def _note(self, verb: str) -> None:
        device = "memory1" if "memory1" in self.node.ip("nexthop") else "memory0"
        self.calls.append((verb, device, len(listed(self.site))))


def listed(site: EastSite) -> list[str]:
    """The cables of east's list, as the broker tells them to others."""
    found = [decode(one) for one in site.broker.records if one.ref.kind is Kind.ENDPOINT]
    (east,) = [one for one in found if one.spec.cluster_id == "east"]
    return [entry.endpoint.cable_name for entry in east.gateways]


@contextlib.asynccontextmanager
async def alone(site: EastSite, patch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Engine, Double]]:
    """One gateway that has ended what an earlier process may have left."""
    site.join(WEST)
    node = site.node(1)
    node.ip("link", "add", "memory1", "type", "bridge")
    node.ip("addr", "add", "192.0.2.1/24", "dev", "memory1")
    node.ip("link", "set", "memory1", "up")
    double = Double(site, node, patch)
    async with node.running() as only:
        await settled(only, 1)
        await until(lambda: double.calls and listed(site))
        double.calls.clear()
        yield only, double


async def test_it_sends_there_before_the_key_changes_and_no_more_when_they_go(
    site: EastSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with alone(site, monkeypatch) as (only, double):
        before = double.node.ways()
        assert await only.renewal.on_command({}) == {"renewed": ["memory"]}
        assert double.calls[0] == ("renew", "memory1", 2)
        assert [call[:2] for call in double.calls] == [("renew", "memory1"), ("end", "memory0")]
        await until(lambda: len(listed(site)) == 1)
        assert double.node.ways() == before


async def test_without_proven_second_cables_nothing_changes(
    site: EastSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detours, "PROVEN", 0.3)
    async with alone(site, monkeypatch) as (only, double):
        double.proven = False
        with pytest.raises(ControlError, match=f"no second cable beside {WEST.cable_name}"):
            await only.renewal.on_command({})
        assert [verb for verb, *_ in double.calls] == ["end"]
        await until(lambda: len(listed(site)) == 1)


async def test_a_driver_without_second_cables_asks_for_the_operators_word(
    site: EastSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with alone(site, monkeypatch) as (only, double):

        async def none(_: int) -> None:
            raise CableError("this driver has no second cables")

        monkeypatch.setattr(double.node.driver, "detour", none)
        with pytest.raises(CableError, match="no second cables"):
            await only.renewal.on_command({})
        assert "renew" not in [verb for verb, *_ in double.calls]
        await only.renewal.on_command({"now": True})
        assert "renew" in [verb for verb, *_ in double.calls]


async def test_one_renewal_at_a_time(site: EastSite, monkeypatch: pytest.MonkeyPatch) -> None:
    async with alone(site, monkeypatch) as (only, double):

        async def meanwhile() -> None:
            with pytest.raises(ControlError, match="another renewal is not over"):
                await only.renewal.on_command({})
            await double.renew()

        monkeypatch.setattr(double.node.driver, "renew", meanwhile)
        await only.renewal.on_command({})
        assert [verb for verb, *_ in double.calls] == ["renew", "end"]
