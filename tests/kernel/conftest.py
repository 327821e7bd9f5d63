"""A kernel to speak to, in a namespace of the test's own."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable

import pytest

from submariner_core.kernel import Kernel


@pytest.fixture
async def kernel(netns) -> AsyncIterator[Kernel]:
    async with Kernel() as kernel:
        yield kernel


@pytest.fixture
def shell(netns) -> Callable[[str], str]:
    """Run iproute2 commands in the namespace, as an administrator would."""

    def run(commands: str) -> str:
        done = subprocess.run(
            ["sh", "-ec", commands], capture_output=True, text=True, timeout=20, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def lan(shell) -> str:
    """A device with 10.0.0.1/24 that is up: a bridge with no port."""
    shell("ip link add lan0 type bridge; ip addr add 10.0.0.1/24 dev lan0; ip link set lan0 up")
    return "lan0"


@pytest.fixture
def writes(kernel, monkeypatch) -> list[str]:
    """Every change that is asked of the kernel, as ``action name``."""
    asked: list[str] = []
    change = kernel._netlink.change

    async def record(*arguments, **keywords):
        asked.append(f"{keywords['action']} {keywords['name']}")
        await change(*arguments, **keywords)

    monkeypatch.setattr(kernel._netlink, "change", record)
    return asked
