"""Daemons die after single things they did, all over a start; the next ones come to the same."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from submariner_lab import Lab, LabSpec, LabTimeout

from tests.integration.crash import (
    ROUNDS,
    START,
    Doom,
    Holdings,
    differences,
    doomed_lab,
    state,
)

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]
SETTLE = 40.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def doomed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Lab, Doom]]:
    """Two clusters of one node each, whose daemons die when told."""
    folder = tmp_path_factory.mktemp("doom")
    async with doomed_lab(folder, LabSpec(nodes=1, gateways=1)) as found:
        yield found


async def boot(lab: Lab) -> None:
    """Every node loses all but its disk, and starts its daemons."""
    for node in lab.nodes:
        node.power_off()
    for node in lab.nodes:
        node.power_on()


async def same(lab: Lab, expected: Holdings, what: str) -> None:
    """Until all is as it was."""
    await lab.until(lab.settled, SETTLE, f"settled after {what}")
    try:
        await lab.until(lambda: not differences(state(lab), expected), 15)
    except LabTimeout:
        assert differences(state(lab), expected) == [], what


async def test_whatever_a_daemon_did_last_the_next_one_comes_to_the_same_end(
    doomed: tuple[Lab, Doom],
) -> None:
    """A round is a boot of both nodes; in each all four daemons die once."""
    lab, doom = doomed
    daemons = [daemon for node in lab.nodes for daemon in node.daemons]
    await boot(lab)
    await lab.until(lab.settled, START, "settled after a boot")
    expected = state(lab)
    await same(lab, expected, "nothing at all")
    things = {daemon: doom.done(daemon) for daemon in daemons}
    assert all(len(done) > 15 for done in things.values()), things
    tried: dict[str, set[int]] = {"gateway": set(), "route-agent": set()}
    counts = {  # what both of a kind do: one may have come by a thing or two more
        kind: min(len(done) for daemon, done in things.items() if daemon.name.startswith(kind))
        for kind in tried
    }
    for number in range(ROUNDS):
        orders = {}
        for place, daemon in enumerate(daemons):
            # the two gateways, and the two route agents, at different things
            share = (2 * number + place // 2 + 0.5) / (2 * ROUNDS)
            kind = daemon.name.split()[0]
            orders[daemon] = 1 + int(share * counts[kind])
            doom.order(daemon, orders[daemon])
            tried[kind].add(orders[daemon])
        await boot(lab)

        def dead() -> bool:
            return not any(daemon.running for daemon in daemons)

        await lab.until(dead, START, f"all are dead: {orders}")
        assert [d.exit_status for d in daemons] == [-9] * len(daemons), lab.ended()
        what = ", ".join(f"{d.name} after {doom.done(d)[-1]} ({n})" for d, n in orders.items())
        doom.pardon()
        for node in lab.nodes:
            node.start()
        await same(lab, expected, what)
    for kind, numbers in tried.items():
        if counts[kind] <= 2 * ROUNDS:
            every = set(range(1, counts[kind] + 1))
            assert numbers == every, f"{kind}: not every thing was tried"


@pytest.mark.parametrize("store", ["datastore", "broker"])
async def test_all_who_read_start_anew_between_a_leaders_cluster_and_its_endpoint(
    doomed: tuple[Lab, Doom], store: str
) -> None:
    """A Cluster above its only Endpoint changes nothing in the data path, for none of them."""
    lab, doom = doomed
    (here,), (there,) = (cluster.nodes for cluster in lab.clusters)
    place = lab.broker.site.name if store == "broker" else lab.clusters[0].store.site.name
    await lab.until(lab.settled, SETTLE, "settled before")
    expected = state(lab)
    async with lab.flow(here, there) as flow:
        await flow.established()
        doom.order(here.gateway, f"put Cluster east at {store}")
        await here.gateway.restart(kill=True)
        await lab.until(lambda: not here.gateway.running, 20, "dead between the two")
        (cluster,) = (c for c in lab.view.clusters(place) if c.spec.cluster_id == "east")
        (endpoint,) = (e for e in lab.view.endpoints(place) if e.spec.cluster_id == "east")
        assert (cluster.epoch or 0) > (endpoint.epoch or 0)
        for daemon in (here.route_agent, there.gateway, there.route_agent):
            await daemon.restart(kill=True)
        await lab.until(there.ready, SETTLE, "west is ready with what there is")
        await flow.flowing(500)
        doom.pardon()
        here.start()
        await same(lab, expected, "a restart of all")
        await flow.flowing(500)
    assert flow.report.lost == 0
