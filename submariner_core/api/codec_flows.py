"""The annotations by which a gateway hands its flows to its successor.

An *offer* stands on the Gateway object of the one that leaves, a *receipt* on the successor's.
Flows are fixed-size binary entries, compressed, in base64: some 15 characters each.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from submariner_core.api.errors import RecordMalformed
from submariner_core.api.flow import STATES, Flow, FlowState, Way
from submariner_core.api.naming import FLOWS_ANNOTATION, FLOWS_TAKEN_ANNOTATION

MOST_FLOWS = 8192
"""In one offer."""
LONGEST = 131_072
"""Characters of an offer: Kubernetes allows 262,144 for all annotations of an object."""

_ENTRY = struct.Struct("!BBIIHIHIHIH")
_MAX_LEFT = 2**31 - 1
_NUMBERS = range(2**53)


@dataclass(frozen=True, slots=True)
class Offer:
    """Flows for one gateway, named by its cable. ``number`` tells offers of one gateway apart."""

    to: str
    number: int
    flows: tuple[Flow, ...]


def write_offer(offer: Offer) -> tuple[str, int]:
    """The annotation's text, and how many flows found room in it: the first ones."""
    room = min(len(offer.flows), MOST_FLOWS)
    while True:
        text = _text(offer, offer.flows[:room])
        if len(text) <= LONGEST:
            return text, room
        room = room * LONGEST // len(text) * 9 // 10


def read_offer(ref: object, annotations: Mapping[str, str]) -> Offer | None:
    """The offer of a Gateway, if it makes one. Raises :class:`RecordMalformed`."""
    text = annotations.get(FLOWS_ANNOTATION)
    if text is None:
        return None
    if len(text) > LONGEST:
        raise _malformed(ref, f"has {len(text)} characters, at most {LONGEST} are read")
    try:
        match json.loads(text):
            case {"to": str(to), "number": int(number), "flows": str(packed)}:
                pass
            case _:
                raise _malformed(ref, "is not an offer of flows")
        data = _unpack(base64.b64decode(packed, validate=True))
    except (ValueError, RecursionError, binascii.Error, zlib.error) as error:
        raise _malformed(ref, f"cannot be read: {error}") from None
    if isinstance(number, bool) or number not in _NUMBERS:
        raise _malformed(ref, "has a number that is none")
    if len(data) % _ENTRY.size or len(data) > MOST_FLOWS * _ENTRY.size:
        raise _malformed(ref, f"holds no list of at most {MOST_FLOWS} flows")
    return Offer(to, number, tuple(_flow(ref, *entry) for entry in _ENTRY.iter_unpack(data)))


def write_receipt(offer: Offer) -> str:
    """The annotation's text with which a gateway says that it has taken an offer."""
    return str(offer.number)


def has_receipt(offer: Offer, annotations: Mapping[str, str]) -> bool:
    """Whether a Gateway says that it has taken ``offer``."""
    return annotations.get(FLOWS_TAKEN_ANNOTATION) == write_receipt(offer)


def _text(offer: Offer, flows: Sequence[Flow]) -> str:
    packed = zlib.compress(b"".join(map(_pack, flows)))
    document = {"to": offer.to, "number": offer.number, "flows": base64.b64encode(packed).decode()}
    return json.dumps(document, separators=(",", ":"))


def _pack(flow: Flow) -> bytes:
    words: list[int] = []
    for way in (flow.forth, flow.back):
        words += (int(way.source), way.source_port, int(way.destination), way.destination_port)
    return _ENTRY.pack(flow.protocol, flow.state, min(flow.left, _MAX_LEFT), *words)


def _unpack(packed: bytes) -> bytes:
    """At most one byte more than is allowed, whatever the input would unpack to."""
    return zlib.decompressobj().decompress(packed, MOST_FLOWS * _ENTRY.size + 1)


def _flow(ref: object, protocol: int, state: int, left: int, *words: int) -> Flow:
    if protocol not in STATES or state not in STATES[protocol] or left > _MAX_LEFT:
        raise _malformed(ref, f"has a flow of protocol {protocol} in state {state}, {left} s left")
    return Flow(protocol, _way(*words[:4]), _way(*words[4:]), FlowState(state), left)


def _way(source: int, source_port: int, destination: int, destination_port: int) -> Way:
    return Way(IPv4Address(source), source_port, IPv4Address(destination), destination_port)


def _malformed(ref: object, reason: str) -> RecordMalformed:
    return RecordMalformed(ref, f"annotations[{FLOWS_ANNOTATION}]", reason)
