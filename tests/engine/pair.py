"""Two whole gateways of cluster ``east``, one of which leads."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from submariner_core.api.codec import decode
from submariner_core.api.transport import Kind
from submariner_core.engine.engine import Engine
from tests.engine.site import EastSite, Node, known, settled, until, west


@contextlib.asynccontextmanager
async def pair(site: EastSite) -> AsyncIterator[tuple[Node, Engine, Node, Engine]]:
    """The first leads and may hand over; the second stands by with all its cables up."""
    site.join(west(101), west(102))
    one, two = site.node(1), site.node(2)
    async with one.running() as first:
        await settled(first, 2)
        async with two.running() as second:
            await settled(second, 2)
            await until(lambda: listed(site) == ["east-gw1", "east-gw2"] and known(first, two))
            yield one, first, two, second


def listed(site: EastSite) -> list[str]:
    """The gateways of east, as the broker tells them to others."""
    for record in site.broker.records:
        if record.ref.kind is Kind.ENDPOINT:
            found = decode(record)
            if found.spec.cluster_id == "east":
                return [entry.endpoint.hostname for entry in found.gateways]
    return []
