"""A lab whose cables are IPsec: charon's own data plane, and the kernel's under either daemon."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from submariner_lab import Flow, Lab, LabSpec, Node, namespaces
from submariner_lab.matrix import questions, try_all

from tests.plugins import ipsec

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]
START = 120.0
TRIES = 3
"""Under User-Mode Linux, ESP loses bursts of packets now and then without any cause."""


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[
        pytest.param("userspace", marks=ipsec.needs_charon),
        pytest.param("strongswan", marks=pytest.mark.kernel),
        pytest.param("libreswan", marks=pytest.mark.kernel),
    ],
)
async def shared_ipsec_lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    """Built once for each daemon and data plane; use ``lab``."""
    if os.geteuid() != 0:
        pytest.skip("makes network namespaces: run as root")
    userspace = request.param == "userspace"
    options = (
        {"daemon": "strongswan", "data_plane": "userspace"}
        if userspace
        else {"daemon": request.param, "data_plane": "interfaces"}
    )
    spec = LabSpec(driver="libreswan", nodes=3 if userspace else 2, options={"libreswan": options})
    async with Lab(spec) as lab:
        yield lab
        secrets = psks(lab)
        shown = [path for path in files(lab) if any(psk in path.read_bytes() for psk in secrets)]
        assert shown == []


@pytest_asyncio.fixture(loop_scope="module")
async def lab(shared_ipsec_lab: Lab) -> AsyncIterator[Lab]:
    """The shared lab, whole: every node up, every daemon running, every gateway ready."""
    await shared_ipsec_lab.restore(START)
    yield shared_ipsec_lab
    assert shared_ipsec_lab.crashes() == []


def psks(lab: Lab) -> set[bytes]:
    """The secret of this lab in every form in which it may be written."""
    octets = (lab.folder / "psk").read_bytes()
    text = base64.b64encode(octets)
    return {octets.strip(), text.rstrip(b"="), text.hex().encode()}


def files(lab: Lab) -> list[Path]:
    """Everything that a lab's processes wrote and that is no secret itself."""
    return [
        path
        for path in lab.folder.rglob("*")
        if path.is_file() and path.name not in {"psk", "secrets", "submariner.secrets"}
    ]


def between(lab: Lab) -> Flow:
    """A flow between pods of the clusters' last nodes."""
    east, west = lab.clusters
    return lab.flow(east.nodes[-1], west.nodes[-1])


async def lost_at_best(lab: Lab, event: Callable[[], Awaitable[None]]) -> int:
    """Packets lost while something happens; the best of some tries."""
    best: int | None = None
    for _ in range(TRIES):
        async with between(lab) as flow:
            await flow.established()
            await event()
            await flow.flowing()
        best = flow.report.lost if best is None else min(best, flow.report.lost)
        if best == 0:
            break
        await lab.until(lab.settled, START, "settled for another try")
    assert best is not None
    return best


def daemons_of(node: Node) -> list[int]:
    """Process ids of a node's IKE daemon."""
    return [
        pid
        for pid in namespaces.processes((node.site.netns,))
        if Path(f"/proc/{pid}/comm").read_text().strip() in {"charon-systemd", "pluto"}
    ]


async def test_everything_reaches_everything(lab: Lab) -> None:
    answers = await try_all(questions(lab))
    assert [answer.failure for answer in answers if answer.failure] == []


async def test_a_killed_gateway_leaves_tunnels_that_go_on_and_are_adopted(lab: Lab) -> None:
    east = lab.clusters[0]
    daemons = {node.site.name: daemons_of(node) for node in lab.nodes}
    moved = False

    async def restart() -> None:
        nonlocal moved
        epoch, node = east.epoch, east.leader
        await node.gateway.restart(kill=True)
        await lab.until(lambda: east.epoch > epoch, 30, "somebody leads again")
        await lab.until(lab.settled, START, "settled after the restart")
        moved |= east.leader is not node

    lost = await lost_at_best(lab, restart)
    if east.standby or not moved:  # without standby cables, a move costs what a new one takes
        assert lost == 0
    assert {node.site.name: daemons_of(node) for node in lab.nodes} == daemons


async def test_a_gateway_that_leaves_for_good_hands_over(lab: Lab) -> None:
    east = lab.clusters[0]

    async def leave() -> None:
        node, epoch = east.leader, east.epoch
        node.gateway.terminate()
        await lab.until(lambda: east.epoch > epoch, 30, "another gateway leads")
        await node.gateway.wait(60)
        node.gateway.start()
        await lab.until(lab.settled, START, "settled when it is back")

    lost = await lost_at_best(lab, leave)
    if east.standby:
        assert lost == 0


async def test_another_gateway_takes_over_from_one_without_power(lab: Lab) -> None:
    east = lab.clusters[0]
    victim, epoch = east.leader, east.epoch
    other = next(node for node in east.nodes if node is not victim)
    async with lab.flow(other, lab.clusters[1].nodes[-1]) as flow:
        await flow.established()
        victim.power_off()
        await lab.until(lambda: east.epoch > epoch, 30, "another gateway took over")
        await flow.flowing(500, 40)
    assert namespaces.processes((victim.site.netns,)) == ()
    victim.power_on()
    await lab.until(lab.settled, START, "the dead gateway is back")


async def test_an_ike_daemon_that_dies_is_started_again_with_its_tunnels(lab: Lab) -> None:
    node = lab.clusters[0].leader
    [pid] = daemons_of(node)
    async with between(lab) as flow:
        await flow.established()
        os.kill(pid, signal.SIGKILL)
        await lab.until(
            lambda: "daemon-restarted" in node.gateway.log.read_text(), START, "it is restarted"
        )
        await lab.until(lab.settled, START, "its tunnels are back")
        await flow.flowing(500, 40)
    assert len(daemons_of(node)) == 1
