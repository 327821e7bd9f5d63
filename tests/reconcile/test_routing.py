"""Routing: what a gateway programs, and the order in which it gets there."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from submariner_core.api.cable import Path
from submariner_core.api.network import Nexthop, Route, RouteType, Rule
from submariner_core.reconcile.routing import (
    ARRIVED_PRIORITY,
    ARRIVED_TABLE,
    CABLE_TABLE,
    PROBE_TABLE,
    ClusterRouting,
    Ensure,
    ProbePath,
    Remove,
    Routing,
    changes,
    is_own_nexthop,
    is_own_rule,
    least_mtu,
    nexthop_ids,
    routing,
)

OWN = IPv4Address("10.1.1.1")
PREFIX = IPv4Network("10.2.0.0/16")
FIRST = Path("vxlan-tunnel", IPv4Address("241.0.0.2"), 1450)
SECOND = Path("vxlan-tunnel", IPv4Address("241.0.0.3"), 1450)


def west(carries: Path | None = FIRST, **more: object) -> ClusterRouting:
    return ClusterRouting("west", (PREFIX,), carries, **more)


def apply(have: Routing, want: Routing) -> Routing:
    """What the kernel holds after the changes, done one by one."""
    nexthops = {n.id: n for n in have.nexthops}
    routes = {(r.table, r.destination): r for r in have.routes}
    rules = set(have.rules)
    for change in changes(have, want):
        thing = change.thing
        match change, thing:
            case Ensure(), Nexthop():
                nexthops[thing.id] = thing
            case Ensure(), Route():
                assert thing.nexthop is None or thing.nexthop in nexthops
                routes[(thing.table, thing.destination)] = thing
            case Ensure(), Rule():
                rules.add(thing)
            case Remove(), Nexthop():
                assert thing.id not in {route.nexthop for route in routes.values()}
                del nexthops[thing.id]
            case Remove(), Route():
                del routes[(thing.table, thing.destination)]
            case Remove(), Rule():
                rules.remove(thing)
    ordered = sorted(nexthops.values(), key=lambda n: n.id)
    return Routing(tuple(ordered), tuple(routes.values()), tuple(rules), want.left)


def test_prefixes_go_through_their_clusters_nexthop_object_with_the_own_probe_as_source() -> None:
    wanted = routing([west()], OWN, {"vxlan-tunnel"})
    number = nexthop_ids(["west"])["west"]
    assert (Nexthop(number, FIRST.device, FIRST.via),) == wanted.nexthops
    assert Route(PREFIX, CABLE_TABLE, nexthop=number, source=OWN) in wanted.routes
    assert is_own_nexthop(number)


def test_a_prefix_without_a_cable_is_unreachable_rather_than_leaked() -> None:
    wanted = routing([west(carries=None)], OWN, ())
    assert Route(PREFIX, CABLE_TABLE, type=RouteType.UNREACHABLE) in wanted.routes
    assert wanted.nexthops == ()


def test_what_came_in_through_a_cable_leaves_through_none() -> None:
    wanted = routing([west()], OWN, {"vxlan-tunnel"})
    assert Route(PREFIX, ARRIVED_TABLE, type=RouteType.UNREACHABLE) in wanted.routes
    assert Rule(ARRIVED_PRIORITY, ARRIVED_TABLE, incoming="vxlan-tunnel") in wanted.rules


def test_what_came_in_over_the_overlay_leaves_through_a_cable_or_not_at_all() -> None:
    rules = [r for r in routing([], None, ()).rules if r.incoming == "vx-submariner"]
    assert [(r.priority, r.table) for r in sorted(rules, key=lambda r: r.priority)] == [
        (100, CABLE_TABLE),
        (101, None),
    ]


def test_own_pods_stay_reachable_from_the_overlay_so_that_they_may_send_over_it() -> None:
    own = IPv4Network("10.1.0.0/16")
    back = Rule(100, 254, destination=own, incoming="vx-submariner")
    assert back in routing([], None, (), (own,)).rules
    assert is_own_rule(back)
    assert not is_own_rule(Rule(100, 254, destination=own, incoming="eth0"))


def test_own_pods_may_send_through_a_cable_that_is_the_underlay_itself() -> None:
    own = IPv4Network("10.1.0.0/16")
    known = Rule(98, CABLE_TABLE, source=own, incoming="eth0")
    shared = routing([west()], OWN, {"eth0"}, (own,), underlay="eth0").rules
    assert known in shared
    assert shared.index(known) < shared.index(Rule(99, ARRIVED_TABLE, incoming="eth0"))
    assert is_own_rule(known)
    apart = routing([west()], OWN, {"vxlan-tunnel"}, (own,), underlay="eth0").rules
    assert [rule for rule in apart if rule.priority < ARRIVED_PRIORITY] == []


def test_no_rule_of_ours_catches_all_traffic() -> None:
    wanted = routing([west(probes=(ProbePath(IPv4Address("10.2.1.1"), FIRST),))], OWN, {"x"})
    assert all(rule.source or rule.incoming for rule in wanted.rules)


def test_upstreams_rule_for_all_traffic_is_replaced_on_adoption() -> None:
    upstream = Rule(100, CABLE_TABLE)
    assert is_own_rule(upstream)
    assert Remove(upstream) in changes(Routing(rules=(upstream,)), routing([], None, ()))


def test_each_probe_goes_through_its_own_gateways_path_both_ways() -> None:
    peer = IPv4Address("10.2.3.1")
    wanted = routing([west(probes=(ProbePath(peer, SECOND),))], OWN, ())
    host = IPv4Network("10.2.3.1/32")
    expected = Route(host, PROBE_TABLE, device=SECOND.device, via=SECOND.via, source=OWN, mtu=1450)
    assert expected in wanted.routes
    assert Rule(100, PROBE_TABLE, source=IPv4Network("10.1.1.1/32"), destination=host) in (
        wanted.rules
    )


def test_what_others_send_to_a_health_check_ip_goes_where_its_prefix_goes() -> None:
    """Host-network processes have it too: a cable that is cut must not cut them off."""
    wanted = routing([west(probes=(ProbePath(IPv4Address("10.2.3.1"), SECOND),))], OWN, ())
    assert [r.destination for r in wanted.routes if r.table == CABLE_TABLE] == [PREFIX]
    assert all(r.source for r in wanted.rules if r.table == PROBE_TABLE)


def test_a_move_is_one_nexthop_replaced() -> None:
    have, want = routing([west(FIRST)], OWN, ()), routing([west(SECOND)], OWN, ())
    number = nexthop_ids(["west"])["west"]
    assert changes(have, want) == (Ensure(Nexthop(number, SECOND.device, SECOND.via)),)


def test_routes_say_how_large_a_packet_may_be() -> None:
    routes = routing([west(mtu=1380)], OWN, ()).routes
    assert {r.mtu for r in routes if r.table == CABLE_TABLE} == {1380}
    assert {r.mtu for r in routing([west(None, mtu=1380)], OWN, ()).routes} == {None}


def test_the_least_mtu_is_one_that_the_kernel_keeps() -> None:
    """Or what it holds would differ from what is wanted for ever."""
    paths = [replace(FIRST, mtu=mtu) for mtu in (65536, 70000, 0)]
    assert least_mtu(paths) == 65520
    assert least_mtu([*paths, SECOND]) == SECOND.mtu
    assert least_mtu([]) is least_mtu(paths[2:]) is None


def test_nothing_changes_where_nothing_differs() -> None:
    wanted = routing([west()], OWN, {"vxlan-tunnel"})
    assert changes(wanted, wanted) == ()


def test_what_an_earlier_process_left_is_not_touched_until_it_is_taken_over() -> None:
    have = routing(
        [west(probes=(ProbePath(IPv4Address("10.2.1.1"), FIRST),))], OWN, {"vxlan-tunnel"}
    )
    left = (PREFIX, IPv4Network("10.2.1.1/32"))
    want = routing([west(carries=None, left=left)], OWN, ())
    assert changes(have, want) == ()


def test_nor_are_its_rules_while_the_devices_of_its_cables_are_not_known() -> None:
    own = (IPv4Network("10.1.0.0/16"),)
    have = routing([west()], OWN, {"eth0"}, own, underlay="eth0")
    want = routing([west(carries=None, left=(PREFIX,))], OWN, (), own, underlay="eth0")
    assert changes(have, want) == ()


def test_two_clusters_never_share_a_nexthop_id() -> None:
    # "plumless" and "buckeroo" have one CRC-32.
    ids = nexthop_ids(["plumless", "buckeroo"])
    assert len(set(ids.values())) == 2
    assert ids == nexthop_ids(["buckeroo", "plumless"])


networks = st.integers(0, 40).map(lambda n: IPv4Network(f"10.{n}.0.0/16"))
paths = st.sampled_from([None, FIRST, SECOND])
clusters = st.lists(
    st.builds(
        ClusterRouting,
        st.sampled_from(["a", "b", "c", "d"]),
        st.lists(networks, max_size=3, unique=True).map(tuple),
        paths,
    ),
    max_size=4,
    unique_by=lambda one: one.cluster_id,
)


@given(clusters, clusters)
def test_changes_lead_from_anything_to_what_is_wanted(
    before: list[ClusterRouting], after: list[ClusterRouting]
) -> None:
    have, want = routing(before, OWN, {"a"}), routing(after, OWN, {"b"})
    reached = apply(have, want)
    assert set(reached.routes) == set(want.routes)
    assert set(reached.rules) == set(want.rules)
    assert set(reached.nexthops) == set(want.nexthops)
    assert changes(replace(want, left=frozenset()), want) == ()


@given(clusters, clusters)
def test_a_prefix_that_stays_is_never_without_a_route_in_between(
    before: list[ClusterRouting], after: list[ClusterRouting]
) -> None:
    have, want = routing(before, OWN, ()), routing(after, OWN, ())
    keeps = {(r.table, r.destination) for r in have.routes} & {
        (r.table, r.destination) for r in want.routes
    }
    removed = {
        (c.thing.table, c.thing.destination)
        for c in changes(have, want)
        if isinstance(c, Remove) and isinstance(c.thing, Route)
    }
    assert not keeps & removed
