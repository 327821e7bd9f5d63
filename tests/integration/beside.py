"""Labs in which upstream's own daemons run beside ours."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from submariner_lab import Lab, LabSpec
from submariner_lab.errors import LabError
from submariner_lab.kube import assets
from submariner_lab.matrix import questions, try_all
from submariner_lab.upstream import find

SECONDS = 120
"""Upstream's leases last 15 s, and its tunnels come half a minute later at most."""


@asynccontextmanager
async def running(spec: LabSpec) -> AsyncIterator[Lab]:
    """A lab in which upstream's daemons run, all connected."""
    if os.geteuid() != 0:
        pytest.skip("makes network namespaces: run as root")
    try:
        assets.find()
        find()
    except LabError as error:
        pytest.skip(str(error))
    async with Lab(spec) as lab:
        await reachable(lab)
        yield lab
        assert lab.crashes() == []
        assert lab.view.malformed == []


async def reachable(lab: Lab) -> None:
    """Until every pod and node reaches the pods and the service of the other cluster."""
    failures: list[str] = []

    async def all_answer() -> bool:
        failures[:] = [found.failure for found in await try_all(questions(lab)) if found.failure]
        return not failures

    await lab.until(lab.connected, SECONDS, "the clusters are connected")
    try:
        await lab.until(all_answer, SECONDS, "every pod is reached")
    except LabError:
        pytest.fail("\n".join(failures))
