"""A driver that is none of ours, from its wheel, carries two clusters and fails over."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from submariner_lab import Lab, LabSpec
from submariner_lab.matrix import questions, try_all

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]
LIMIT = 2.5
"""Seconds: below what the lease alone takes."""


@pytest.fixture
def wheel(third_party: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New processes find the driver in the wheel, before any other installation of it."""
    monkeypatch.setenv("PYTHONPATH", str(third_party))
    found = [sys.executable, "-c", "import submariner_direct as it; print(it.__file__)"]
    said = subprocess.run(found, check=True, capture_output=True, text=True, timeout=20).stdout
    assert Path(said.strip()).is_relative_to(third_party)


@pytest_asyncio.fixture
async def direct(wheel: None) -> AsyncIterator[Lab]:
    """A lab over the driver."""
    if os.geteuid() != 0:
        pytest.skip("makes network namespaces: run as root")
    async with Lab(LabSpec(driver="direct")) as lab:
        yield lab
        assert lab.crashes() == []


async def test_all_reach_all_and_the_traffic_moves_when_the_gateway_dies(direct: Lab) -> None:
    await direct.until(direct.settled, 60, "every gateway is ready")
    answers = await try_all(questions(direct))
    assert [answer.failure for answer in answers if answer.failure] == []
    assert len(answers) == 42
    east, west = direct.clusters
    victim, epoch = east.leader, east.epoch
    async with direct.flow(east.bystander, west.bystander) as flow:
        await flow.established()
        victim.power_off()
        await direct.until(lambda: east.epoch > epoch, 15, "another gateway took over")
        await flow.flowing(500, 20)
    assert flow.report.outage < LIMIT
    answers = await try_all(questions(direct, without=(victim,)))
    assert [answer.failure for answer in answers if answer.failure] == []
