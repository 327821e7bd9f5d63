"""A lab whose daemons die when told, and all that it holds, to be compared."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from submariner_lab import Lab, LabSpec, Node, namespaces
from submariner_lab.process import Process

from submariner_core.api.model import ClusterObject, EndpointObject, GatewayObject

PLUGIN = Path(__file__).parent / "doom"
"""To be on ``PYTHONPATH`` of whoever is to die."""

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "4"))
"""How much is tried; .ci/test --full and CONTRIBUTING.md say how much tries every single thing."""
START = 60.0

LISTED = (
    "ip -o link",
    "ip -d -o link show type vxlan",
    "ip -4 -o address",
    "ip neighbour show nud permanent",
    "bridge fdb show dev vx-submariner",
    "bridge fdb show dev vxlan-tunnel",
    "ip nexthop",
    "ip -4 route show table all",
    "ip rule",
    "sysctl -a -r ip_forward|rp_filter|send_redirects|be_liberal",
)
_NOT_THE_SAME_TWICE = re.compile(r"^\d+: |@if\d+|link-netns \S+|link/\S+ [0-9a-f:]{17}")


Holdings = dict[str, dict[str, list[str]]]
"""Lines by the command or store that lists them, by node; the stores are a place too."""


class Doom:
    """Orders to daemons, and what they did. Each is known as Process is in the lab."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def order(self, process: Process, after: int | str) -> None:
        """Die after this; for those that start from now on."""
        (self._folder / _daemon(process)).write_text(str(after))

    def pardon(self) -> None:
        """Nobody that starts from now on dies."""
        for path in self._folder.iterdir():
            if not path.suffix:
                path.unlink()

    def done(self, process: Process) -> list[str]:
        """All that this process did."""
        return (self._folder / f"{_daemon(process)}.log").read_text().splitlines()


@contextlib.asynccontextmanager
async def doomed_lab(folder: Path, spec: LabSpec) -> AsyncIterator[tuple[Lab, Doom]]:
    """A lab whose daemons die when told."""
    if os.geteuid() != 0:
        pytest.skip("makes network namespaces: run as root")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", str(PLUGIN), prepend=os.pathsep)
        environment.setenv("SUBMARINER_DOOM", str(folder))
        async with Lab(spec) as lab:
            await lab.until(lab.settled, START, "every gateway is ready")
            yield lab, Doom(folder)
            assert lab.crashes() == []


def _daemon(process: Process) -> str:
    return process.name.replace(" of ", " ")


def kernel(node: Node) -> dict[str, list[str]]:
    """What a node's kernel holds, by the command that lists it."""
    found = {}
    for command in LISTED:
        lines = _run(node, command).splitlines()
        found[command] = sorted(_NOT_THE_SAME_TWICE.sub("", line) for line in lines)
    # tables stand in the order in which they were made, which does not matter
    for table in _run(node, "nft -s list ruleset").split("\ntable "):
        first, *lines = table.splitlines()
        found[f"nft {first.removeprefix('table ')}"] = lines
    return found


def _run(node: Node, command: str) -> str:
    return namespaces.run(("ip", "netns", "exec", node.site.netns, *command.split()))


def stored(lab: Lab) -> dict[str, list[str]]:
    """What the stores hold, without what tells one life of a process from another."""
    return {store.site.name: sorted(_told(lab, store.site.name)) for store in lab.stores}


def _told(lab: Lab, store: str) -> Iterable[str]:
    for one in lab.view.objects(store):
        match one:
            case ClusterObject():
                yield f"{one.meta.name}: {one.spec}"
            case EndpointObject():
                yield f"{one.meta.name}: {one.spec} {one.gateways} {one.claimed} {one.refused}"
            case GatewayObject(status=said):
                yield f"{one.meta.name}: {said.local_endpoint} {said.slot} {said.ha_status}"
            case _:
                yield f"{one.meta.name}: {one.status.address} {one.status.carries}"


def state(lab: Lab) -> Holdings:
    """All of it."""
    return {"stores": stored(lab), **{node.site.name: kernel(node) for node in lab.nodes}}


def differences(found: Holdings, expected: Holdings) -> list[str]:
    """Lines that one has and the other has not."""
    told = []
    for place, lists in expected.items():
        for name in lists.keys() | found[place].keys():
            before, now = lists.get(name, []), found[place].get(name, [])
            told += [f"{place}: {name}: lacks {line}" for line in before if line not in now]
            told += [f"{place}: {name}: has {line}" for line in now if line not in before]
            if sorted(before) == sorted(now) and before != now:
                told.append(f"{place}: {name}: another order")
    return told
