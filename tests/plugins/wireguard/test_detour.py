"""Second cables under a key of their own, beside those whose key is about to change."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from submariner_wireguard.keyfile import stage_key
from submariner_wireguard.secret import public_key

from submariner_core.api.naming import DETOUR_SUFFIX

pytestmark = pytest.mark.netns
SLOT = 1


async def detour(gateway):
    with gateway.netns.entered(gateway.namespace):
        return await gateway.driver.detour(SLOT)


async def end(gateway):
    with gateway.netns.entered(gateway.namespace):
        await gateway.driver.end_detour()


def second(gateway, found):
    """The second cables as the list of that gateway's cluster has them."""
    name = gateway.endpoint.cable_name + DETOUR_SUFFIX
    return replace(gateway.endpoint, cable_name=name, backend_config=found.offer)


async def proven(gateway):
    async with asyncio.timeout(10):
        while not (found := await detour(gateway)).paths:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)
    return found


async def test_there_are_none_unless_a_key_waits(underlay) -> None:
    east, _ = await underlay.pair()
    assert await detour(east) is None
    stage_key(east.state_dir)
    assert await detour(east) is not None


async def test_a_remote_accepts_by_them_while_the_first_change_their_key(underlay) -> None:
    east, west = await underlay.pair()
    east.ping(west.pods[0])
    used = east.endpoint.backend_config["publicKey"]
    staged = public_key(stage_key(east.state_dir))
    found = await detour(east)
    assert found.paths == {}
    assert found.offer["publicKey"] not in {used, staged}
    await west.connect(second(east, found), slot=SLOT)
    (prefix,) = east.endpoint.subnets
    west.run(f"ip route replace {prefix} dev submariner src {west.pods[0]}")
    path = (await proven(east)).paths[west.endpoint.cable_name]
    assert path.device == "submariner-4"
    assert {state.key for state in await east.observe()} == {
        west.endpoint.backend_config["publicKey"]
    }
    (prefix,) = west.endpoint.subnets
    east.run(f"ip route replace {prefix} dev {path.device} src {east.pods[0]}")
    east.ping(west.pods[0], 3)  # there by the second, back by the first
    await east.driver.renew()
    assert (await detour(east)).followed == frozenset()
    assert (await east.open())["publicKey"] == staged
    east.ping(west.pods[0], 3)  # back under the old key, which west still has
    assert (await detour(east)).followed == frozenset()
    await west.connect(east.endpoint)
    assert east.wg("show", "submariner", "public-key").strip() == staged
    async with asyncio.timeout(10):
        while not (await detour(east)).followed:  # noqa: ASYNC110 - a handshake tells nobody
            await asyncio.sleep(0.02)
    east.run(f"ip route replace {prefix} dev submariner src {east.pods[0]}")
    east.ping(west.pods[0], 3)
    await end(east)
    assert [line.split(": ")[1] for line in east.indices()] == ["submariner"]
    assert await detour(east) is None


async def test_the_next_process_removes_what_the_last_one_left_of_them(underlay) -> None:
    east, west = await underlay.pair()
    stage_key(east.state_dir)
    await detour(east)
    await east.restart()
    await east.open()
    assert [line.split(": ")[1] for line in east.indices()] == ["submariner", "submariner-4"]
    await end(east)
    assert [line.split(": ")[1] for line in east.indices()] == ["submariner"]
    await west.connect(east.endpoint)
    east.ping(west.pods[0])


async def test_a_cable_on_their_device_stays_and_upstreams_peers_have_none(underlay) -> None:
    east, west = underlay.gateway("east", "172.31.0.1"), underlay.gateway("west", "172.31.0.2")
    north = underlay.gateway("north", "172.31.0.3")
    west.slot = 4
    await underlay.join(east, west)
    await north.open()
    await east.connect(north.endpoint, ours=False)
    await north.connect(east.endpoint)
    stage_key(east.state_dir)
    await detour(east)
    names = [line.split(": ")[1] for line in east.indices()]
    assert names == ["submariner", "submariner-4"]
    await end(east)
    assert [line.split(": ")[1] for line in east.indices()] == names
    east.ping(west.pods[0])


async def test_what_opens_meanwhile_does_not_end_a_renewal(underlay, monkeypatch) -> None:
    east, _ = await underlay.pair()
    staged = public_key(stage_key(east.state_dir))
    restore, within, go = east.driver._peering.restore, asyncio.Event(), asyncio.Event()

    async def waiting(*arguments, **keywords):
        within.set()
        await go.wait()
        await restore(*arguments, **keywords)

    monkeypatch.setattr(east.driver._peering, "restore", waiting)
    running = asyncio.create_task(east.open())
    await within.wait()
    renewal = asyncio.create_task(east.driver.renew())
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(running, renewal)
    assert (await east.open())["publicKey"] == staged
