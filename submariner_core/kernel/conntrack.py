"""The kernel's connection tracking: which flows this node translates, and new entries for it.

An entry made here is as good as one of the kernel's own: packets of the flow are translated by it
in both directions and never meet a NAT rule. Their sequence numbers are unknown, so the entry
tells the kernel not to check them.
"""
# pyroute2's calls have no types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from pyroute2.netlink import NLM_F_DUMP, NLM_F_REQUEST
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.nfnetlink.nfctsocket import (
    IP_CT_TCP_FLAG_BE_LIBERAL,
    IPS_ASSURED,
    IPS_CONFIRMED,
    IPS_DST_NAT,
    IPS_SEEN_REPLY,
    IPS_SRC_NAT,
    AsyncNFCTSocket,
    NFCTAttrTuple,
    nfct_msg,
)
from pyroute2.netlink.nlsocket import NetlinkRequest

from submariner_core.api.flow import STATES, TCP, Flow, FlowState, Way
from submariner_core.kernel.declarations import sieve
from submariner_core.kernel.errors import KernelError
from submariner_core.kernel.message import Message

TIMEOUT = 10.0
"""Seconds for one listing, or one entry."""

_NAME = "tracked flows"
_WANTED = IPS_DST_NAT | IPS_SEEN_REPLY
_NEW, _GET = 1 << 8, 1 << 8 | 1  # NFNL_SUBSYS_CTNETLINK, and what is asked of it
_DESTINATION = b"\x08\x00\x02\x00"
"""How an IPv4 destination begins in a message: the attribute's length and type."""


async def answered(destinations: Iterable[IPv4Network]) -> tuple[Flow, ...]:
    """The established flows of which the first packet was sent to one of ``destinations``.

    Only those whose destination the kernel translates, and that were answered at least once.
    """
    found: dict[Way, Flow] = {}
    for network in destinations:
        for message in await _list(network, _WANTED):
            flow = _flow(message)
            if flow is not None and flow.forth.destination in network:
                found[flow.forth] = flow
    return tuple(found.values())


async def forget_masqueraded(
    sources: Iterable[IPv4Network], destinations: Iterable[IPv4Network]
) -> int:
    """Forget every flow from ``sources`` to ``destinations`` whose source is translated.

    A flow keeps the translation that its first packet met, as long as it lives; the next packet of
    one that is forgotten meets the NAT rules as they are now. Returns how many there were.
    """
    own = tuple(sources)
    forgotten = 0
    for network in destinations:
        for message in await _list(network, IPS_SRC_NAT):
            source = message.get("CTA_TUPLE_ORIG", "CTA_TUPLE_IP", "CTA_IP_V4_SRC")
            target = message.get("CTA_TUPLE_ORIG", "CTA_TUPLE_IP", "CTA_IP_V4_DST")
            if IPv4Address(target) not in network or not any(
                IPv4Address(source) in prefix for prefix in own
            ):
                continue
            name = f"flow from {source} to {target}"
            async with _open() as netlink:
                forgotten += await _ask(
                    netlink, "del", name, errno.ENOENT, {"tuple_orig": _first(message)}
                )
    return forgotten


async def restore(flows: Iterable[Flow]) -> tuple[Flow, ...]:
    """Have the kernel know ``flows``; returns those it does not take.

    What it holds for the same first packet is replaced. It does not take a flow whose answers
    belong to an entry of another kind: the server is on this very node, and so already known.
    """
    refused = []
    async with _open() as netlink:
        for flow in flows:
            if not await _create(netlink, flow):
                await _forget(netlink, flow)
                if not await _create(netlink, flow):
                    refused.append(flow)
    return tuple(refused)


async def _list(network: IPv4Network, status: int) -> Sequence[Message]:
    """The flows to ``network``, and maybe others, that have all bits of ``status``."""
    request = nfct_msg.create_from(status=status, status_mask=status)  # filters since 5.15
    request["nfgen_family"] = socket.AF_INET
    octets = network.network_address.packed[: network.prefixlen // 8]
    with _trying(_NAME, "list"):
        async with asyncio.timeout(TIMEOUT), _open() as netlink:
            listing: Any = NetlinkRequest(
                netlink,
                request,
                msg_type=_GET,
                msg_flags=NLM_F_REQUEST | NLM_F_DUMP,
                parser=sieve(netlink.marshal, _NEW, _DESTINATION + octets),
            )
            await listing.send()
            answers = [answer async for answer in listing.response()]
    return [Message(answer) for answer in answers if answer["header"]["type"] == _NEW]


def _flow(message: Message) -> Flow | None:
    """The flow that a message tells of; ``None`` for one that is over, or of another kind."""
    protocol = message.get("CTA_TUPLE_ORIG", "CTA_TUPLE_PROTO", "CTA_PROTO_NUM")
    state = message.get("CTA_PROTOINFO", "CTA_PROTOINFO_TCP", "CTA_PROTOINFO_TCP_STATE") or 0
    translated = (message.get("CTA_STATUS") or 0) & _WANTED == _WANTED
    zone = message.get("CTA_ZONE")
    if not translated or zone or state not in STATES.get(protocol, ()):
        return None
    return Flow(
        protocol,
        _way(message, "CTA_TUPLE_ORIG"),
        _way(message, "CTA_TUPLE_REPLY"),
        FlowState(state),
        message.get("CTA_TIMEOUT") or 0,
    )


def _way(message: Message, tuple_: str) -> Way:
    def address(which: str) -> IPv4Address:
        return IPv4Address(message.get(tuple_, "CTA_TUPLE_IP", f"CTA_IP_V4_{which}"))

    def port(which: str) -> int:
        return int(message.get(tuple_, "CTA_TUPLE_PROTO", f"CTA_PROTO_{which}_PORT"))

    return Way(address("SRC"), port("SRC"), address("DST"), port("DST"))


async def _create(netlink: AsyncNFCTSocket, flow: Flow) -> bool:
    """False if one of the flow's two ways is taken."""
    # As if nothing were translated; the kernel itself turns the answers' way into what it is.
    attributes: dict[str, Any] = {
        "tuple_orig": _tuple(flow.protocol, flow.forth),
        "tuple_reply": _tuple(flow.protocol, flow.forth.reverse),
        "status": IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED,
        "timeout": flow.left,
        "nat_dst": _translation(flow.back.source, flow.back.source_port),
        # said even where nothing is changed: left to itself, the kernel takes another port when
        # this one's answers are an entry's already
        "nat_src": _translation(flow.back.destination, flow.back.destination_port),
    }
    if flow.protocol == TCP:
        liberal = {"value": (IP_CT_TCP_FLAG_BE_LIBERAL, IP_CT_TCP_FLAG_BE_LIBERAL)}
        tcp = [
            ["CTA_PROTOINFO_TCP_STATE", int(flow.state)],
            ["CTA_PROTOINFO_TCP_FLAGS_ORIGINAL", liberal],
            ["CTA_PROTOINFO_TCP_FLAGS_REPLY", liberal],
        ]
        attributes["protoinfo"] = {"attrs": [["CTA_PROTOINFO_TCP", {"attrs": tcp}]]}
    return await _ask(netlink, "add", f"tracked flow {flow}", errno.EEXIST, attributes)


async def _forget(netlink: AsyncNFCTSocket, flow: Flow) -> bool:
    """False if there is no entry for the flow's first packet."""
    attributes = {"tuple_orig": _tuple(flow.protocol, flow.forth)}
    return await _ask(netlink, "del", f"tracked flow {flow}", errno.ENOENT, attributes)


async def _ask(
    netlink: AsyncNFCTSocket, verb: str, name: str, state: int, attributes: dict[str, Any]
) -> bool:
    """False if the kernel answers with the error ``state``, which is none here."""
    with _trying(name, verb):
        try:
            async with asyncio.timeout(TIMEOUT):
                await netlink.entry(verb, **attributes)
        except NetlinkError as error:
            if error.code != state:
                raise
            return False
    return True


def _tuple(protocol: int, way: Way) -> NFCTAttrTuple:
    return NFCTAttrTuple(
        saddr=str(way.source),
        daddr=str(way.destination),
        proto=protocol,
        sport=way.source_port,
        dport=way.destination_port,
    )


def _first(message: Message) -> NFCTAttrTuple:
    """The first packet of the flow that a message tells of, whatever its protocol."""

    def part(name: str) -> Any:
        return message.get("CTA_TUPLE_ORIG", "CTA_TUPLE_PROTO", f"CTA_PROTO_{name}")

    return NFCTAttrTuple(
        saddr=message.get("CTA_TUPLE_ORIG", "CTA_TUPLE_IP", "CTA_IP_V4_SRC"),
        daddr=message.get("CTA_TUPLE_ORIG", "CTA_TUPLE_IP", "CTA_IP_V4_DST"),
        proto=part("NUM"),
        sport=part("SRC_PORT"),
        dport=part("DST_PORT"),
        icmp_id=part("ICMP_ID"),
        icmp_type=part("ICMP_TYPE"),
        icmp_code=part("ICMP_CODE"),
    )


def _translation(address: IPv4Address, port: int) -> dict[str, Any]:
    ports = [["CTA_PROTONAT_PORT_MIN", port], ["CTA_PROTONAT_PORT_MAX", port]]
    return {
        "attrs": [
            ["CTA_NAT_V4_MINIP", str(address)],
            ["CTA_NAT_V4_MAXIP", str(address)],
            ["CTA_NAT_PROTO", {"attrs": ports}],
        ]
    }


@contextlib.asynccontextmanager
async def _open() -> AsyncIterator[AsyncNFCTSocket]:
    """A socket in this thread's network namespace."""
    netlink = AsyncNFCTSocket()
    try:
        yield netlink
    finally:
        netlink.close()
        await asyncio.sleep(0)  # lets the transport finish


@contextlib.contextmanager
def _trying(name: str, action: str) -> Iterator[None]:
    try:
        yield
    except NetlinkError as error:
        raise KernelError(name, action, error.code, str(error.args[1])) from None
    except TimeoutError:
        raise KernelError(name, action, errno.ETIMEDOUT) from None
    except OSError as error:
        raise KernelError(name, action, error.errno or errno.EIO) from error
