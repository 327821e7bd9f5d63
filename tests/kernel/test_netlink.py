from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from ipaddress import IPv4Interface

import pytest

from submariner_core.kernel import Address, Kernel, KernelError

ADDRESSES = tuple(IPv4Interface(f"240.0.0.{n}/8") for n in range(1, 41))


def test_importing_the_room_does_not_load_pyroute2():
    script = "import sys, submariner_core.kernel; sys.exit('pyroute2' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.netns
async def test_tasks_share_one_socket(kernel, lan):
    added = await asyncio.gather(
        *(kernel.addresses.ensure(Address(lan, interface)) for interface in ADDRESSES)
    )

    assert all(added)
    assert len([a for a in await kernel.addresses.list(lan) if a.interface in ADDRESSES]) == 40


@pytest.mark.netns
async def test_a_request_that_times_out_says_so_and_the_next_one_works(kernel):
    kernel._netlink._timeout = 0.0
    with pytest.raises(KernelError, match="did not answer in time") as caught:
        await kernel.links.list()
    kernel._netlink._timeout = 5.0

    assert caught.value.errno == errno.ETIMEDOUT
    assert [link.name for link in await kernel.links.list()] == ["lo"]


@pytest.mark.netns
async def test_a_cancelled_request_leaves_the_kernel_usable(kernel):
    await kernel.open()
    for _ in range(3):
        request = asyncio.create_task(kernel.links.list())
        await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request

    assert [link.name for link in await kernel.links.list()] == ["lo"]


@pytest.mark.netns
async def test_closing_twice_is_silent_and_a_later_request_opens_again(netns):
    kernel = Kernel()
    await kernel.open()
    await kernel.close()
    await kernel.close()

    assert await kernel.links.get("lo") is not None
    await kernel.close()


@pytest.mark.netns
async def test_without_the_capability_the_error_says_which(kernel, lan):
    os.seteuid(65534)
    try:
        with pytest.raises(KernelError, match="CAP_NET_ADMIN") as caught:
            await kernel.addresses.ensure(Address(lan, ADDRESSES[0]))
    finally:
        os.seteuid(0)

    assert caught.value.errno == errno.EPERM


@pytest.mark.netns
async def test_a_socket_stays_in_the_namespace_it_was_opened_in(netns_factory):
    one, other = netns_factory.create("one"), netns_factory.create("other")
    netns_factory.run(one, "ip link add only-here type bridge")
    with netns_factory.entered(one):
        kernel = Kernel()
        await kernel.open()
    with netns_factory.entered(other):
        assert await kernel.links.get("only-here") is not None
    await kernel.close()
