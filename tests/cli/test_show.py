"""``submariner show`` on a datastore that is a file."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from submariner_core.api.codec import encode
from submariner_core.api.model import (
    Connection,
    ConnectionStatus,
    GatewayEntry,
    GatewayObject,
    HAStatus,
    LatencyRTT,
    Metadata,
    RemoteStatus,
    RouteAgent,
    RouteAgentObject,
    Transition,
)
from submariner_core.api.naming import PINNED_ANNOTATION
from tests.cli.conftest import Run
from tests.cli.stores import Stores
from tests.reconcile.objects import endpoint, stored_cluster, stored_endpoint, stored_gateway

WEST = endpoint("west", 2, subnets=["10.2.0.0/16"], public_ip=IPv4Address("203.0.113.2"))
OWN, STANDBY = endpoint("east", 1), endpoint("east", 4)
UP = Connection(
    ConnectionStatus.CONNECTED,
    "",
    WEST,
    using_ip=IPv4Address("203.0.113.2"),
    using_nat=True,
    latency=LatencyRTT(last=1_000_000, average=1_500_000),
)


def leader(*connections: Connection, **status: Any) -> GatewayObject:
    values = {"ha_status": HAStatus.ACTIVE, "epoch": 3, "ready": True, **status}
    return stored_gateway(1, "east", connections=connections, **values)


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    made = Stores(tmp_path)
    listed = (GatewayEntry(OWN, 0), GatewayEntry(STANDBY, 1))
    made.put(
        "datastore",
        stored_cluster("east", 3),
        stored_endpoint(OWN, epoch=3, gateways=listed),
        stored_cluster("west", 5, origin="west"),
        stored_endpoint(WEST, origin="west", epoch=5, claimed="0001 west"),
        leader(UP),
    )
    return made


@pytest.fixture
def show(stores: Stores, run: Run):
    """``show("gateways")`` gives the rows that programs get."""

    def rows(table: str) -> list[dict[str, Any]]:
        result = run("show", table, "--config", stores.path, "-o", "json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return rows


def test_gateways_are_shown_with_role_epoch_and_a_summary(show, stores: Stores) -> None:
    stores.put("datastore", stored_gateway(4, "east", slot=1, draining=True))
    first, second = show("gateways")
    assert (first["node"], first["ha_status"], first["epoch"]) == ("east-gw1", "active", 3)
    assert first["summary"] == "All connections (1) are established"
    assert (second["ha_status"], second["slot"]) == ("passive (draining)", 1)
    assert second["summary"] == "There are no connections"


def test_a_gateway_that_a_higher_epoch_has_succeeded_is_not_shown_as_active(
    show, stores: Stores
) -> None:
    """Never again 15: a dead gateway shown as active."""
    stores.put("datastore", stored_cluster("east", 4))
    (row,) = show("gateways")
    assert row["ha_status"] == "passive (superseded)"


def test_the_pinned_gateway_is_marked_and_shown_even_when_it_is_gone(show, stores: Stores) -> None:
    def pin(host: str) -> list[tuple[str, bool]]:
        noted = stored_cluster("east", 3, annotations={PINNED_ANNOTATION: host})
        stores.put("datastore", noted)
        return [(row["node"], row["pinned"]) for row in show("gateways")]

    assert show("gateways")[0]["pinned"] is False
    assert pin("east-gw1") == [("east-gw1", True)]
    assert pin("east-gw7") == [("east-gw1", False), ("east-gw7", True)]
    present, absent = show("gateways")
    assert present.keys() == absent.keys()
    assert absent["ha_status"] == "absent"


def test_what_fails_is_the_summary_and_what_rests_does_not_count(show, stores: Stores) -> None:
    down = replace(UP, status=ConnectionStatus.ERROR)
    rests = replace(UP, status=ConnectionStatus.NONE)
    stores.put("datastore", leader(UP, down, rests))
    assert show("gateways")[0]["summary"] == "1 connections out of 2 are established"
    stores.put("datastore", leader(UP, status_failure="cable driver vxlan: no device"))
    assert show("gateways")[0]["summary"] == "cable driver vxlan: no device"


def test_transitions_are_shown_wide(stores: Stores, run: Run) -> None:
    moved = Transition("2026-01-01T00:00:00Z", "path to west", "a", "b", 5, "a is silent", "3/3")
    stores.put("datastore", leader(transitions=(moved,)))
    words = "2026-01-01T00:00:00Z path to west: a -> b (epoch 5; a is silent; 3/3)"
    narrow = run("show", "gateways", "--config", stores.path).stdout
    wide = run("show", "gateways", "--config", stores.path, "-o", "wide").stdout
    assert words in wide
    assert words not in narrow


def test_each_transition_has_a_line(stores: Stores, run: Run) -> None:
    moves = [
        Transition(f"2026-01-0{day}T00:00:00Z", "leadership", "a", "b", day, "x", "")
        for day in (1, 2)
    ]
    stores.put("datastore", leader(transitions=tuple(moves)))
    lines = run("show", "gateways", "--config", stores.path, "-o", "wide").stdout.splitlines()
    first, second = (line for line in lines if "leadership: a -> b" in line)
    assert "east" in first
    assert second.lstrip().startswith("2026-01-02")
    assert first.index("2026-01-01") == second.index("2026-01-02")


def test_transitions_of_all_daemons_are_shown_in_order_of_time(show, stores: Stores) -> None:
    moved = Transition("2026-01-01T00:00:00.400+00:00", "path to west", "a", "b", 5, "x", "y")
    led = replace(moved, time="2026-01-01T00:00:03.100+00:00", subject="leadership")
    left = replace(moved, time="2026-01-01T00:00:00.500+00:00", subject="node worker1")
    address = IPv4Address("192.0.2.50")
    agent = RouteAgent("v", address, transitions=(left,))
    stores.put(
        "datastore",
        leader(transitions=(moved, led)),
        RouteAgentObject(Metadata("worker1"), agent),
    )
    rows = show("transitions")
    assert [(row["daemon"], row["node"], row["subject"]) for row in rows] == [
        ("gateway", "east-gw1", "path to west"),
        ("route agent", "worker1", "node worker1"),
        ("gateway", "east-gw1", "leadership"),
    ]
    assert (rows[0]["cause"], rows[0]["evidence"]) == ("x", "y")


def test_connections_are_shown_of_every_gateway(show) -> None:
    (row,) = show("connections")
    assert row == {
        "node": "east-gw1",
        "gateway": "west-gw2",
        "cluster": "west",
        "remote_ip": "203.0.113.2",
        "nat": True,
        "cable_driver": "vxlan",
        "subnets": ["10.2.0.0/16"],
        "status": "connected",
        "rtt_avg": "1.5ms",
        "message": "",
        "cable": WEST.cable_name,
    }


def test_endpoints_tell_which_one_is_in_use_and_which_are_stale(show, stores: Stores) -> None:
    """Never again 1: a stale endpoint is shown as what it is."""
    zombie = endpoint("west", 3, subnets=["10.2.0.0/16"])
    stores.put("datastore", stored_endpoint(zombie, origin="west", epoch=4))
    rows = {row["gateway"]: row for row in show("endpoints")}
    assert (rows["west-gw2"]["in_use"], rows["west-gw2"]["stale"]) == (True, False)
    assert (rows["west-gw3"]["in_use"], rows["west-gw3"]["stale"]) == (False, True)
    assert rows["east-gw1"]["type"] == "local"
    assert rows["east-gw1"]["gateways"] == ["east-gw1#0", "east-gw4#1"]
    assert rows["west-gw2"]["claimed"] == "0001 west"


def test_clusters_are_shown_with_their_ranges(show) -> None:
    assert [(row["cluster"], row["type"], row["epoch"]) for row in show("clusters")] == [
        ("east", "local", 3),
        ("west", "remote", 5),
    ]


def test_route_agents_are_shown_with_each_remote_or_with_why_there_is_none(
    show, stores: Stores
) -> None:
    address = IPv4Address("192.0.2.50")
    remote = RemoteStatus(ConnectionStatus.ERROR, "no reply", WEST)
    stores.put(
        "datastore",
        RouteAgentObject(Metadata("worker1"), RouteAgent("v", address, "", (remote,))),
        RouteAgentObject(Metadata("worker2"), RouteAgent("v", address, "no overlay device")),
    )
    first, second = show("routeagents")
    assert (first["gateway"], first["status"], first["message"]) == (
        "west-gw2",
        "error",
        "no reply",
    )
    assert (second["node"], second["message"]) == ("worker2", "no overlay device")


def test_malformed_records_are_named(show, stores: Stores) -> None:
    """Never again 10: what is refused is shown, and the rest goes on."""
    good = encode(stored_endpoint(WEST, origin="west"))
    stores.put("datastore", replace(good, body={"spec": {"cluster_id": "west"}}))
    (row,) = show("malformed")
    assert row["record"] == str(good.ref)
    assert row["store"] == "datastore"
    assert "cable_name" in row["reason"]
    assert len(show("clusters")) == 2


def test_what_is_refused_at_the_broker_is_named_too_and_a_broker_that_is_away_is_said(
    stores: Stores, run: Run
) -> None:
    good = encode(stored_endpoint(WEST, origin="west"))
    stores.put("broker", replace(good, body={"spec": {"cluster_id": "west"}}))
    asked = ("show", "malformed", "--config", stores.path, "-o", "json")
    (row,) = json.loads(run(*asked).stdout)
    assert (row["store"], row["record"]) == ("broker", str(good.ref))
    broker = stores.path.parent / "broker.db"
    broker.unlink()
    broker.mkdir()
    result = run(*asked)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == []
    assert "the broker is not shown" in result.stderr


def test_a_table_for_people_and_yaml_for_programs(stores: Stores, run: Run) -> None:
    lines = run("show", "connections", "--config", stores.path).stdout.splitlines()
    assert lines[0].split()[:3] == ["NODE", "GATEWAY", "CLUSTER"]
    assert lines[1].split()[:3] == ["east-gw1", "west-gw2", "west"]
    text = run("show", "clusters", "--config", stores.path, "-o", "yaml").stdout
    assert [row["cluster"] for row in YAML(typ="safe").load(text)] == ["east", "west"]


def test_an_empty_store_is_an_empty_table(tmp_path: Path, run: Run) -> None:
    result = run("show", "gateways", "--config", Stores(tmp_path).path)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1


def test_a_store_that_is_away_is_one_line_and_exit_code_1(tmp_path: Path, run: Run) -> None:
    stores = Stores(tmp_path)
    text = stores.path.read_text().replace(
        f"datastore: {{path: {tmp_path}/east.db}}",
        "datastore: {url: 'http://127.0.0.1:9', token: x}",
    )
    stores.path.write_text(text)
    result = run("show", "gateways", "--config", stores.path)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
