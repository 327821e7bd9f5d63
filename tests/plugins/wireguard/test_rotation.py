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
