"""Underlays for tests: with either IKE daemon, or both."""

from __future__ import annotations

import pytest

from tests.plugins import ipsec
from tests.plugins.libreswan.site import laid

KERNEL = pytest.mark.kernel
BOTH = {
    "charon-charon": ("strongswan",),
    "pluto-pluto": ("libreswan",),
    "charon-pluto": ("strongswan", "libreswan"),
}


@pytest.fixture(
    params=[
        pytest.param(("strongswan",), id="userspace", marks=ipsec.needs_charon),
        *(pytest.param(BOTH[name], id=name, marks=KERNEL) for name in BOTH),
    ]
)
async def underlay(netns_factory, request):
    """Each test runs with charon's own data plane, and with both daemons where ESP is there."""
    async with laid(netns_factory, request.param) as made:
        yield made


@pytest.fixture(params=[pytest.param(BOTH[name], id=name, marks=KERNEL) for name in BOTH])
async def inkernel(netns_factory, request):
    """For what only a kernel with ESP and XFRM interfaces does."""
    async with laid(netns_factory, request.param) as made:
        yield made


@pytest.fixture(
    params=[
        pytest.param("userspace", marks=ipsec.needs_charon),
        pytest.param("charon-charon", marks=KERNEL),
    ]
)
async def charons(netns_factory, request):
    """For what concerns charon, with its own data plane and with the kernel's."""
    async with laid(netns_factory, ("strongswan",)) as made:
        made.exact = request.param == "userspace"
        yield made
