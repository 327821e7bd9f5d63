"""Flows in annotations: what is written is read again, and nothing else."""

from __future__ import annotations

import base64
import json
import random
import zlib
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submariner_core.api.codec_flows import (
    LONGEST,
    MOST_FLOWS,
    Offer,
    has_receipt,
    read_offer,
    write_offer,
    write_receipt,
)
from submariner_core.api.errors import RecordMalformed
from submariner_core.api.flow import STATES, TCP, Flow, FlowState, Way
from submariner_core.api.naming import FLOWS_ANNOTATION, FLOWS_TAKEN_ANNOTATION

WAYS = st.builds(
    Way,
    st.ip_addresses(v=4),
    st.integers(0, 65535),
    st.ip_addresses(v=4),
    st.integers(0, 65535),
)
FLOWS = st.sampled_from([(p, s) for p, states in STATES.items() for s in states]).flatmap(
    lambda kind: st.builds(
        Flow, st.just(kind[0]), WAYS, WAYS, st.just(kind[1]), st.integers(0, 2**31 - 1)
    )
)


def read(text: str) -> Offer | None:
    return read_offer("gw1", {FLOWS_ANNOTATION: text})


def packed(data: bytes, **more: object) -> str:
    flows = base64.b64encode(zlib.compress(data)).decode()
    return json.dumps({"to": "x", "number": 1, "flows": flows, **more})


def busy(count: int) -> tuple[Flow, ...]:
    """Connections of many clients to some services, as much alike as real ones are."""
    dice = random.Random(1)
    found = []
    for _ in range(count):
        client, port = IPv4Address(0x0A010000 + dice.randrange(4096)), dice.randrange(28000)
        service = IPv4Address(0x64020000 + dice.randrange(200))
        server = IPv4Address(0x0A020000 + dice.randrange(1000))
        forth = Way(client, 32768 + port, service, 443)
        back = Way(server, 8443, client, 32768 + port)
        left = 432_000 - dice.randrange(3600)
        found.append(Flow(TCP, forth, back, FlowState.ESTABLISHED, left))
    return tuple(found)


@given(st.lists(FLOWS, max_size=20), st.integers(0, 2**53 - 1), st.text(max_size=80))
def test_what_is_written_is_read(flows: list[Flow], number: int, to: str) -> None:
    offer = Offer(to, number, tuple(flows))
    text, count = write_offer(offer)
    assert count == len(flows)
    assert read(text) == offer


def test_a_gateway_without_the_annotation_offers_nothing() -> None:
    assert read_offer("gw1", {}) is None


def test_an_offer_of_too_many_flows_holds_the_first_ones() -> None:
    flows = busy(3 * MOST_FLOWS)
    text, count = write_offer(Offer("x", 1, flows))
    assert len(text) <= LONGEST
    assert 5000 < count <= MOST_FLOWS
    offer = read(text)
    assert offer is not None
    assert offer.flows == flows[:count]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "nonsense",
        "[" * 100_000,
        '{"to": "x"}',
        '{"to": 1, "number": 1, "flows": ""}',
        '{"to": "x", "number": 1, "flows": "*"}',
        '{"to": "x", "number": 1, "flows": "QUJD"}',
        packed(b"", number=-1),
        packed(b"", number=2**53),
        packed(b"", number=True),
        packed(b"short"),
        packed(bytes(35)),
        packed(b"\x06\x09" + bytes(32)),
        packed(b"\x11\x03" + bytes(32)),
        packed(b"\x06\x03\xff\xff\xff\xff" + bytes(28)),
        packed(bytes(100_000_000)),
        "x" * (LONGEST + 1),
    ],
    ids=lambda text: text[:30],
)
def test_what_is_no_offer_is_refused_by_name(text: str) -> None:
    with pytest.raises(RecordMalformed, match=r"gw1: annotations\[submariner.io/flows\]"):
        read(text)


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_do_more_than_be_refused(data: bytes, compressed: bool) -> None:
    flows = base64.b64encode(zlib.compress(data) if compressed else data).decode()
    try:
        offer = read(json.dumps({"to": "x", "number": 1, "flows": flows}))
    except RecordMalformed:
        return
    assert offer is not None


@given(st.text(max_size=200))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with pytest.raises(RecordMalformed):
        read(text)


def test_a_receipt_is_of_one_offer() -> None:
    first, second = Offer("x", 1, ()), Offer("x", 2, ())
    notes = {FLOWS_TAKEN_ANNOTATION: write_receipt(first)}
    assert has_receipt(first, notes)
    assert not has_receipt(second, notes)
    assert not has_receipt(first, {})
