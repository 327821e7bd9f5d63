from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from submariner_core.kernel import KernelError, Nexthop, Route

pytestmark = pytest.mark.netns

OLD, NEW = IPv4Address("10.0.0.2"), IPv4Address("10.0.0.3")
PREFIXES = tuple(IPv4Network((0x0A_64_00_00 + (n << 8), 24)) for n in range(200))


async def test_a_nexthop_is_made_once(kernel, lan, writes):
    nexthop = Nexthop(7, lan, OLD)

    assert await kernel.nexthops.ensure(nexthop)
    assert not await kernel.nexthops.ensure(nexthop)

    assert writes == ["replace nexthop 7 via 10.0.0.2 dev lan0"]
    assert await kernel.nexthops.list() == (nexthop,)


@pytest.mark.parametrize(
    "nexthop",
    [
        Nexthop(1, None),
        Nexthop(2, "lan0"),
        Nexthop(3, "lan0", IPv4Address("192.0.2.1"), onlink=True),
    ],
    ids=["blackhole", "device only", "onlink"],
)
async def test_every_shape_comes_back_as_it_was_asked(kernel, lan, nexthop):
    assert await kernel.nexthops.ensure(nexthop)
    assert not await kernel.nexthops.ensure(nexthop)
    assert await kernel.nexthops.list() == (nexthop,)


async def test_one_replace_moves_all_routes_at_once(kernel, lan, writes):
    await kernel.nexthops.ensure(Nexthop(7, lan, OLD))
    routes = tuple(Route(prefix, 100, nexthop=7) for prefix in PREFIXES)
    await kernel.routes.reconcile(100, routes)
    await kernel.routes.ensure(Route(IPv4Network("10.99.0.0/16"), 254, nexthop=7))
    writes.clear()

    await kernel.nexthops.ensure(Nexthop(7, lan, NEW))

    assert writes == ["replace nexthop 7 via 10.0.0.3 dev lan0"]
    assert (await kernel.routes.lookup(IPv4Address("10.99.0.1"))).via == NEW
    assert await kernel.routes.reconcile(100, routes) == 0


async def test_a_nexthop_turns_into_a_blackhole_and_back(kernel, lan):
    await kernel.nexthops.ensure(Nexthop(7, lan, OLD))
    route = Route(IPv4Network("10.99.0.0/16"), 254, nexthop=7)
    await kernel.routes.ensure(route)

    await kernel.nexthops.ensure(Nexthop(7, None))

    assert await kernel.routes.lookup(IPv4Address("10.99.0.1")) is None
    assert not await kernel.routes.ensure(route)

    await kernel.nexthops.ensure(Nexthop(7, lan, OLD))

    assert (await kernel.routes.lookup(IPv4Address("10.99.0.1"))).via == OLD


async def test_a_device_that_goes_down_takes_nexthops_and_their_routes_along(kernel, lan, shell):
    await kernel.nexthops.ensure(Nexthop(7, lan, OLD))
    route = Route(PREFIXES[0], 100, nexthop=7)
    await kernel.routes.ensure(route)

    shell("ip link set lan0 down")

    assert await kernel.nexthops.list() == ()
    assert await kernel.routes.list(100) == ()

    shell("ip link set lan0 up")

    assert await kernel.nexthops.ensure(Nexthop(7, lan, OLD))
    assert await kernel.routes.ensure(route)


async def test_deleting_takes_the_routes_along_and_tells_whether_it_was_there(kernel, lan):
    await kernel.nexthops.ensure(Nexthop(7, lan, OLD))
    await kernel.routes.ensure(Route(PREFIXES[0], 100, nexthop=7))

    assert await kernel.nexthops.delete(7)
    assert not await kernel.nexthops.delete(7)

    assert await kernel.routes.list(100) == ()


async def test_a_group_of_somebody_else_is_left_out_and_not_overwritten(kernel, lan, shell):
    shell("ip nexthop add id 1 dev lan0; ip nexthop add id 7 group 1")

    assert await kernel.nexthops.list() == (Nexthop(1, lan),)
    with pytest.raises(KernelError, match="replace nexthop 7"):
        await kernel.nexthops.ensure(Nexthop(7, lan, OLD))


async def test_a_next_hop_out_of_reach_is_refused_with_a_remedy(kernel, lan):
    with pytest.raises(KernelError, match=r"nexthop 7 via 192\.0\.2\.1 dev lan0.*connected route"):
        await kernel.nexthops.ensure(Nexthop(7, lan, IPv4Address("192.0.2.1")))


async def test_a_nexthop_on_an_absent_device_is_refused_by_name(kernel):
    with pytest.raises(KernelError, match="no device nope"):
        await kernel.nexthops.ensure(Nexthop(7, "nope", OLD))
