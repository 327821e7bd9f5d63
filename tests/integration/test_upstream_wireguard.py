"""A WireGuard cable with upstream's own gateway at its other end, under a kernel that has it."""

from __future__ import annotations

import pytest
from submariner_lab import LabSpec

from submariner_core.api.model import ConnectionStatus
from tests.integration.beside import SECONDS, reachable, running

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.lab,
    pytest.mark.asyncio,
    pytest.mark.timeout(600),
]


async def test_a_cluster_of_ours_and_one_of_upstreams_share_a_wireguard_cable() -> None:
    """Its keys are new after each start, which is all that a restart of it costs."""
    spec = LabSpec(store="k8s", driver="wireguard", nodes=1, gateways=1, upstream=("west",))
    async with running(spec) as lab:
        east, west = lab.clusters
        (gateway,) = east.gateways.values()
        (before,) = gateway.status.connections
        assert before.status is ConnectionStatus.CONNECTED

        def rekeyed() -> bool:
            (gateway,) = east.gateways.values()
            connections = gateway.status.connections
            return [one.endpoint.backend_config["publicKey"] for one in connections] != [
                before.endpoint.backend_config["publicKey"]
            ]

        theirs = west.nodes[0].gateway
        theirs.kill()
        theirs.start()
        await lab.until(rekeyed, SECONDS, "the new key has come")
        await reachable(lab)
