"""The first handshake: one side always begins before the other knows it."""

from __future__ import annotations

import asyncio

import pytest

pytestmark = pytest.mark.netns
RESENT = 5.0
"""Seconds after which WireGuard sends an initiation again that nobody answered."""


@pytest.mark.parametrize("keepalive", [10, 0], ids=["keepalive", "no keepalive"])
@pytest.mark.parametrize("order", [1, -1], ids=["east first", "west first"])
async def test_a_lost_initiation_is_made_good_by_the_other_side_at_once(
    underlay, keepalive, order
) -> None:
    """Whoever is second finds the other one ready, and begins on its own."""
    east = underlay.gateway("east", "172.31.0.1", keepalive=keepalive)
    west = underlay.gateway("west", "172.31.0.2", keepalive=keepalive)
    await east.open()
    await west.open()
    first, second = (east, west)[::order]
    await first.connect(second.endpoint)
    async with asyncio.timeout(RESENT):
        while not (await first.state(second.endpoint)).tx_bytes:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)
    await second.connect(first.endpoint)
    async with asyncio.timeout(RESENT - 1.0):
        await first.connected(second.endpoint)
        await second.connected(first.endpoint)
    shown = first.wg("show", "submariner", "persistent-keepalive")
    assert shown.split()[1] == (str(keepalive) if keepalive else "off")
