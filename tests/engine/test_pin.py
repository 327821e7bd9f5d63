"""Who leads when the operator, or the cluster that empties a node, has a word in it."""

from __future__ import annotations

import contextlib

import pytest

from submariner_core.api.naming import PINNED_ANNOTATION
from submariner_core.api.transport import Kind
from submariner_core.engine import handover, pin
from submariner_core.engine.control import ControlError, ask
from tests.engine.pair import pair
from tests.engine.site import EastSite, Node, known, settled, until, west

pytestmark = pytest.mark.netns


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rest between two hand-overs that nobody asked for."""
    monkeypatch.setattr(handover, "PATIENCE", 0.05)
    monkeypatch.setattr(handover, "REST", (0.05, 0.05))


def pinned(site: EastSite) -> str | None:
    """The pin as it is stored."""
    record = site.datastore.get(Kind.CLUSTER, "east")
    return None if record is None else record.annotations.get(PINNED_ANNOTATION)


def leads(site: EastSite, node: Node) -> bool:
    """Whether the stores say so, and the node itself."""
    says = node.says.status.ha_status.value == "active"
    return says and site.endpoints(site.datastore) == site.endpoints(site.broker) == [node.name]


async def test_a_pinned_standby_leads_at_once_and_the_pin_is_stored(site: EastSite) -> None:
    async with pair(site) as (one, _, two, second):
        answer = await ask(one.state_dir, "pin", node=two.name)
        assert answer == {"pinned": two.name, "leads": True, "epoch": site.epoch(site.datastore)}
        await until(lambda: leads(site, two))
        assert pinned(site) == two.name
        with pytest.raises(ControlError, match=f"does not lead: run this on {two.name}$"):
            await ask(one.state_dir, "pin", node="")
        with pytest.raises(ControlError, match=f"pinned to {two.name}"):
            await ask(two.state_dir, "hand-over", to=one.name)
        answer = await ask(two.state_dir, "pin", node="")
        assert answer["pinned"] == ""
        assert pinned(site) is None
        await until(lambda: known(second, one))
        assert (await ask(two.state_dir, "hand-over"))["taken"] == one.name


async def test_the_lead_goes_back_to_the_pinned_gateway_once_it_is_ready_again(
    site: EastSite,
) -> None:
    site.join(west(101), west(102))
    one, two = site.node(1), site.node(2)
    async with two.running() as second:
        await settled(second, 2)
        async with one.running() as first:
            await settled(first, 2)
            await until(lambda: known(second, one) and leads(site, two))
            assert (await ask(two.state_dir, "pin", node=one.name))["leads"]
            await until(lambda: leads(site, one))
        await until(lambda: leads(site, two))
        assert pinned(site) == one.name
        async with one.running():
            await until(lambda: leads(site, one))


async def test_a_name_that_is_no_gateways_is_refused_with_those_that_are(site: EastSite) -> None:
    async with pair(site) as (one, _, _, _):
        with pytest.raises(ControlError, match="no gateway east-9; it has east-gw1, east-gw2"):
            await ask(one.state_dir, "pin", node="east-9")
        assert pinned(site) is None


async def test_a_pin_that_cannot_be_stored_is_an_error_and_has_no_effect(
    site: EastSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pin, "PATIENCE", 0.3)
    async with pair(site) as (one, first, _, _):
        one.datastore.cut()
        with pytest.raises(ControlError, match="did not take it"):
            await ask(one.state_dir, "pin")
        one.datastore.mend()
        await until(lambda: first.decider.state.pin is None)
        await until(lambda: first.decider.state.datastore.connected)
        assert pinned(site) is None


async def test_a_cordoned_node_gives_the_lead_away_and_takes_none_until_it_is_wanted_again(
    site: EastSite,
) -> None:
    async with contextlib.AsyncExitStack() as life:
        one, _, two, _ = await life.enter_async_context(pair(site))
        site.datastore.cordon(one.name)
        await until(lambda: leads(site, two))
        assert one.says.status.draining
        with pytest.raises(ControlError, match="ready: none"):
            await ask(two.state_dir, "hand-over")
        site.datastore.cordon()
        await until(lambda: not one.says.status.draining)
        assert (await ask(two.state_dir, "hand-over"))["taken"] == one.name


async def test_a_cordoned_node_without_a_standby_goes_on_leading(site: EastSite) -> None:
    site.join(west(101))
    one = site.node(1)
    site.datastore.cordon(one.name)
    async with one.running() as first:
        await settled(first, 1)
        await until(lambda: leads(site, one))
        assert one.says.status.draining
