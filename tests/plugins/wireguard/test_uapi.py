"""The text protocol of userspace WireGuard."""

from __future__ import annotations

import base64
from ipaddress import ip_address, ip_network

import pytest
from submariner_wireguard import uapi
from submariner_wireguard.device import PeerChange, PeerState, UdpAddress
from submariner_wireguard.secret import Secret

from submariner_core.api.errors import CableError

KEY, PSK = bytes(range(32)), bytes(range(32, 64))
PEER = base64.b64encode(KEY).decode()
V4 = UdpAddress(ip_address("192.0.2.1"), 4501)
V6 = UdpAddress(ip_address("fd00::1"), 4500)
NETWORKS = frozenset(map(ip_network, ("10.2.0.0/16", "100.2.0.0/16", "fd02::/64")))


def test_a_device_is_set_by_what_is_given() -> None:
    assert uapi.set_device(Secret(KEY), 4500) == (
        f"set=1\nprivate_key={KEY.hex()}\nlisten_port=4500\n\n"
    )
    assert uapi.set_device(None, 4500) == "set=1\nlisten_port=4500\n\n"


def test_a_new_peer_sends_only_when_everything_else_stands() -> None:
    change = PeerChange(PEER, V6, Secret(PSK), 10, allowed=NETWORKS)
    assert uapi.set_peer(change).splitlines() == [
        "set=1",
        f"public_key={KEY.hex()}",
        f"preshared_key={PSK.hex()}",
        "endpoint=[fd00::1]:4500",
        "replace_allowed_ips=true",
        "allowed_ip=10.2.0.0/16",
        "allowed_ip=100.2.0.0/16",
        "allowed_ip=fd02::/64",
        "persistent_keepalive_interval=10",
        "",
    ]


def test_a_peer_is_changed_by_what_differs() -> None:
    assert uapi.set_peer(PeerChange(PEER, V4)) == (
        f"set=1\npublic_key={KEY.hex()}\nendpoint=192.0.2.1:4501\n\n"
    )
    added = uapi.set_peer(PeerChange(PEER, add=frozenset([ip_network("10.9.0.0/16")])))
    assert "replace_allowed_ips" not in added
    assert "allowed_ip=10.9.0.0/16" in added
    assert uapi.remove_peer(PEER) == f"set=1\npublic_key={KEY.hex()}\nremove=true\n\n"


def test_a_state_is_read_whole() -> None:
    answer = (
        f"private_key={KEY.hex()}\nlisten_port=4500\npublic_key={KEY.hex()}\n"
        f"preshared_key={PSK.hex()}\nprotocol_version=1\nendpoint=[fd00::1]:4500\n"
        "last_handshake_time_sec=1700000000\nlast_handshake_time_nsec=500000000\n"
        "tx_bytes=20\nrx_bytes=10\npersistent_keepalive_interval=10\n"
        "allowed_ip=10.2.0.0/16\nallowed_ip=100.2.0.0/16\nallowed_ip=fd02::/64\n"
        f"public_key={PSK.hex()}\npreshared_key={'0' * 64}\nnew_key=what\nerrno=0\n\n"
    )
    state = uapi.device_state(answer)
    assert uapi.failure(answer) == 0
    assert (state.port, state.private_key) == (4500, Secret(KEY))
    other = base64.b64encode(PSK).decode()
    assert state.peers == {
        PEER: PeerState(PEER, V6, NETWORKS, 10, Secret(PSK), 1700000000.5, 10, 20),
        other: PeerState(other),
    }


def test_a_device_without_a_key_has_none() -> None:
    assert uapi.device_state("listen_port=1\nerrno=0\n\n").private_key is None


def test_errors_are_numbers_and_silence_is_one() -> None:
    assert uapi.failure("errno=-98\n\n") == 98
    with pytest.raises(CableError, match="another program"):
        uapi.failure("hello\n\n")
