"""Tunnels as vici messages, and vici's listings as states."""

from __future__ import annotations

import dataclasses

import pytest
from submariner_libreswan.credentials import Credentials, Psk
from submariner_libreswan.daemon import Terms, missing
from submariner_libreswan.plane import Plane
from submariner_libreswan.strongswan import messages
from submariner_libreswan.tunnel import tunnel_of

from tests.plugins.libreswan.site import make_cable, make_endpoint

EAST = make_endpoint("east", "172.31.0.1", "10.101.0.0/16", "10.1.0.0/16")
WEST = make_endpoint("west", "172.31.0.2", "10.2.0.0/16")
NAME = WEST.cable_name
PSKS = (Psk("in use"), Psk("accepted"))


def _terms(plane=Plane.INTERFACES, **more):
    return Terms(4500, plane, Credentials(PSKS), **more)


def _tunnel(own=EAST, *, interfaces=True, **settings):
    return tunnel_of(
        own, make_cable(WEST, **settings), port=4500, force_encaps=False, interfaces=interfaces
    )


def _server(endpoint):
    return dataclasses.replace(endpoint, backend_config={"preferred-server": "true"})


def _sa(*children, state="ESTABLISHED", initiator="yes", host="172.31.0.2", number="1", name=NAME):
    return {
        name: {
            "uniqueid": number.encode(),
            "state": state.encode(),
            "initiator": initiator.encode(),
            "local-host": b"172.31.0.1",
            "remote-host": host.encode(),
            "child-sas": dict(children),
        }
    }


def _child(right=0, *, left=0, number="7", state="INSTALLED", local="10.101.0.0/16", if_id="1194"):
    return f"{NAME}-{left}-{right}-{number}", {
        "name": f"{NAME}-{left}-{right}".encode(),
        "uniqueid": number.encode(),
        "state": state.encode(),
        "if-id-in": if_id.encode(),
        "bytes-in": b"84",
        "bytes-out": b"168",
        "install-time": b"12",
        "local-ts": [local.encode()],
        "remote-ts": [b"10.2.0.0/16"],
    }


def _states(*sas, tunnel=None):
    tunnel = tunnel or _tunnel()
    return messages.states({NAME: NAME}, {NAME: tunnel}, sas)[NAME]


def test_one_connection_carries_all_pairs_as_upstream_has_them():
    connections = messages.connections(_tunnel(), _terms(), {})
    assert list(connections) == [NAME]
    connection = connections[NAME]
    assert connection["local"] == {"auth": "psk", "id": "172.31.0.1"}
    assert connection["remote"] == {"auth": "psk", "id": "172.31.0.2"}
    assert (connection["local_port"], connection["remote_port"]) == ("4500", "4500")
    assert list(connection["children"]) == [f"{NAME}-0-0", f"{NAME}-1-0"]
    child = connection["children"][f"{NAME}-1-0"]
    assert (child["local_ts"], child["remote_ts"]) == (["10.1.0.0/16"], ["10.2.0.0/16"])
    assert child["if_id_in"] == child["if_id_out"] == "4500"


def test_a_server_has_a_connection_for_each_pair_and_calls_nobody():
    connections = messages.connections(_tunnel(_server(EAST)), _terms(Plane.POLICIES), {})
    assert list(connections) == [f"{NAME}-0-0", f"{NAME}-1-0"]
    connection = connections[f"{NAME}-1-0"]
    assert connection["remote_addrs"] == ["0.0.0.0/0"]
    assert connection["local"]["id"] == "@172.31.0.1-1-0"
    assert connection["remote"]["id"] == "@172.31.0.2-0-1"
    [child] = connection["children"].values()
    assert child["start_action"] == "none"


def test_policies_stand_before_sas_where_they_choose_the_packets():
    tunnel = _tunnel(interfaces=False)
    [connection] = messages.connections(tunnel, _terms(Plane.POLICIES), {}).values()
    for child in connection["children"].values():
        assert child["start_action"] == "trap"
        assert "if_id_in" not in child


def test_the_psk_in_use_is_loaded_last_which_is_the_one_that_charon_takes():
    loaded = list(messages.secrets(_tunnel(), PSKS))
    assert [one["data"] for one in loaded] == ["accepted", "in use"]
    assert {tuple(one["owners"]) for one in loaded} == {("172.31.0.1", "172.31.0.2")}
    assert {messages.owner(one["id"]) for one in loaded} == {NAME}
    assert len({one["id"] for one in loaded}) == 2
    for one in loaded:
        assert one["data"] not in one["id"]


def test_a_listing_tells_what_stands():
    state = _states(_sa(_child()))
    [child] = state.children
    assert (child.pair, child.key, child.rx_bytes, child.tx_bytes, child.age) == (
        (0, 0), "7", 84, 168, 12.0,
    )  # fmt: skip
    assert not state.calling
    assert missing(_tunnel(), state) == {(1, 0)}


@pytest.mark.parametrize("state", ["REKEYED", "DELETING", "DELETED"])
def test_a_child_sa_that_was_replaced_is_counted_but_does_not_stand(state):
    [child] = _states(_sa(_child(state=state))).children
    assert not child.stands


@pytest.mark.parametrize("state", ["CREATED", "ROUTED", "INSTALLING", "DESTROYING"])
def test_a_child_sa_that_is_not_there_is_none(state):
    assert _states(_sa(_child(state=state))).children == ()


@pytest.mark.parametrize(
    "child",
    [_child(local="10.9.0.0/16"), _child(if_id="1195"), _child(if_id=""), _child(5)],
)
def test_a_child_sa_of_what_the_tunnel_was_before_is_none_and_is_ended(child):
    sa = _sa(child)
    assert _states(sa).children == ()
    assert list(messages.strays(_tunnel(), [sa])) == [{"child-id": "7", "timeout": "-1"}]


def test_an_sa_that_is_being_made_is_a_call():
    assert _states(_sa(state="CONNECTING")).calling
    assert not _states(_sa(state="DELETING")).calling


def test_what_goes_to_an_old_address_is_ended_and_who_came_from_elsewhere_stays():
    tunnel = _tunnel()
    ending = {"ike-id": "1", "timeout": "-1", "force": "yes"}
    assert list(messages.strays(tunnel, [_sa(_child())])) == []
    assert list(messages.strays(tunnel, [_sa(_child(), host="192.0.2.1")])) == [ending]
    assert list(messages.strays(tunnel, [_sa(state="CONNECTING")])) == [ending]
    behind_nat = _sa(_child(), host="192.0.2.1", initiator="no")
    assert list(messages.strays(tunnel, [behind_nat])) == []


def test_what_is_somebody_elses_is_left_out():
    theirs = _sa(_child(), name="somebody")
    assert _states(theirs).children == ()
    assert list(messages.strays(_tunnel(), [theirs])) == []


def test_connections_are_told_apart_by_their_children():
    odd = "submariner-cable-x-1-2-10-0-0-1"  # a cluster whose name ends in numbers
    listed = [
        {NAME: {"children": {f"{NAME}-0-0": {}, f"{NAME}-1-0": {}}}},
        {odd: {"children": {f"{odd}-0-0": {}}}},
        {f"{odd}-3-4": {"children": {f"{odd}-3-4": {}}}},
        {"somebody": {"children": {"theirs": {}}}},
    ]
    assert messages.owners(listed) == {NAME: NAME, odd: odd, f"{odd}-3-4": odd}
