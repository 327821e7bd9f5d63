"""One lab for all tests of this folder: two clusters of three nodes, two gateways each."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from submariner_lab import Lab, LabSpec

START = 60.0


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_lab() -> AsyncIterator[Lab]:
    """Built once; use ``lab``."""
    if os.geteuid() != 0:
        pytest.skip("makes network namespaces: run as root")
    async with Lab(LabSpec()) as lab:
        yield lab


@pytest_asyncio.fixture(loop_scope="session")
async def lab(shared_lab: Lab) -> AsyncIterator[Lab]:
    """The shared lab, whole: every node up, every daemon running, every gateway ready."""
    await shared_lab.restore(START)
    yield shared_lab
    assert shared_lab.crashes() == []
