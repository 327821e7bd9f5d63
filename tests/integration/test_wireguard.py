"""A lab whose cables are WireGuard, as its own kernel or wireguard-go has it."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from click.testing import CliRunner
from submariner_lab import Flow, Lab, LabSpec, Node, namespaces
from submariner_lab.matrix import questions, try_all
from submariner_wireguard.commands import wireguard
from submariner_wireguard.options import WireGuardOptions

from submariner_core.engine.control import ask
from tests.integration.implementations import IMPLEMENTATIONS, chosen

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
START = 60.0
LIMITS = {"userspace": 2.5, "kernel": 20.0}
"""Seconds: what the lease alone takes is above the first, what probes see is far below.

Under User-Mode Linux nothing is so quick that seconds would tell much.
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=IMPLEMENTATIONS)
async def shared_wireguard_lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    """Built once for each implementation; use ``lab``."""
    async with Lab(LabSpec(driver="wireguard", options=chosen(request.param))) as lab:
        secrets = keys(lab)  # a test gives one of them up for a new one
        yield lab
        secrets |= keys(lab)
        shown = [path for path in files(lab) if any(key in path.read_bytes() for key in secrets)]
        assert shown == []


@pytest_asyncio.fixture(loop_scope="module")
async def lab(shared_wireguard_lab: Lab) -> AsyncIterator[Lab]:
    """The shared lab, whole: every node up, every daemon running, every gateway ready."""
    await shared_wireguard_lab.restore(START)
    yield shared_wireguard_lab
    assert shared_wireguard_lab.crashes() == []


def keys(lab: Lab) -> set[bytes]:
    """The secrets of this lab in every form in which they may be written.

    WireGuard's own tools write keys in base64, the protocol of its sockets in hexadecimal digits.
    """
    shared = (lab.folder / "psk").read_bytes()
    found = lab.folder.glob("*/state/wireguard/*.key")
    octets = [base64.b64decode(path.read_bytes()) for path in found]
    assert len(octets) >= len([name for cluster in lab.clusters for name in cluster.gateways])
    octets.append(WireGuardOptions(psk_file=lab.folder / "psk").preshared_key().reveal())
    forms = {form for one in octets for form in (one, one.hex().encode(), base64.b64encode(one))}
    forms |= {shared.strip(), base64.b64encode(shared)}
    return {form.rstrip(b"=") for form in forms}


def files(lab: Lab) -> list[Path]:
    """Everything that a lab's processes wrote and that is no secret itself."""
    return [
        path
        for path in lab.folder.rglob("*")
        if path.is_file() and path.suffix != ".key" and path.name != "psk"
    ]


def between(lab: Lab) -> Flow:
    """A flow between pods of nodes without a gateway."""
    east, west = lab.clusters
    return lab.flow(east.nodes[-1], west.nodes[-1])


def keys_of(node: Node, command: str) -> str:
    """What ``submariner wireguard`` says of a node's keys, asked in this process: often."""
    folder = str(node.folder / "state")
    result = CliRunner().invoke(wireguard, [command, "--state-dir", folder])
    assert result.exit_code == 0, result.output
    return result.output.strip()


def public_key(node: Node) -> str:
    """The key that a node's gateway uses."""
    return keys_of(node, "show-key")


async def test_everything_reaches_everything(lab: Lab) -> None:
    answers = await try_all(questions(lab))
    assert [answer.failure for answer in answers if answer.failure] == []


async def test_a_gateway_that_is_restarted_loses_nothing(lab: Lab) -> None:
    node = lab.clusters[0].leader
    async with between(lab) as flow:
        await flow.established()
        await node.gateway.restart(timeout=40)
        await lab.until(lab.settled, START, "settled after the restart")
        await flow.flowing()
    assert flow.report.lost == 0


async def test_a_killed_gateway_leaves_devices_that_go_on_and_are_adopted(lab: Lab) -> None:
    east = lab.clusters[0]
    node, epoch = east.leader, east.epoch
    devices = ("ip", "-n", node.site.netns, "-o", "link")
    before = namespaces.run(devices)
    async with between(lab) as flow:
        await flow.established()
        await node.gateway.restart(kill=True)
        await lab.until(lambda: east.epoch > epoch, 15, "somebody leads again")
        await lab.until(lab.settled, START, "settled after the restart")
        await flow.flowing()
    assert flow.report.lost == 0
    assert namespaces.run(devices) == before


async def test_a_new_key_is_taken_up_without_a_lost_packet(lab: Lab) -> None:
    node = lab.clusters[0].leader
    old = public_key(node)
    said = keys_of(node, "rotate-key")
    assert public_key(node) == old
    async with between(lab) as flow:
        await flow.established()
        await node.gateway.restart(timeout=40)  # it hands over first
        await lab.until(lambda: public_key(node) != old, START, "the new key is in use")
        await lab.until(lab.settled, START, "remote gateways know the new key")
        await flow.flowing()
    assert public_key(node) in said
    assert flow.report.lost == 0


async def test_nor_is_one_lost_where_a_command_has_it_taken_up(lab: Lab) -> None:
    node = lab.clusters[0].leader
    said = keys_of(node, "rotate-key")
    async with between(lab) as flow:
        await flow.established()
        await ask(node.folder / "state", "renew")
        await lab.until(lambda: public_key(node) in said, START, "the new key is in use")
        await lab.until(lab.settled, START, "remote gateways know the new key")
        await flow.flowing()
    assert flow.report.lost == 0


async def test_another_gateway_takes_over_from_one_without_power(lab: Lab) -> None:
    east = lab.clusters[0]
    victim, epoch = east.leader, east.epoch
    async with between(lab) as flow:
        await flow.established()
        victim.power_off()
        await lab.until(lambda: east.epoch > epoch, 15, "another gateway took over")
        await flow.flowing(500, 20)
    assert namespaces.processes((victim.site.netns,)) == ()
    assert flow.report.outage < limit(lab)
    victim.power_on()
    await lab.until(lab.settled, START, "the dead gateway is back")


async def test_a_device_that_is_lost_comes_back_with_its_cables(lab: Lab) -> None:
    """In user space its daemon dies, which takes it along; in the kernel somebody deletes it."""
    node = lab.clusters[0].leader
    pids = [pid for pid in namespaces.processes((node.site.netns,)) if name_of(pid) == DAEMON]
    async with between(lab) as flow:
        await flow.established()
        if pids:
            os.kill(pids[0], signal.SIGKILL)
            await lab.until(lambda: "daemon-restarted" in log_of(node), START, "it is restarted")
            assert "gap_ms=" in log_of(node)
        else:
            namespaces.batch(("link delete submariner",), node.site.netns)
        await lab.until(lambda: has_device(node), START, "the device is back")
        await lab.until(lab.settled, START, "its cables are back")
        await flow.flowing(500, 20)
    assert flow.report.outage < limit(lab)


DAEMON = "wireguard-go"


def limit(lab: Lab) -> float:
    """How long an outage may last here."""
    return LIMITS[str(lab.spec.options["wireguard"]["implementation"])]


def name_of(pid: int) -> str:
    """What a process is called."""
    return Path(f"/proc/{pid}/comm").read_text().strip()


def log_of(node: Node) -> str:
    """All that a node's gateway has logged."""
    return node.gateway.log.read_text()


def has_device(node: Node) -> bool:
    """Whether the device of slot 0 is there."""
    return "submariner:" in namespaces.run(("ip", "-n", node.site.netns, "-o", "link"))
