"""What a node does follows from the datastore alone, and a store that loses it changes nothing."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submariner_core.api.codec import encode
from submariner_core.api.model import (
    Cluster,
    ClusterObject,
    Endpoint,
    EndpointObject,
    Gateway,
    GatewayEntry,
    GatewayObject,
    HAStatus,
    Metadata,
    RouteAgent,
    RouteAgentObject,
)
from submariner_core.api.naming import cable_name, endpoint_name, sanitise
from submariner_core.api.route import NodeState, OverlayPeer
from submariner_core.api.transport import Deleted, Put, Snapshot
from submariner_core.reconcile.node import (
    NodeSite,
    NodeView,
    choose_gateway,
    decide,
    overlay_probes,
)
from submariner_core.reconcile.paths import INHERITED, Memory, Verdict
from submariner_core.reconcile.stores import fold

ME = OverlayPeer("worker", IPv4Address("10.50.0.1"))
SITE = NodeSite("east", ME, (IPv4Network("10.1.0.0/16"),), (IPv4Network("100.1.0.0/16"),))
GW1, GW2 = IPv4Address("10.50.0.2"), IPv4Address("10.50.0.3")


def spec(cluster: str, address: IPv4Address, *subnets: str) -> Endpoint:
    return Endpoint(
        cluster_id=cluster,
        cable_name=cable_name(cluster, address),
        hostname=f"node-{address}",
        subnets=tuple(IPv4Network(subnet) for subnet in subnets),
        private_ip=address,
        public_ip=None,
        nat_enabled=False,
        backend="vxlan",
        backend_config={"udp-port": "4500"},
    )


def own(address=GW1, epoch: int | None = 1, created: str = "1") -> EndpointObject:
    """The own cluster's Endpoint while ``address`` leads; the other gateway is listed second."""
    gateways = (address, *(other for other in (GW1, GW2) if other != address))
    endpoints = [spec("east", one, "100.1.0.0/16", "10.1.0.0/16") for one in gateways]
    return EndpointObject(
        Metadata(endpoint_name("east", endpoints[0].cable_name), created=created),
        endpoints[0],
        epoch,
        tuple(GatewayEntry(one, slot) for slot, one in enumerate(endpoints)),
    )


def remote(
    cluster: str = "west", subnet: str = "10.2.0.0/16", claimed: str | None = "1", epoch: int = 1
) -> EndpointObject:
    endpoint = spec(cluster, IPv4Address("172.20.0.9"), subnet)
    name = endpoint_name(cluster, endpoint.cable_name)
    return EndpointObject(Metadata(name, origin=cluster), endpoint, epoch, claimed=claimed)


def cluster(name: str, epoch: int, origin: str | None = None) -> ClusterObject:
    return ClusterObject(Metadata(sanitise(name), origin=origin), Cluster(name, (), ()), epoch)


def agent(name: str, address: IPv4Address) -> RouteAgentObject:
    return RouteAgentObject(Metadata(name), RouteAgent("1", address))


def snapshot(*objects) -> Snapshot:
    return Snapshot(tuple(encode(one) for one in objects))


def told(view: NodeView, event, now: float = 0.0) -> NodeView:
    """The view after an event and the decision on it."""
    view = replace(view, store=fold(view.store, event, now))
    return replace(view, chosen=decide(view, now).chosen)


def seen(*objects, site: NodeSite = SITE) -> NodeView:
    return told(NodeView(site), snapshot(*objects))


# ---- what is planned


def test_nothing_is_planned_before_the_first_snapshot():
    assert decide(NodeView(SITE), 0.0).plan is None


def test_nothing_is_planned_before_the_own_endpoint_was_seen():
    assert decide(seen(remote()), 0.0).plan is None


def test_a_worker_sends_through_the_leader():
    plan = decide(seen(own(), remote()), 0.0).plan
    assert plan.carries.address == GW1
    assert [gateway.address for gateway in plan.gateways] == [GW1, GW2]
    assert plan.remote_prefixes == (IPv4Network("10.2.0.0/16"),)
    assert not plan.on_gateway
    assert plan.peers == ()
    assert plan.cable_ports == ()


def test_an_endpoint_without_a_list_is_its_own_only_gateway():
    bare = replace(own(), gateways=None)
    plan = decide(seen(bare), 0.0).plan
    assert [gateway.address for gateway in plan.gateways] == [GW1]


def test_without_gateways_nobody_carries():
    assert choose_gateway(seen(), (), None, 0.0).carries is None


def verdicts(view, first, second):
    return replace(view, verdicts=dict(zip(names(view), (first, second), strict=True)))


def names(view):
    return [one.hostname for one in decide(view, 0.0).plan.gateways]


def test_a_worker_leaves_a_leader_that_does_not_answer_for_the_standby_that_does():
    view = verdicts(seen(own(), remote()), Verdict.UP, Verdict.UP)
    before = decide(view, 0.0)
    silent = verdicts(replace(view, path=before.path), Verdict.DOWN, Verdict.UP)
    after = decide(silent, 1.0)
    assert after.plan.carries.address == GW2
    assert "does not answer" in after.cause
    assert overlay_probes(after)[after.plan.carries.hostname] == (
        IPv4Address("240.0.0.0") + (int(GW2) & 0xFFFFFF),
        True,
    )


def test_a_new_process_goes_on_sending_to_whom_the_node_sends_until_it_has_a_verdict():
    found = NodeState(None, 0, None, (), None, via=IPv4Address("240.50.0.3"))
    view = replace(seen(own(GW1)), path=Memory(), found=found)
    first = decide(view, 0.0)
    assert first.plan.carries.address == GW2
    assert (first.cause, first.wake_at) == ("", INHERITED)
    view = replace(view, path=first.path, found=None)
    up, down = Verdict.UP, Verdict.DOWN
    dead = replace(view, verdicts={f"node-{GW1}": down, f"node-{GW2}": up})
    assert decide(dead, 1.0).plan.carries.address == GW2
    back = replace(view, verdicts={f"node-{GW1}": up, f"node-{GW2}": up})
    assert decide(back, 1.0).plan.carries.address == GW1


def test_what_a_node_sends_to_that_is_no_gateway_any_more_is_not_gone_on_with():
    found = NodeState(None, 0, None, (), None, via=IPv4Address("240.50.0.77"))
    view = replace(seen(own(GW1)), path=Memory(), found=found)
    assert decide(view, 0.0).plan.carries.address == GW1


def test_without_evidence_a_worker_waits_for_a_new_leader():
    view = seen(own(), remote())
    view = replace(view, site=replace(view.site, evidence=False))
    silent = verdicts(view, Verdict.DOWN, Verdict.UP)
    assert decide(silent, 1.0).plan.carries.address == GW1


def test_a_listed_gateway_knows_all_nodes_and_its_ports():
    me = OverlayPeer(f"node-{GW2}", GW2)
    gateway = GatewayObject(Metadata("gw2"), Gateway("1", HAStatus.PASSIVE, own(GW2).spec))
    view = seen(own(), gateway, site=replace(SITE, node=me))
    agents = snapshot(agent("worker", ME.address), agent(me.hostname, GW2), agent("gw1", GW1))
    view = replace(view, agents=fold(view.agents, agents, 0.0))
    plan = decide(view, 0.0).plan
    assert plan.on_gateway
    assert not plan.carries_itself
    assert set(plan.peers) == {ME, OverlayPeer("gw1", GW1)}
    assert plan.cable_ports == tuple(range(4500, 4508))
    assert plan.cable_protocols == ()


@pytest.mark.parametrize("key", ["ip-protocol", "libreswan/ip-protocol"])
def test_a_gateway_accepts_the_protocol_that_its_driver_advertises(key):
    me = OverlayPeer(f"node-{GW2}", GW2)
    config = {key: "50", "other": "51", "vxlan/ip-protocol": "any"}
    mine = replace(own(GW2).spec, backend_config=config)
    gateway = GatewayObject(Metadata("gw2"), Gateway("1", HAStatus.PASSIVE, mine))
    view = seen(own(), gateway, site=replace(SITE, node=me))
    assert decide(view, 0.0).plan.cable_protocols == (50,)
    assert decide(seen(own(), gateway), 0.0).plan.cable_protocols == ()


def test_a_gateway_that_is_not_listed_yet_is_one_by_its_own_object():
    me = OverlayPeer("node-10.50.0.4", IPv4Address("10.50.0.4"))
    gateway = GatewayObject(
        Metadata("node-10.50.0.4"), Gateway("1", HAStatus.PASSIVE, own(me.address).spec)
    )
    assert decide(seen(own(), gateway, site=replace(SITE, node=me)), 0.0).plan.on_gateway


# ---- which endpoint is in use


def test_the_highest_epoch_wins_whatever_came_last():
    view = seen(own(GW2, epoch=2, created="1"), own(GW1, epoch=1, created="2"))
    assert decide(view, 0.0).plan.carries.address == GW2


def test_a_stale_endpoint_never_replaces_one_that_is_not():
    view = seen(own(GW2, epoch=2), cluster("east", 2))
    view = told(view, Put(encode(own(GW1, epoch=1))))
    assert decide(view, 0.0).plan.carries.address == GW2


def test_a_stale_endpoint_is_used_while_no_other_is_there():
    view = seen(own(GW1, epoch=1), cluster("east", 2))
    assert decide(view, 0.0).plan.carries.address == GW1


def test_without_epochs_the_newest_wins():
    view = seen(own(GW1, epoch=None, created="1"), own(GW2, epoch=None, created="2"))
    assert decide(view, 0.0).plan.carries.address == GW2


def test_another_clusters_record_of_our_id_is_not_ours():
    forged = replace(own(GW2, epoch=9), meta=Metadata("forged", origin="east"))
    assert decide(seen(own(GW1), forged), 0.0).plan.carries.address == GW1


# ---- which prefixes are steered


def test_an_endpoint_that_nobody_admitted_is_not_steered():
    plan = decide(seen(own(), remote(claimed=None)), 0.0).plan
    assert plan.remote_prefixes == ()


def test_while_upstream_leads_nobody_claims_and_what_overlaps_is_still_refused():
    """A node whose route agent was replaced before its cluster's gateways."""
    leader = replace(own(epoch=None), gateways=None)
    decision = decide(
        seen(leader, remote(claimed=None), remote("thief", "10.1.2.0/24", None)), 0.0
    )
    assert [str(prefix) for prefix in decision.plan.remote_prefixes] == ["10.2.0.0/16"]
    assert decision.plan.carries.address == GW1
    assert [gateway.asked for gateway in decision.plan.gateways] == [True]
    assert [one.cluster_id for one in decision.refused] == ["thief"]


@pytest.mark.parametrize(
    "subnet",
    ["0.0.0.0/0", "10.1.4.0/24", "100.0.0.0/8", "127.0.0.0/8", "240.0.0.0/8", "10.50.0.0/24"],
)
def test_a_dangerous_prefix_is_refused_though_it_was_admitted(subnet):
    decision = decide(seen(own(), remote(subnet=subnet)), 0.0)
    assert decision.plan.remote_prefixes == ()
    assert len(decision.refused) == 1


def test_of_two_claims_the_earlier_is_steered():
    view = seen(own(), remote("west", "10.2.0.0/16", "2"), remote("north", "10.2.3.0/24", "1"))
    assert decide(view, 0.0).plan.remote_prefixes == (IPv4Network("10.2.3.0/24"),)


# ---- what a store loses


def test_a_wiped_datastore_keeps_the_plan_for_ten_minutes():
    view = seen(own(), remote())
    before = decide(view, 0.0).plan
    view = told(view, Snapshot(()), 1.0)
    assert decide(view, 600.0).plan == before
    assert decide(view, 1.0).wake_at == 601.0
    after = decide(view, 602.0).plan
    assert after.carries is None
    assert after.remote_prefixes == ()


def gateway(address: IPv4Address) -> GatewayObject:
    status = Gateway("1", HAStatus.PASSIVE, spec("east", address, "10.1.0.0/16"))
    return GatewayObject(Metadata(f"node-{address}"), status)


def test_a_wiped_datastore_closes_no_cable_port_and_forgets_no_node():
    """Either would cut a gateway off until everybody has written his record again."""
    site = replace(SITE, node=OverlayPeer(f"node-{GW1}", GW1))
    view = seen(own(), remote(), gateway(GW1), site=site)
    view = replace(view, agents=fold(view.agents, snapshot(agent("worker", ME.address)), 0.0))
    before = decide(view, 0.0).plan
    assert before.cable_ports
    assert before.peers == (ME,)
    view = told(view, Snapshot(()), 1.0)
    view = replace(view, agents=fold(view.agents, Snapshot(()), 1.0))
    assert decide(view, 500.0).plan == before
    view = replace(view, agents=fold(view.agents, snapshot(agent("renamed", ME.address)), 2.0))
    assert decide(view, 3.0).plan.peers == (OverlayPeer("renamed", ME.address),)


def test_a_node_that_is_deleted_is_forgotten_at_once():
    site = replace(SITE, node=OverlayPeer(f"node-{GW1}", GW1))
    view = seen(own(), gateway(GW1), site=site)
    view = replace(view, agents=fold(view.agents, snapshot(agent("worker", ME.address)), 0.0))
    gone = Deleted(encode(agent("worker", ME.address)).ref)
    view = replace(view, agents=fold(view.agents, gone, 1.0))
    assert decide(view, 1.0).plan.peers == ()


def test_an_own_endpoint_that_is_deleted_is_kept_for_ten_seconds():
    view = seen(own(), remote())
    view = told(view, Deleted(encode(own()).ref), 1.0)
    assert decide(view, 10.0).plan.carries.address == GW1
    assert decide(view, 12.0).plan.carries is None


def test_a_node_that_lost_its_gateways_finds_new_ones():
    view = told(seen(own(), remote()), Snapshot(()), 1.0)
    view = replace(view, chosen=decide(view, 700.0).chosen)
    view = told(view, Put(encode(own(GW2, epoch=7))), 701.0)
    assert decide(view, 702.0).plan.carries.address == GW2


def test_a_hold_ends_when_another_cluster_claims_its_prefixes():
    view = told(seen(own(), remote()), Deleted(encode(remote()).ref), 1.0)
    assert decide(view, 2.0).plan.remote_prefixes == (IPv4Network("10.2.0.0/16"),)
    view = told(view, Put(encode(remote("heir", "10.2.7.0/24"))), 2.0)
    assert decide(view, 3.0).plan.remote_prefixes == (IPv4Network("10.2.7.0/24"),)


def test_a_claim_that_nobody_admitted_ends_no_hold():
    view = told(seen(own(), remote()), Deleted(encode(remote()).ref), 1.0)
    view = told(view, Put(encode(remote("thief", "10.2.7.0/24", claimed=None))), 2.0)
    assert decide(view, 3.0).plan.remote_prefixes == (IPv4Network("10.2.0.0/16"),)


def test_a_missing_remote_that_is_silent_is_held_for_ten_seconds_only():
    view = told(seen(own(), remote()), snapshot(own()), 1.0)
    view = replace(view, silent=frozenset({remote().spec.cable_name}))
    assert decide(view, 10.0).plan.remote_prefixes
    assert not decide(view, 12.0).plan.remote_prefixes


def test_an_own_endpoint_that_turns_unreadable_stays_in_use():
    view = seen(own(), remote())
    broken = replace(encode(own()), body={"spec": {"cluster_id": 7}})
    view = told(view, Put(broken))
    assert decide(view, 0.0).plan.carries.address == GW1


def test_an_endpoint_that_was_unreadable_from_the_start_is_not_there():
    view = seen(own())
    view = told(view, Put(replace(encode(remote()), body={"spec": None})))
    assert decide(view, 0.0).plan.remote_prefixes == ()


@given(
    st.lists(st.tuples(st.sampled_from([GW1, GW2]), st.integers(1, 5)), min_size=1, max_size=6),
    st.randoms(),
)
def test_the_order_of_events_does_not_matter(facts, random):
    objects = {(gateway, epoch): own(gateway, epoch) for gateway, epoch in facts}
    latest = {gateway: obj for (gateway, _), obj in sorted(objects.items(), key=lambda i: i[0][1])}
    shuffled = list(latest.values())
    random.shuffle(shuffled)
    one, other = seen(*latest.values()), seen(*shuffled)
    assert decide(one, 0.0).plan.carries == decide(other, 0.0).plan.carries
