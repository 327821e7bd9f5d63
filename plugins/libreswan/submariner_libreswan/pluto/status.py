"""What pluto tells of its connections and SAs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from submariner_libreswan.pluto.arguments import OURS

_NAME = r'"([^"]+)"(?:\[\d+\] [^\s:,]+)?'
_TRAFFIC = re.compile(
    rf"^006 #(\d+): {_NAME}, .*type=ESP, add_time=(\d+), inBytes=(\d+), outBytes=(\d+)"
)
_STATE = re.compile(rf"^000 #\d+: {_NAME}:\d+ STATE_(\w+) ")
_PENDING = re.compile(rf"^000 #\d+: pending CHILD SA for {_NAME}")
_SPIS = re.compile(rf"^000 #(\d+): {_NAME} esp\.[0-9a-f]+@\S+ esp\.([0-9a-f]+)@")
_HELD = re.compile(rf"^000 {_NAME}: ")
_SETTING = r"\b{}=([^,\s]+)"
_DONE = frozenset({"V2_ESTABLISHED_IKE_SA", "V2_ESTABLISHED_CHILD_SA", "V2_IKE_SA_DELETE"})


@dataclass(frozen=True, slots=True)
class Child:
    """An installed child SA: its connection, its SPI here, octets, and when it was first used.

    ``used`` is on the wall clock in seconds, 0 before the first packet.
    """

    connection: str
    spi: str
    rx_bytes: int
    tx_bytes: int
    used: int


@dataclass(frozen=True, slots=True)
class Listing:
    """Children, connections under negotiation, and those with an IKE SA that stands."""

    children: tuple[Child, ...]
    calling: frozenset[str]
    established: frozenset[str]


def listing(text: str) -> Listing:
    """Read what ``--trafficstatus --showstates`` print; what is not ours is left out."""
    traffic: list[tuple[str, str, int, int, int]] = []
    calling: set[str] = set()
    established: set[str] = set()
    spis: dict[str, str] = {}
    for line in text.splitlines():
        if found := _TRAFFIC.match(line):
            used, rx, tx = (int(found[number]) for number in (3, 4, 5))
            traffic.append((found[1], found[2], used, rx, tx))
        elif found := _STATE.match(line):
            if found[2] not in _DONE:
                calling.add(found[1])
            elif found[2] == "V2_ESTABLISHED_IKE_SA":
                established.add(found[1])
        elif found := _PENDING.match(line):
            calling.add(found[1])
        elif found := _SPIS.match(line):
            spis[found[1]] = found[3]
    return Listing(
        tuple(
            Child(name, spis[serial], rx, tx, used)
            for serial, name, used, rx, tx in traffic
            if serial in spis and name.startswith(OURS)
        ),
        frozenset(name for name in calling if name.startswith(OURS)),
        frozenset(name for name in established if name.startswith(OURS)),
    )


def held(status: str) -> frozenset[str]:
    """The names of our connections in what ``--status`` prints."""
    return frozenset(_names(status))


def setting(status: str, key: str) -> str:
    """A setting of pluto's in what ``--status`` prints (``nssdir``, ``secrets``), else empty."""
    found = re.search(_SETTING.format(re.escape(key)), status)
    return found[1] if found else ""


def _names(status: str) -> Iterator[str]:
    for line in status.splitlines():
        if (found := _HELD.match(line)) and found[1].startswith(OURS):
            yield found[1]
