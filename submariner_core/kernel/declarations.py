"""The rtnetlink messages we speak, as declarations for pyroute2.

Imported only when a socket is opened: pyroute2 costs a third of a second.
pyroute2 has no nexthop objects, neither the message nor the route attribute that names one.
"""
# pyroute2 declares its messages by untyped class attributes.
# mypy: disable-error-code="assignment, misc, no-any-return, no-untyped-call"

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pyroute2.netlink import nlmsg
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.marshal import Marshal
from pyroute2.netlink.nlsocket import NetlinkRequest
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.iprsocket import AsyncIPRSocket
from pyroute2.netlink.rtnl.marshal import MarshalRtnl
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg_base

from submariner_core.kernel.message import Noun, Verb

__all__ = ["CLASSES", "NetlinkError", "marshal", "open_socket", "request", "sieve"]


class NexthopMessage(nlmsg):
    """``struct nhmsg`` of linux/nexthop.h."""

    prefix = "NHA_"
    fields = (
        ("family", "B"),
        ("scope", "B"),
        ("proto", "B"),
        ("__pad", "B"),
        ("flags", "I"),
    )
    nla_map = (
        ("NHA_UNSPEC", "none"),
        ("NHA_ID", "uint32"),
        ("NHA_GROUP", "hex"),
        ("NHA_GROUP_TYPE", "uint16"),
        ("NHA_BLACKHOLE", "flag"),
        ("NHA_OIF", "uint32"),
        ("NHA_GATEWAY", "ipaddr"),
        ("NHA_ENCAP_TYPE", "uint16"),
        ("NHA_ENCAP", "hex"),
        ("NHA_GROUPS", "flag"),
        ("NHA_MASTER", "uint32"),
        ("NHA_FDB", "flag"),
    )


class RouteMessage(rtmsg_base, nlmsg):
    """``struct rtmsg`` with the attributes that pyroute2's own table stops short of."""

    nla_map = (
        *rtmsg_base.nla_map,
        ("RTA_PAD", "hex"),
        ("RTA_UID", "uint32"),
        ("RTA_TTL_PROPAGATE", "uint8"),
        ("RTA_IP_PROTO", "uint8"),
        ("RTA_SPORT", "be16"),
        ("RTA_DPORT", "be16"),
        ("RTA_NH_ID", "uint32"),
    )


CLASSES: dict[Noun, type[nlmsg]] = {
    Noun.LINK: ifinfmsg,
    Noun.ADDRESS: ifaddrmsg,
    Noun.ROUTE: RouteMessage,
    Noun.NEIGHBOUR: ndmsg,
    Noun.RULE: fibmsg,
    Noun.NEXTHOP: NexthopMessage,
}

_NOOP, _MULTIPART, _INTERRUPTED = 1, 0x2, 0x10
_POLICY = {noun + verb: message for noun, message in CLASSES.items() for verb in Verb}


def open_socket() -> AsyncIPRSocket:
    """A socket that decodes with these classes, filters dumps in the kernel, explains errors."""
    socket = AsyncIPRSocket(ext_ack=True, strict_check=True)
    socket.register_policy(_POLICY)
    return socket


def request(
    socket: AsyncIPRSocket,
    noun: Noun,
    verb: Verb,
    flags: int,
    fields: Mapping[str, int],
    attributes: Iterable[tuple[str, Any]],
    containing: bytes,
) -> NetlinkRequest:
    """A request, ready to be sent; see :meth:`Netlink.dump` for ``containing``."""
    message = CLASSES[noun]()
    message.update(fields)
    message["attrs"] = [list(attribute) for attribute in attributes]
    parser = sieve(socket.marshal, noun, containing) if containing else None
    return NetlinkRequest(socket, message, msg_type=noun + verb, msg_flags=flags, parser=parser)


def sieve(decoder: Marshal, kind: int, containing: bytes) -> Callable[..., nlmsg]:
    """A parser that passes over messages of type ``kind`` without these bytes in them."""
    # not None: pyroute2 ends a dump at the first datagram that leaves nothing over
    left_over = nlmsg()
    left_over["header"].update(type=_NOOP, flags=_MULTIPART, error=None)

    def parse(data: bytes, offset: int, length: int) -> nlmsg:
        key, flags, sequence = struct.unpack_from("HHI", data, offset + 4)
        missing = data.find(containing, offset, offset + length) < 0
        if missing and key == kind and not flags & _INTERRUPTED:
            return left_over
        return decoder.parse_one_message(key, flags, sequence, data, offset, length)

    return parse


def marshal() -> MarshalRtnl:
    """A decoder with these classes, for a socket that only listens."""
    decoder = MarshalRtnl()
    decoder.msg_map.update(_POLICY)
    return decoder
