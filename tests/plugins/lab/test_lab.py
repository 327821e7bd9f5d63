from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from submariner_lab import (
    Lab,
    LabError,
    LabSpec,
    LabTimeout,
    Protocol,
    Unreached,
    namespaces,
    state,
)  # fmt: skip
from submariner_lab.blueprint import PREFIX
from submariner_lab.packetfilter import SERVICE_PORT
from submariner_lab.reach import ask

pytestmark = pytest.mark.netns


@pytest.mark.parametrize("protocol", list(Protocol))
async def test_a_pod_says_which_address_it_saw(plain_lab: Lab, protocol: Protocol) -> None:
    east, west = plain_lab.clusters
    seen = await plain_lab.ask(east.nodes[0], west.nodes[1], protocol=protocol)
    assert (east.nodes[0].site.pod_address, "pod of west-2") == (seen.peer, seen.server)
    seen = await plain_lab.ask(east.nodes[0], west.nodes[1], host=True, protocol=protocol)
    assert seen.peer == east.nodes[0].site.address


async def test_a_cluster_ip_is_answered_by_the_backends_pod(plain_lab: Lab) -> None:
    east = plain_lab.clusters[0]
    first, backend = east.nodes
    for netns in (first.site.netns, first.site.pod_netns, backend.site.pod_netns):
        seen = await ask(netns, east.site.cluster_ip, SERVICE_PORT)
        assert seen.server == f"pod of {backend.site.name}"


async def test_a_hostile_node_forwards_nothing_from_other_clusters() -> None:
    async with Lab(LabSpec(nodes=1, gateways=1, daemons=False)) as lab:
        east, west = (cluster.nodes[0] for cluster in lab.clusters)
        for node, other in ((east, west), (west, east)):
            route = f"route add {other.site.pod_subnet} via {other.site.address}"
            namespaces.batch((route,), node.site.netns)
        with pytest.raises(Unreached, match="no answer within"):
            await ask(east.site.pod_netns, west.site.pod_address, 7000, timeout=0.3)


async def test_a_flow_counts_what_a_one_way_partition_took(plain_lab: Lab) -> None:
    a, b = (cluster.nodes[1] for cluster in plain_lab.clusters)
    async with plain_lab.flow(a, b) as flow:
        await flow.established()
        cut = plain_lab.faults.partition((a.site,), (b.site,), one_way=True)
        await asyncio.sleep(0.3)
        cut.heal()
        cut.heal()
        await flow.flowing()
    assert 0.25 < flow.report.forth.outage < 0.6
    assert flow.report.forth.lost > 200
    assert flow.report.back.lost == 0
    assert flow.report.outage == flow.report.forth.outage
    assert len(flow.report.forth.outages) == 1


async def test_random_loss_takes_its_share_each_way(plain_lab: Lab) -> None:
    a, b = (cluster.nodes[1] for cluster in plain_lab.clusters)
    async with plain_lab.flow(a, b) as flow:
        await flow.established()
        fault = plain_lab.faults.lose((a.site,), (b.site,), 30)
        await flow.flowing(1000)
        fault.heal()
        await flow.flowing()
    for way in (flow.report.forth, flow.report.back):
        assert 200 < way.lost < 700


async def test_a_slow_way_delays_all_and_loses_nothing(plain_lab: Lab) -> None:
    a, b = (cluster.nodes[1] for cluster in plain_lab.clusters)
    bystander = plain_lab.clusters[1].nodes[0]
    ping = ("ip", "netns", "exec", a.site.netns, "ping", "-c3", "-i0.01", "-W2", "-q")
    async with plain_lab.flow(a, b) as flow:
        await flow.established()
        slow = plain_lab.faults.delay((a.site,), (b.site,), 0.15)
        found = await asyncio.to_thread(namespaces.run, (*ping, str(b.site.address)))
        assert 300 <= average(found) < 450
        found = await asyncio.to_thread(namespaces.run, (*ping, str(bystander.site.address)))
        assert average(found) < 100
        cut = plain_lab.faults.partition((a.site,), (b.site,))
        with pytest.raises(LabError):
            await asyncio.to_thread(namespaces.run, (*ping, str(b.site.address)))
        cut.heal()
        await flow.flowing(200)
        slow.heal()
        await flow.flowing(200)
    assert flow.report.forth.lost > 0, "the cut did not act on what is slow"
    assert len(flow.report.forth.outages) == 1
    assert len(flow.report.back.outages) == 1


def average(ping: str) -> float:
    """The mean round-trip time in ms of a ping's summary."""
    return float(ping.rsplit("=", 1)[1].split("/")[1])


async def test_a_stream_tells_its_longest_silence(plain_lab: Lab) -> None:
    a, b = (cluster.nodes[1] for cluster in plain_lab.clusters)
    async with plain_lab.stream(a, b) as stream, plain_lab.flow(a, b) as flow:
        with pytest.raises(LabError, match="still runs"):
            _ = stream.report
        await flow.flowing(300)
        cut = plain_lab.faults.partition((a.site,), (b.site,))
        await asyncio.sleep(0.4)
        cut.heal()
        await flow.flowing(1000)
    assert stream.report.error is None
    assert 0.3 < stream.report.stall < 2
    assert stream.report.echoed > 20
    assert (str(a.site.pod_address), "pod of west-2") == (stream.report.peer, stream.report.server)


async def test_a_stream_that_cannot_connect_says_why(plain_lab: Lab) -> None:
    a, b = (cluster.nodes[1] for cluster in plain_lab.clusters)
    b.echo.kill()
    async with plain_lab.stream(a, b) as stream:
        await plain_lab.until(lambda: not stream.running, timeout=10)
    assert stream.report.error is not None
    assert "refused" in stream.report.error


async def test_a_killed_flow_leaves_no_report(plain_lab: Lab) -> None:
    a, b = (cluster.nodes[0] for cluster in plain_lab.clusters)
    with pytest.raises(LabError, match="was it killed"):
        async with plain_lab.flow(a, b) as flow:
            await flow.established()
            with pytest.raises(LabError, match="still runs"):
                _ = flow.report
            a.power_off()


async def test_a_node_that_is_powered_off_is_silent_and_comes_back(
    plain_lab: Lab, rejoin: Callable[[Lab], None]
) -> None:
    east, west = plain_lab.clusters
    a, b = east.nodes[0], west.nodes[0]
    b.power_off()
    assert not namespaces.processes((b.site.netns, b.site.pod_netns))
    await plain_lab.until(lambda: not b.echo.running, 5, "its pod is dead")
    with pytest.raises(Unreached):
        await ask(a.site.pod_netns, b.site.pod_address, 7000, timeout=0.3)
    b.power_on()
    rejoin(plain_lab)

    async def answers() -> bool:
        try:
            return (await plain_lab.ask(a, b)).server == f"pod of {b.site.name}"
        except Unreached:
            return False

    await plain_lab.until(answers, timeout=10)


async def test_an_isolated_store_is_cut_from_all(plain_lab: Lab) -> None:
    broker, node = plain_lab.blueprint.broker, plain_lab.nodes[0].site
    ping = ("ip", "netns", "exec", node.netns, "ping", "-c1", "-W0.3", str(broker.address))
    namespaces.run(ping)
    cut = plain_lab.faults.isolate(broker)
    with pytest.raises(LabError):
        namespaces.run(ping)
    cut.heal()
    namespaces.run(ping)


async def test_a_condition_that_never_holds_says_so(plain_lab: Lab) -> None:
    with pytest.raises(LabTimeout, match="pigs fly: not so after"):
        await plain_lab.until(lambda: False, timeout=0.05, what="pigs fly")


async def test_several_labs_at_once_do_not_meet() -> None:
    small = LabSpec(clusters=1, nodes=1, gateways=1, daemons=False)
    async with Lab(small) as one, Lab(small) as two:
        assert one.id != two.id
        assert namespaces.names(f"{PREFIX}-{one.id}-")
    assert not namespaces.names(f"{PREFIX}-{one.id}-")
    assert not namespaces.names(f"{PREFIX}-{two.id}-")


async def test_a_lab_leaves_nothing_when_its_body_fails() -> None:
    async def failing() -> None:
        async with Lab(LabSpec(clusters=1, nodes=1, gateways=1, daemons=False)) as lab:
            names.extend(namespaces.names(f"{PREFIX}-{lab.id}-"))
            folders.append(lab.folder)
            raise RuntimeError("on purpose")

    names: list[str] = []
    folders: list[Path] = []
    with pytest.raises(RuntimeError, match="on purpose"):
        await failing()
    assert names
    assert not any((namespaces.RUN / name).exists() for name in names)
    assert not folders[0].exists()


def test_the_lab_of_a_killed_process_is_found_and_removed(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import asyncio, sys
        from pathlib import Path
        from submariner_lab import Lab, LabSpec

        async def main():
            spec = LabSpec(clusters=1, nodes=1, gateways=1, daemons=False)
            async with Lab(spec, Path({str(tmp_path / "labs")!r})) as lab:
                print(lab.id, flush=True)
                await asyncio.sleep(60)

        asyncio.run(main())
    """)
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner.stdout:
        lab_id = owner.stdout.readline().strip()
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
    prefix = f"{PREFIX}-{lab_id}-"
    spaces = namespaces.names(prefix)
    assert namespaces.processes(spaces)
    assert (lab_id,) == state.remove_orphans(tmp_path / "labs")
    assert not namespaces.names(prefix)
    assert not (tmp_path / "labs").exists()
