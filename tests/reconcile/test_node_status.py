"""What a RouteAgent object says of each remote endpoint."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from submariner_core.api.codec import decode, encode
from submariner_core.api.model import ConnectionStatus, Endpoint, EndpointObject, Metadata
from submariner_core.api.route import OverlayPeer
from submariner_core.reconcile.health import Health, enough, lost, replied
from submariner_core.reconcile.node import NodeDecision, NodeSite
from submariner_core.reconcile.node_status import DISABLED, NO_TARGET, route_agent_object

SITE = NodeSite("east", OverlayPeer("worker", IPv4Address("10.50.0.1")), (), ())
CABLE = "submariner-cable-west-172-20-0-9"
DOWN = enough(3)


def decision(health_check_ip: IPv4Address | None) -> NodeDecision:
    spec = Endpoint(
        cluster_id="west",
        cable_name=CABLE,
        hostname="far",
        subnets=(IPv4Network("10.2.0.0/16"),),
        private_ip=IPv4Address("172.20.0.9"),
        public_ip=None,
        nat_enabled=False,
        backend="vxlan",
        health_check_ip=health_check_ip,
    )
    return NodeDecision(None, remotes=(EndpointObject(Metadata("west"), spec),))


def silent(probes: int) -> Health:
    health = Health()
    for _ in range(probes):
        health = lost(health, 3)
    return health


@pytest.mark.parametrize(
    ("target", "healths", "status", "message"),
    [
        ("10.2.0.1", None, ConnectionStatus.NONE, DISABLED),
        (None, {}, ConnectionStatus.NONE, NO_TARGET),
        ("10.2.0.1", {}, ConnectionStatus.CONNECTING, ""),
        ("10.2.0.1", {CABLE: silent(DOWN - 1)}, ConnectionStatus.CONNECTING, ""),
        (
            "10.2.0.1",
            {CABLE: silent(DOWN)},
            ConnectionStatus.ERROR,
            f'no reply to {DOWN} probes of "10.2.0.1"',
        ),
        ("10.2.0.1", {CABLE: replied(Health(), 1_500_000)}, ConnectionStatus.CONNECTED, ""),
    ],
)
def test_the_status_of_a_remote_endpoint(target, healths, status, message):
    made = route_agent_object(
        SITE, decision(IPv4Address(target) if target else None), healths, version="1"
    )
    (remote,) = made.status.remote_endpoints
    assert (remote.status, remote.status_message) == (status, message)


def test_round_trip_times_are_shown_once_there_was_a_reply():
    healths = {CABLE: replied(Health(), 1_500_000)}
    made = route_agent_object(SITE, decision(IPv4Address("10.2.0.1")), healths, version="1")
    assert made.status.remote_endpoints[0].latency.last == 1_500_000


def test_the_object_survives_the_store():
    made = route_agent_object(SITE, decision(None), {}, version="1", failure="no such device")
    assert decode(encode(made)).status == made.status
