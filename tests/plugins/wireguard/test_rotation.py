"""A new private key: staged by a command, taken up when the gateway starts, not before."""

from __future__ import annotations

import pytest
from submariner_wireguard.keyfile import stage_key
from submariner_wireguard.secret import public_key

pytestmark = pytest.mark.netns


async def test_a_staged_key_waits_for_a_restart_whatever_happens_on_the_host(underlay) -> None:
    """The core opens a driver again at every change of a link or a route."""
    east, west = await underlay.pair()
    used = east.endpoint.backend_config["publicKey"]
    staged = public_key(stage_key(east.state_dir))
    for _ in range(2):
        assert (await east.open())["publicKey"] == used
    assert east.wg("show", "submariner", "public-key").strip() == used
    east.ping(west.pods[0])
    await east.restart()
    assert (await east.open())["publicKey"] == staged


async def test_a_staged_key_is_taken_up_once_when_it_is_asked_for(underlay) -> None:
    """On every device: one that has no peer now may get one later."""
    east = underlay.gateway("east", "172.31.0.1")
    west, second = underlay.gateway("west", "172.31.0.2"), underlay.gateway("north", "172.31.0.3")
    second.slot = 1
    await underlay.join(east, west, second)
    await east.disconnect(second.endpoint)
    staged = public_key(stage_key(east.state_dir))
    await east.driver.renew()
    assert (await east.open())["publicKey"] == staged
    for gateway in (west, second):
        await gateway.connect(east.endpoint)
    await east.connect(second.endpoint, slot=1)
    for gateway in (west, second):
        east.ping(gateway.pods[0], 2)
    for device in ("submariner", "submariner-1"):
        assert east.wg("show", device, "public-key").strip() == staged
    stage_key(east.state_dir)
    assert (await east.open())["publicKey"] == staged
