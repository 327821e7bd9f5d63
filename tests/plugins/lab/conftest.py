"""A lab without daemons, its clusters joined by plain routes: the probes and faults alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from submariner_lab import Lab, LabSpec, Protocol, Unreached, namespaces

OPEN = """
insert rule ip filter FORWARD accept
insert rule ip filter INPUT accept
insert rule ip nat POSTROUTING ip saddr 10.0.0.0/8 meta mark & 0x4000 == 0 accept
"""


def join(lab: Lab) -> None:
    """Route every pod of one cluster to every pod of another over the underlay."""
    for node in lab.nodes:
        remote = (n.site for n in lab.nodes if n.site.cluster_id != node.site.cluster_id)
        lines = [f"route replace {site.pod_subnet} via {site.address}" for site in remote]
        namespaces.batch(lines, node.site.netns)
        namespaces.nft(node.site.netns, OPEN)


async def answering(lab: Lab) -> bool:
    """Whether the echo servers of all pods are up."""
    try:
        for node in lab.nodes:
            await lab.ask(node, node, protocol=Protocol.UDP)
            await lab.ask(node, node)
    except Unreached:
        return False
    return True


@pytest.fixture
def rejoin() -> Callable[[Lab], None]:
    """Lays the plain routes again, after a node came back."""
    return join


@pytest.fixture
async def plain_lab() -> AsyncIterator[Lab]:
    """Two clusters of two nodes, joined without gateways."""
    async with Lab(LabSpec(nodes=2, gateways=1, daemons=False)) as lab:
        join(lab)
        await lab.until(lambda: answering(lab), timeout=10)
        yield lab
