"""The text protocol of userspace WireGuard: requests and answers. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from submariner_core.api.errors import CableError
from submariner_core.api.naming import IPNetwork
from submariner_wireguard.device import DeviceState, PeerChange, PeerState, UdpAddress
from submariner_wireguard.secret import Secret

GET = "get=1\n\n"
END = b"\n\n"
EMPTY = f"set=1\nprivate_key={'0' * 64}\nlisten_port=0\nreplace_peers=true\n\n"


def set_device(private_key: Secret | None, port: int | None) -> str:
    """A request that sets what is not ``None``."""
    lines = ["set=1"]
    if private_key is not None:
        lines.append(f"private_key={private_key.reveal().hex()}")
    if port is not None:
        lines.append(f"listen_port={port}")
    return _request(lines)


def set_peer(change: PeerChange) -> str:
    """A request that changes or makes one peer."""
    lines = ["set=1", f"public_key={_hex(change.public_key)}"]
    if change.preshared_key is not None:
        lines.append(f"preshared_key={change.preshared_key.reveal().hex()}")
    if change.endpoint is not None:
        lines.append(f"endpoint={change.endpoint}")
    if change.allowed is not None:
        lines.append("replace_allowed_ips=true")
    lines += [f"allowed_ip={prefix}" for prefix in _sorted(change.allowed or change.add)]
    if change.keepalive is not None:
        # last: it sends at once, and then everything else must stand
        lines.append(f"persistent_keepalive_interval={change.keepalive}")
    return _request(lines)


def remove_peer(public_key: str) -> str:
    """A request that removes a peer."""
    return _request(["set=1", f"public_key={_hex(public_key)}", "remove=true"])


def failure(answer: str) -> int:
    """The ``errno`` of an answer, positive; 0 for success.

    Raises :class:`CableError` for what is no answer.
    """
    for key, value in _pairs(answer):
        if key == "errno":
            return abs(int(value))
    raise CableError("wireguard-go answered without an errno: is another program at its socket?")


def device_state(answer: str) -> DeviceState:
    """The state that a ``get`` answers with; keys that are not known here are skipped."""
    private_key: Secret | None = None
    port = 0
    fields: list[dict[str, list[str]]] = []
    for key, value in _pairs(answer):
        if key == "public_key":
            fields.append({key: [value]})
        elif fields:
            fields[-1].setdefault(key, []).append(value)
        elif key == "private_key":
            private_key = _secret(value)
        elif key == "listen_port":
            port = int(value)
    peers = [_peer(one) for one in fields]
    return DeviceState(port, private_key, {peer.public_key: peer for peer in peers})


def _peer(fields: dict[str, list[str]]) -> PeerState:
    def number(key: str) -> int:
        return int(fields.get(key, ["0"])[0])

    endpoint = fields.get("endpoint")
    handshake = number("last_handshake_time_sec") + number("last_handshake_time_nsec") / 1e9
    return PeerState(
        public_key=base64.b64encode(bytes.fromhex(fields["public_key"][0])).decode("ascii"),
        endpoint=_address(endpoint[0]) if endpoint else None,
        allowed=frozenset(ip_network(text) for text in fields.get("allowed_ip", ())),
        keepalive=number("persistent_keepalive_interval"),
        preshared_key=_secret(fields.get("preshared_key", [""])[0]),
        handshake=handshake,
        rx_bytes=number("rx_bytes"),
        tx_bytes=number("tx_bytes"),
    )


def _address(text: str) -> UdpAddress:
    host, _, port = text.rpartition(":")
    return UdpAddress(ip_address(host.strip("[]").partition("%")[0]), int(port))


def _secret(text: str) -> Secret | None:
    """All zeros stand for "none"."""
    octets = bytes.fromhex(text)
    return Secret(octets) if any(octets) else None


def _hex(key: str) -> str:
    return base64.b64decode(key).hex()


def _pairs(answer: str) -> Iterator[tuple[str, str]]:
    for line in answer.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            yield key, value


def _sorted(prefixes: frozenset[IPNetwork]) -> list[IPNetwork]:
    return sorted(prefixes, key=lambda p: (p.version, p.network_address.packed, p.prefixlen))


def _request(lines: list[str]) -> str:
    return "\n".join(lines) + "\n\n"
