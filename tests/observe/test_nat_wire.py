"""Messages of NAT discovery, against bytes laid out by hand from the documented format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submariner_core.observe.nat_discovery.wire import NotAMessage, decode, encode
from submariner_core.reconcile.nat_messages import Party, Place, Request, Response, Verdict


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def party(field: int, cluster: bytes, endpoint: bytes) -> bytes:
    return block(field, block(1, cluster) + block(2, endpoint))


def place(field: int, address: bytes, port: int) -> bytes:
    return block(field, block(1, address) + number(2, port))


REQUEST = Request(
    2**63 + 5,
    Party("east", "submariner-cable-east-192-0-2-9"),
    Party("west", "submariner-cable-west-10-0-0-1-v4"),
    Place("192.0.2.9", 4490),
    Place("10.0.0.1", 4491),
)
REQUEST_BYTES = number(1, 1) + block(
    2,
    number(1, 2**63 + 5)
    + party(2, b"east", b"submariner-cable-east-192-0-2-9")
    + party(3, b"west", b"submariner-cable-west-10-0-0-1-v4")
    + place(4, b"192.0.2.9", 4490)
    + place(5, b"10.0.0.1", 4491),
)
RESPONSE = Response(
    2**63 + 5,
    Verdict.NAT_DETECTED,
    Party("west", "w"),
    Party("east", "e"),
    Place("203.0.113.7", 33333),
    (True, False, True),
)
RESPONSE_BYTES = block(
    3,
    number(1, 2**63 + 5)
    + number(2, 1)
    + party(3, b"west", b"w")
    + party(4, b"east", b"e")
    + number(5, 1)
    + number(7, 1)
    + place(8, b"203.0.113.7", 33333),
)


def test_upstreams_messages_are_understood() -> None:
    assert decode(REQUEST_BYTES) == REQUEST
    assert decode(RESPONSE_BYTES) == RESPONSE


def test_ours_have_upstreams_bytes() -> None:
    assert encode(REQUEST) == REQUEST_BYTES
    assert encode(RESPONSE) == RESPONSE_BYTES


def test_what_is_left_out_reads_as_nothing() -> None:
    assert decode(block(2, b"")) == Request(0, None, None, None, None)
    assert decode(block(3, b"")) == Response(0, Verdict.OK, None, None, None)


def test_unknown_fields_and_verdicts_of_newer_peers_are_no_fault() -> None:
    newer = number(1, 2) + block(3, number(2, 77) + block(15, b"new")) + block(9, b"newer")
    decoded = decode(newer)
    assert isinstance(decoded, Response)
    assert decoded.verdict == 77


@pytest.mark.parametrize("data", [b"", number(1, 1), b"\xff" * 9, REQUEST_BYTES[:-3]])
def test_what_is_no_message_is_refused(data) -> None:
    with pytest.raises(NotAMessage):
        decode(data)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data) -> None:
    try:
        message = decode(data)
    except NotAMessage:
        return
    assert isinstance(message, Request | Response)
