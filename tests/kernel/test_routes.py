from __future__ import annotations

import dataclasses
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest

from submariner_core.kernel import KernelError, Nexthop, Route, RouteLookup, RouteType

pytestmark = pytest.mark.netns

VIA = IPv4Address("10.0.0.2")
REMOTE = IPv4Network("10.2.0.0/16")


def route(text: str, **fields) -> Route:
    return Route(IPv4Network(text), fields.pop("table", 100), **fields)


SHAPES = {
    "nexthop object": route("10.2.0.0/16", nexthop=7, source=IPv4Address("10.0.0.1")),
    "device": route("10.2.0.0/16", device="lan0"),
    "via": route("10.2.0.0/16", device="lan0", via=VIA),
    "onlink": route("10.2.0.0/16", device="lan0", via=IPv4Address("192.0.2.1"), onlink=True),
    "mtu and metric": route("10.2.0.0/16", device="lan0", via=VIA, mtu=1300, metric=50),
    "unreachable": route("10.2.0.0/16", type=RouteType.UNREACHABLE),
    "blackhole": route("10.2.0.0/16", type=RouteType.BLACKHOLE),
    "default": route("0.0.0.0/0", device="lan0", via=VIA),
    "host": route("10.2.0.1/32", device="lan0", via=VIA),
    "a table beyond 255": route("10.2.0.0/16", table=1000, device="lan0", via=VIA),
    "IPv6": Route(IPv6Network("fd01::/64"), 100, device="lan0"),
    "IPv6 unreachable": Route(IPv6Network("fd01::/64"), 100, type=RouteType.UNREACHABLE),
}


@pytest.mark.parametrize("wanted", SHAPES.values(), ids=SHAPES.keys())
async def test_every_shape_is_made_once_and_removed_once(kernel, lan, writes, wanted):
    await kernel.nexthops.ensure(Nexthop(7, lan, VIA))
    writes.clear()

    assert await kernel.routes.ensure(wanted)
    assert not await kernel.routes.ensure(wanted)
    assert len(writes) == 1
    assert [found.destination for found in await kernel.routes.list(wanted.table)] == [
        wanted.destination
    ]

    assert await kernel.routes.delete(wanted)
    assert not await kernel.routes.delete(wanted)
    assert len(writes) == 2
    assert await kernel.routes.list(wanted.table) == ()


async def test_a_changed_route_replaces_the_old_one(kernel, lan):
    for wanted in SHAPES.values():
        if wanted.destination == REMOTE and wanted.table == 100 and wanted.metric == 0:
            await kernel.nexthops.ensure(Nexthop(7, lan, VIA))
            assert await kernel.routes.ensure(wanted)
            assert await kernel.routes.list(100) == (wanted,)


async def test_one_route_is_found_among_very_many(kernel, lan, writes):
    routes = [route(f"10.{n >> 8}.{n & 255}.0/24", device=lan, via=VIA) for n in range(1500)]
    await kernel.routes.reconcile(100, routes)
    writes.clear()

    for sought in (routes[0], routes[700], routes[-1]):
        assert not await kernel.routes.ensure(sought)
        assert not await kernel.routes.delete(dataclasses.replace(sought, metric=9))
    assert writes == []


async def test_a_table_that_was_never_used_is_empty(kernel):
    assert await kernel.routes.list(4321) == ()


async def test_reconcile_makes_the_table_so_and_then_writes_nothing(kernel, lan, writes):
    kept, changed, gone = (route(f"10.{n}.0.0/16", device=lan, via=VIA) for n in (2, 3, 4))
    for held in (kept, changed, gone):
        await kernel.routes.ensure(held)
    writes.clear()
    wanted = (
        kept,
        route("10.3.0.0/16", type=RouteType.UNREACHABLE),
        route("10.5.0.0/16", device=lan),
    )

    assert await kernel.routes.reconcile(100, wanted) == 3
    assert set(await kernel.routes.list(100)) == set(wanted)
    assert writes[-1].startswith("delete")
    assert len(writes) == 3

    assert await kernel.routes.reconcile(100, wanted) == 0
    assert len(writes) == 3


async def test_reconcile_leaves_what_is_not_mine(kernel, lan):
    theirs = route("10.4.0.0/16", device=lan, via=VIA)
    await kernel.nexthops.ensure(Nexthop(7, lan, VIA))
    await kernel.routes.ensure(theirs)
    await kernel.routes.ensure(route("10.2.0.0/16", nexthop=7))

    assert await kernel.routes.reconcile(100, (), lambda found: found.nexthop == 7) == 1
    assert await kernel.routes.list(100) == (theirs,)


async def test_reconcile_refuses_a_route_of_another_table(kernel):
    with pytest.raises(ValueError, match="table 100 cannot hold"):
        await kernel.routes.reconcile(100, [route("10.2.0.0/16", table=254, device="lo")])


@pytest.mark.parametrize("place", ["prepend", "append"])
async def test_a_second_route_with_the_same_metric_does_not_stay_in_front(
    kernel, lan, shell, writes, place
):
    held = route("10.2.0.0/16", device=lan, via=VIA)
    await kernel.routes.ensure(held)
    shell(f"ip route {place} 10.2.0.0/16 via 10.0.0.3 dev lan0 table 100 proto static")

    await kernel.routes.reconcile(100, [held])

    assert (await kernel.routes.list(100))[0] == held
    writes.clear()
    assert await kernel.routes.reconcile(100, [held]) == 0
    assert not await kernel.routes.ensure(held)
    assert writes == []


async def test_only_the_very_route_is_deleted(kernel, lan):
    held = route("10.2.0.0/16", device=lan, via=VIA)
    await kernel.routes.ensure(held)

    assert not await kernel.routes.delete(dataclasses.replace(held, via=IPv4Address("10.0.0.3")))
    assert not await kernel.routes.delete(dataclasses.replace(held, metric=9))
    assert await kernel.routes.list(100) == (held,)


async def test_multipath_routes_of_others_are_not_shown(kernel, lan, shell):
    shell(
        "ip route add 10.9.0.0/16 table 100 nexthop via 10.0.0.2 dev lan0"
        " nexthop via 10.0.0.3 dev lan0"
    )

    assert await kernel.routes.list(100) == ()
    assert await kernel.routes.reconcile(100, ()) == 0


async def test_lookup_tells_device_next_hop_source_and_mtu(kernel, lan):
    await kernel.routes.ensure(route("10.2.0.0/16", table=254, device=lan, via=VIA, mtu=1300))
    own = IPv4Address("10.0.0.1")

    assert await kernel.routes.lookup(IPv4Address("10.2.3.4")) == RouteLookup(lan, VIA, own, 1300)
    assert await kernel.routes.lookup(IPv4Address("10.0.0.9"), own) == RouteLookup(
        lan, None, own, 1500
    )
    assert await kernel.routes.lookup(IPv6Address("::1")) == RouteLookup(
        "lo", None, IPv6Address("::1"), 65536
    )


@pytest.mark.parametrize("kind", [None, RouteType.UNREACHABLE, RouteType.BLACKHOLE])
async def test_lookup_of_what_cannot_be_reached_is_none(kernel, kind):
    if kind is not None:
        await kernel.routes.ensure(route("10.2.0.0/16", table=254, type=kind))

    assert await kernel.routes.lookup(IPv4Address("10.2.3.4")) is None


async def test_an_unknown_nexthop_object_is_refused_in_words(kernel):
    with pytest.raises(KernelError, match=r"route 10\.2\.0\.0/16 in table 100.*Nexthop id"):
        await kernel.routes.ensure(route("10.2.0.0/16", nexthop=99))


async def test_a_source_that_is_not_ours_is_refused(kernel, lan):
    foreign = IPv4Address("10.77.0.1")

    with pytest.raises(KernelError, match="replace route"):
        await kernel.routes.ensure(route("10.2.0.0/16", device=lan, source=foreign))
