"""What is decided without a device: ports, changes, distinctness, status, names kept."""

from __future__ import annotations

import base64
import dataclasses
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from submariner_wireguard.device import PeerChange, PeerSettings, PeerState, UdpAddress, change
from submariner_wireguard.figures import Figures, PeerFigures
from submariner_wireguard.metrics import WireGuardCollector
from submariner_wireguard.peer import Peer, check_distinct, peer_of
from submariner_wireguard.roster import Place, Roster
from submariner_wireguard.secret import Secret
from submariner_wireguard.status import Handshakes, cable_state

from submariner_core.api.errors import CableError
from submariner_core.api.model import ConnectionStatus

PSK = Secret(bytes(range(32)))
HERE, THERE = (UdpAddress(ip_address(f"192.0.2.{n}"), 4500) for n in (1, 2))
NETWORKS = [ip_network(f"10.{number}.0.0/16") for number in range(6)]
SETTINGS = PeerSettings("key", HERE, frozenset(NETWORKS[:2]), 10, PSK)
PEER = Peer("cable", "west", "west-1", 1, "key", HERE, tuple(NETWORKS[:2]))


@pytest.mark.parametrize("own", range(8))
@pytest.mark.parametrize("remote", range(8))
def test_both_sides_agree_on_ports_whatever_their_slots(own, remote, endpoint, cable) -> None:
    key = base64.b64encode(bytes(range(32))).decode()
    config = {"publicKey": key, "udp-port": "4500"}
    west = endpoint("west", "192.0.2.2", "10.2.0.0/16", **config)
    east = endpoint("east", "192.0.2.1", "10.1.0.0/16", **config)
    there = peer_of(cable(west, slot=remote))
    back = peer_of(cable(east, slot=own))
    listens = 4500 + remote  # east's device for west's slot
    assert there.endpoint(own).port == 4500 + own
    assert back.endpoint(remote).port == listens
    assert there.device == ("submariner" if remote == 0 else f"submariner-{remote}")


def state(**settings) -> PeerState:
    held = PeerState("key", HERE, SETTINGS.allowed, 10, PSK, 1.0)
    return dataclasses.replace(held, **settings)


def test_a_peer_as_it_should_be_is_left_alone() -> None:
    assert change(state(), SETTINGS) is None
    assert change(state(endpoint=THERE), SETTINGS) is None  # it roamed


def test_a_peer_is_given_all_at_once_and_then_what_differs() -> None:
    whole = PeerChange("key", HERE, PSK, 10, allowed=SETTINGS.allowed)
    assert change(None, SETTINGS) == whole
    assert change(state(endpoint=None), SETTINGS) == PeerChange("key", HERE)
    assert change(state(endpoint=THERE), SETTINGS, moved=True) == PeerChange("key", HERE)
    assert change(state(keepalive=0), SETTINGS) == PeerChange("key", keepalive=10)
    assert change(state(preshared_key=None), SETTINGS) == PeerChange("key", preshared_key=PSK)


@given(st.sets(st.sampled_from(NETWORKS)), st.sets(st.sampled_from(NETWORKS)))
def test_prefixes_come_out_as_wanted_and_are_replaced_only_to_take_some_away(held, wanted) -> None:
    settings = dataclasses.replace(SETTINGS, allowed=frozenset(wanted))
    made = change(state(allowed=frozenset(held)), settings)
    after = frozenset(held)
    if made is not None:
        after = made.allowed if made.allowed is not None else after | made.add
        assert (made.allowed is not None) == bool(held - wanted)
    assert after == settings.allowed


def test_a_host_under_a_new_address_takes_its_own_place() -> None:
    moved = dataclasses.replace(PEER, name="new", address=THERE)
    check_distinct(moved, "own", [PEER])


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"slot": 2}, "copied to two hosts"),
        ({"cluster_id": "north", "prefixes": ()}, "copied to two hosts"),
        ({"public_key": "other", "cluster_id": "north"}, "belongs to cluster 'west'"),
    ],
)
def test_what_is_somebody_elses_is_refused(other, told) -> None:
    with pytest.raises(CableError, match=told):
        check_distinct(dataclasses.replace(PEER, name="new", **other), "own", [PEER])


def test_the_next_gateway_in_a_slot_takes_the_prefixes_over() -> None:
    check_distinct(dataclasses.replace(PEER, name="new", public_key="other"), "own", [PEER])


@pytest.mark.parametrize("address", ["224.0.0.1", "0.0.0.0", "127.0.0.1", "ff02::1"])
def test_an_address_that_is_no_hosts_is_refused(address, endpoint, cable) -> None:
    remote = endpoint("west", "192.0.2.2", "10.2.0.0/16")
    with pytest.raises(CableError, match="no unicast address"):
        peer_of(cable(remote, address=ip_address(address)))


@pytest.mark.parametrize("port", [65529, 70000, -1])
def test_a_port_without_room_for_slots_is_refused(port, endpoint, cable) -> None:
    remote = endpoint("west", "192.0.2.2", "10.2.0.0/16")
    with pytest.raises(CableError, match=f"UDP port {port}"):
        peer_of(cable(remote, port=port))


def test_the_age_of_a_handshake_does_not_follow_the_wall_clock() -> None:
    ages = Handshakes()
    assert ages.age("a", 0.0, wall=1000.0, boot=5.0) is None
    assert ages.waiting("a", boot=45.0) == 40.0
    assert ages.age("a", 990.0, wall=1000.0, boot=50.0) == 10.0
    assert ages.waiting("a", boot=51.0) == 0.0
    assert ages.age("a", 990.0, wall=99_000.0, boot=52.0) == 12.0
    assert ages.age("a", 99_001.0, wall=99_001.0, boot=53.0) == 0.0
    ages.keep([])
    assert ages.age("a", 990.0, wall=500.0, boot=60.0) == 0.0


@pytest.mark.parametrize(
    ("age", "waited", "status", "told"),
    [
        (None, 1.0, ConnectionStatus.CONNECTING, "no handshake with UDP 192.0.2.2:4500 yet"),
        (None, 31.0, ConnectionStatus.ERROR, "after 31 s: is the port open, and the PSK the same"),
        (20.0, 0.0, ConnectionStatus.CONNECTED, "kernel: handshake 20 s ago"),
        (181.0, 0.0, ConnectionStatus.ERROR, "no handshake with UDP 192.0.2.2:4500 for 181 s"),
    ],
)
def test_the_status_follows_the_handshake(age, waited, status, told) -> None:
    seen = cable_state(
        PEER, PeerState("key", THERE, rx_bytes=3, tx_bytes=4), age, waited, "kernel"
    )
    assert (seen.name, seen.status, seen.rx_bytes, seen.tx_bytes) == ("cable", status, 3, 4)
    assert told in seen.message


def test_names_are_kept_and_no_name_leads_out_of_the_folder(tmp_path) -> None:
    roster = Roster(tmp_path)
    odd = dataclasses.replace(PEER, name="../../etc/passwd")
    roster.keep(PEER)
    roster.keep(odd)
    roster.keep_place(Place("192.0.2.1", 3))
    again = Roster(tmp_path)
    assert again.load() == {PEER.name: PEER, odd.name: odd}
    assert again.place() == Place("192.0.2.1", 3)
    again.forget(odd.name)
    again.forget("unknown")
    assert Roster(tmp_path).load() == {PEER.name: PEER}
    again.erase()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", '{"name": 1}', "\x00"])
def test_a_file_that_is_not_understood_costs_its_own_cable_only(tmp_path, text) -> None:
    roster = Roster(tmp_path)
    roster.keep(PEER)
    (tmp_path / "cables" / "odd.json").write_text(text)
    assert roster.load() == {PEER.name: PEER}


def test_metrics_show_ages_and_deaths() -> None:
    figures = Figures("kernel", (PeerFigures("west", "west-1", "submariner-1", 12.5),))
    registry = CollectorRegistry()
    registry.register(WireGuardCollector(lambda: [figures.revived("submariner", 0.25)]))
    text = generate_latest(registry).decode()
    labels = 'device="submariner-1",remote_cluster="west",remote_hostname="west-1"'
    assert f"submariner_wireguard_handshake_age_seconds{{{labels}}} 12.5" in text
    assert 'submariner_wireguard_implementation{implementation="kernel"} 1.0' in text
    assert 'submariner_wireguard_daemon_deaths_total{device="submariner"} 1.0' in text
    assert "submariner_wireguard_daemon_gap_seconds 0.25" in text
