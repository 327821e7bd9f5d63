from __future__ import annotations

import asyncio
import shutil

import pytest

from submariner_core.api.model import ConnectionStatus
from submariner_core.kernel import nft

pytestmark = pytest.mark.netns

OUTER = 20 + 8 + 8 + 14  # IP, UDP, VXLAN, Ethernet around each packet
PING = 20 + 8 + 1000
FIVE = 5 * (OUTER + PING)


async def counts(gateway, remote):
    state = await gateway.state(remote)
    return state.rx_bytes, state.tx_bytes


async def test_bytes_are_counted_per_peer_and_direction(underlay):
    east, west = await underlay.pair()
    other = underlay.gateway("north", "172.31.0.3")
    await other.open()
    await other.connect(east.endpoint)
    await east.connect(other.endpoint)
    east.ping(west.pod, size=1000, count=5)
    assert await counts(east, west.endpoint) == (FIVE, FIVE)
    assert await counts(west, east.endpoint) == (FIVE, FIVE)
    assert await counts(east, other.endpoint) == (0, 0)


async def test_the_directions_are_told_apart(underlay):
    east, west = await underlay.pair()
    # requests arrive, replies do not leave
    west.run(f"ip route replace blackhole {east.endpoint.subnets[0]}")
    with pytest.raises(AssertionError):
        east.ping(west.pod, size=1000, count=5)
    assert await counts(east, west.endpoint) == (0, FIVE)
    assert await counts(west, east.endpoint) == (FIVE, 0)


async def test_counts_go_on_when_other_cables_come_and_go(underlay, endpoint):
    east, west = await underlay.pair()
    other = endpoint("north", "172.31.0.3")
    east.ping(west.pod, size=1000, count=5)
    await east.connect(other)
    await east.disconnect(other)
    assert await counts(east, west.endpoint) == (FIVE, FIVE)


async def test_counts_go_on_over_a_restart(underlay):
    east, west = await underlay.pair()
    east.ping(west.pod, size=1000, count=5)
    await east.restart()
    assert await counts(east, west.endpoint) == (FIVE, FIVE)


async def test_other_traffic_between_the_two_nodes_is_not_counted(underlay):
    east, west = await underlay.pair()
    east.run("ping -c2 -i0.05 -W2 172.31.0.2")
    assert await counts(east, west.endpoint) == (0, 0)


async def test_counters_that_somebody_flushed_come_back(underlay):
    east, west = await underlay.pair()
    east.run("nft flush ruleset")
    assert await counts(east, west.endpoint) == (None, None)
    east.ping(west.pod, size=1000, count=5)
    assert await counts(east, west.endpoint) == (FIVE, FIVE)


async def test_a_node_without_nft_has_cables_without_counts(underlay, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", _only(tmp_path / "bin", "ip", "ping", "sysctl"))
    east, west = await underlay.pair()
    east.ping(west.pod)
    state = await east.state(west.endpoint)
    assert (state.status, state.rx_bytes) == (ConnectionStatus.CONNECTED, None)


async def test_many_cables_at_once_cost_few_replacements_of_the_table(
    underlay, endpoint, cable, monkeypatch
):
    replacements = []
    replace = nft.replace_table

    async def counting(*arguments):
        replacements.append(arguments)
        return await replace(*arguments)

    monkeypatch.setattr(nft, "replace_table", counting)
    east = underlay.gateway("east", "172.31.0.1")
    await east.open()
    peers = [endpoint("west", f"172.31.1.{number}") for number in range(20)]
    with underlay.netns.entered(east.namespace):
        await asyncio.gather(*(east.driver.connect(cable(peer)) for peer in peers))
    assert len(replacements) < len(peers)
    assert all(state.rx_bytes == 0 for state in await east.observe())


def _only(folder, *programs):
    folder.mkdir()
    for program in programs:
        (folder / program).symlink_to(shutil.which(program))
    return str(folder)
