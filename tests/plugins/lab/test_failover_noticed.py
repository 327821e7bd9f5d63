"""Who noticed what, read from what daemons published."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from submariner_lab.failover.noticed import Notice, first_lead, first_move, notices
from submariner_lab.watcher import document

from submariner_core.api.codec import encode
from submariner_core.api.model import (
    Endpoint,
    Gateway,
    GatewayObject,
    HAStatus,
    Metadata,
    RouteAgent,
    RouteAgentObject,
    Transition,
)

FAULT = 1_795_000_000.0


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(FAULT + seconds, UTC).isoformat(timespec="milliseconds")


def transition(seconds: float, subject: str, before: str, after: str, cause: str) -> Transition:
    return Transition(moment(seconds), subject, before, after, 1, cause)


def gateway(name: str, *transitions: Transition) -> str:
    endpoint = Endpoint(
        cluster_id="east", cable_name="submariner-cable-east-172-31-1-1", hostname=name,
        subnets=(), private_ip=IPv4Address("172.31.1.1"), public_ip=None, nat_enabled=False,
        backend="vxlan",
    )  # fmt: skip
    value = Gateway("1", HAStatus.ACTIVE, endpoint, epoch=1, transitions=transitions)
    return line(put=document(encode(GatewayObject(Metadata(name), value))))


def agent(name: str, *transitions: Transition) -> str:
    value = RouteAgent("1", IPv4Address("172.31.1.3"), transitions=transitions)
    return line(put=document(encode(RouteAgentObject(Metadata(name), value))))


def line(**event: object) -> str:
    return json.dumps({"store": "s", **event}) + "\n"


LED = transition(3.0, "leadership", "passive", "active", "the lease expired")
MOVED = transition(0.4, "node east-3", "east-1", "east-2", "east-1 does not answer")
RETURNED = transition(0.2, "node east-3", "east-2", "east-1", "the leader answers for 10 s")
EARLIER = transition(-2.0, "leadership", "passive", "active", "the lease has no holder")


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    path = tmp_path / "watcher.out"
    path.write_text(
        line(reset=True) + gateway("east-2", EARLIER, LED) + line(away="no answer")
        + agent("east-3", RETURNED, MOVED) + gateway("east-2", EARLIER, LED)
        + line(deleted={"kind": "Gateway", "name": "east-2"}) + '{"store": "s", "put": {"ki'
    )  # fmt: skip
    return path


def test_each_transition_since_the_fault_is_told_once_in_order(watched: Path) -> None:
    found = notices(watched, 0, FAULT)
    assert [(round(one.at, 3), one.who) for one in found] == [
        (0.2, "route agent east-3"), (0.4, "route agent east-3"), (3.0, "gateway east-2"),
    ]  # fmt: skip


def test_what_a_daemon_forgot_by_a_restart_is_still_told(watched: Path) -> None:
    whole = watched.read_text().rpartition("\n")[0] + "\n"
    watched.write_text(whole + gateway("east-2"))
    assert any(one.leads for one in notices(watched, 0, FAULT) if one.node == "east-2")


def test_nothing_is_read_of_what_was_published_before_the_run(watched: Path) -> None:
    assert notices(watched, watched.stat().st_size, FAULT) == ()


def test_a_return_to_the_leader_is_no_first_move(watched: Path) -> None:
    move = first_move(notices(watched, 0, FAULT))
    assert move is not None
    assert (move.after, move.on_evidence) == ("east-2", True)


def test_only_a_gateway_of_the_cluster_that_is_hit_is_its_new_leader(watched: Path) -> None:
    found = notices(watched, 0, FAULT)
    assert first_lead(found, ("west-1", "west-2")) is None
    lead = first_lead(found, ("east-1", "east-2"))
    assert lead is not None
    assert lead.node == "east-2"


def test_cables_are_told_by_the_names_of_their_nodes() -> None:
    cables = {"cable-1": "east-1", "cable-1-2": "east-2"}
    notice = Notice(
        0.3, "gateway west-1", "west-1", "path to east", "cable-1", "cable-1-2", 1,
        "cable-1 does not answer; cable-1-2 does",
    )  # fmt: skip
    named = notice.naming(cables)
    assert (named.before, named.after) == ("east-1", "east-2")
    assert named.cause == "east-1 does not answer; east-2 does"
