"""Kernel notifications, coarsely: the names of devices around which something changed."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from submariner_core.kernel.errors import KernelError
from submariner_core.kernel.message import Message, Noun

if TYPE_CHECKING:
    from pyroute2.netlink.rtnl.marshal import MarshalRtnl

EVERYTHING = ""
"""Listening begins, or notifications were lost: anything may have changed."""
NO_DEVICE = "lo"
"""Stands for routes, rules and nexthops that name no device (``unreachable``, blackholes)."""

_NEIGHBOURS = 3
_GROUPS = {
    1: "link",
    5: "IPv4 address",
    7: "IPv4 route",
    8: "IPv4 rule",
    9: "IPv6 address",
    11: "IPv6 route",
    19: "IPv6 rule",
    32: "nexthop",
}
_NETLINK_SOCKET, _ADD_MEMBERSHIP = 270, 1
_RECEIVE_BUFFER = 1 << 20
_DATAGRAM = 1 << 16
_VERBS = 3
_BATCH = 1000
"""Datagrams read in one go; other tasks have their turn after that."""


async def watch(neighbours: bool = False) -> AsyncIterator[str]:
    """Names of devices whose state, addresses, routes, rules or nexthops changed.

    The first is ``""``, once it listens: whoever observes after that misses nothing. It comes
    again whenever the kernel could not keep up with telling. One name stands for any number of
    changes that came together; ``"lo"`` for what names no device. With ``neighbours`` also for
    neighbour and FDB entries, which change often on a busy node. Our own changes are told too.
    It ends only by being closed.
    """
    from submariner_core.kernel import declarations

    marshal = declarations.marshal()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as events:
        events.setblocking(False)
        events.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        events.bind((0, 0))
        for group in (*_GROUPS, *((_NEIGHBOURS,) if neighbours else ())):
            events.setsockopt(_NETLINK_SOCKET, _ADD_MEMBERSHIP, group)
        names = dict(socket.if_nameindex())
        yield EVERYTHING
        while True:
            for name in await _changed(events, marshal, names):
                yield name


async def _changed(
    events: socket.socket, marshal: MarshalRtnl, names: dict[int, str]
) -> tuple[str, ...]:
    """The next names; waits for one, then takes whatever else is there already."""
    loop = asyncio.get_running_loop()
    try:
        datagrams = [await loop.sock_recv(events, _DATAGRAM)]
        with contextlib.suppress(BlockingIOError):
            while len(datagrams) < _BATCH:
                datagrams.append(events.recv(_DATAGRAM))
    except OSError as error:
        if error.errno != errno.ENOBUFS:
            raise KernelError("notifications", "receive", error.errno or errno.EIO) from error
        names.update(socket.if_nameindex())
        return (EVERYTHING,)
    messages = (Message(decoded) for data in datagrams for decoded in marshal.parse(data))
    return tuple(dict.fromkeys(_device(message, names) for message in messages))


def _device(message: Message, names: dict[int, str]) -> str:
    match message.type & ~_VERBS:
        case Noun.LINK:
            name: str = message.get("IFLA_IFNAME")
            names[message["index"]] = name
            return name
        case Noun.RULE:
            return message.get("FRA_IIFNAME") or NO_DEVICE
        case Noun.ADDRESS:
            index = message["index"]
        case Noun.NEIGHBOUR:
            index = message["ifindex"]
        case Noun.ROUTE:
            index = message.get("RTA_OIF")
        case Noun.NEXTHOP:
            index = message.get("NHA_OIF")
        case _:
            return EVERYTHING
    return names.get(index, EVERYTHING) if index else NO_DEVICE
