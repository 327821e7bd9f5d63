"""Routes: listed by table, made, removed, and the kernel's own answer to "which way?"."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address, ip_network
from socket import AF_INET, AF_INET6

from submariner_core.api.naming import IPAddress, IPNetwork
from submariner_core.api.network import PROTOCOL, Route, RouteLookup, RouteType
from submariner_core.kernel.devices import Devices
from submariner_core.kernel.errors import KernelError
from submariner_core.kernel.message import Message, Mode, Noun, Verb
from submariner_core.kernel.netlink import GONE, Netlink

_ONLINK = 0x4
_SCOPE_UNIVERSE, _SCOPE_LINK, _SCOPE_ANY = 0, 253, 255
_IPV6_METRIC = 1024
_TURN = 100
"""Routes converted before other tasks have their turn."""
_TYPES = frozenset(RouteType)
_NO_WAY = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL, errno.ENOENT}
)
"""How a lookup answers: no route, ``unreachable``, ``prohibit``, ``blackhole``."""

_Key = tuple[IPNetwork, int]


class Routes:
    """The routes of this namespace."""

    def __init__(self, netlink: Netlink, devices: Devices) -> None:
        self._netlink = netlink
        self._devices = devices

    async def list(self, table: int) -> tuple[Route, ...]:
        """Routes of ``table``, both families; multipath and other types are not ours to express.

        A table that was never used is empty.
        """
        return (*await self._list(AF_INET, table), *await self._list(AF_INET6, table))

    async def ensure(self, route: Route) -> bool:
        """Make the route so, in place of one to the same destination with the same metric.

        True if anything changed. For many routes :meth:`reconcile` is cheaper.
        """
        route = _canonical(route)
        if _effective(await self._like(route)).get(_key(route)) == route:
            return False
        await self.put(route)
        return True

    async def delete(self, route: Route) -> bool:
        """Remove exactly this route. False if it was not there."""
        route = _canonical(route)
        if route not in await self._like(route):
            return False
        return await self.remove(route)

    async def reconcile(
        self,
        table: int,
        wanted: Iterable[Route],
        mine: Callable[[Route], bool] | None = None,
    ) -> int:
        """Make ``wanted`` so in ``table`` and remove others that are ``mine`` (default: all).

        Adds before it removes. Returns how many routes changed.
        """
        routes = {_key(route): route for route in map(_canonical, wanted)}
        strays = [route for route in routes.values() if route.table != table]
        if strays:
            raise ValueError(f"table {table} cannot hold {strays[0]}")
        observed = await self.list(table)
        effective = _effective(observed)
        changes = 0
        for key, route in routes.items():
            if effective.get(key) != route:
                await self.put(route)
                changes += 1
        for route in observed:
            if _key(route) not in routes and (mine is None or mine(route)):
                changes += await self.remove(route)
        return changes

    async def lookup(
        self, destination: IPAddress, source: IPAddress | None = None
    ) -> RouteLookup | None:
        """How the kernel would send to ``destination`` from this host; ``None``: it would not."""
        attributes = [("RTA_DST", str(destination))]
        fields = {"family": _family(destination), "dst_len": destination.max_prefixlen}
        if source is not None:
            attributes.append(("RTA_SRC", str(source)))
            fields["src_len"] = source.max_prefixlen
        name = f"way to {destination}"
        try:
            found = await self._netlink.get(Noun.ROUTE, fields, attributes, name=name)
        except KernelError as error:
            if error.errno in _NO_WAY:
                return None
            raise
        if found is None or found["type"] not in {1, 2}:
            return None
        index = found.get("RTA_OIF") or 0
        link = await self._devices.by_index(index)
        if link is None:
            return None
        gateway = found.get("RTA_GATEWAY")
        preferred = found.get("RTA_PREFSRC")
        return RouteLookup(
            device=link.get("IFLA_IFNAME"),
            via=ip_address(gateway) if gateway else None,
            source=ip_address(preferred) if preferred else source,
            mtu=found.get("RTA_METRICS", "RTAX_MTU") or link.get("IFLA_MTU"),
        )

    async def _like(self, route: Route) -> Sequence[Route]:
        """The routes to the same destination, and maybe others."""
        destination = route.destination.network_address
        sieve = destination.packed if route.destination.prefixlen else b""
        return await self._list(_family(destination), route.table, sieve)

    async def _list(self, family: int, table: int, containing: bytes = b"") -> Sequence[Route]:
        found = await self._dump(family, table, containing)
        messages = [message for message in found if _expressible(message)]
        indices = (message.get("RTA_OIF") or 0 for message in messages if not _follows(message))
        names = await self._devices.names(indices)
        routes = []
        for number, message in enumerate(messages):
            if number % _TURN == 0:
                await asyncio.sleep(0)
            routes.append(_route(message, table, names))
        return routes

    async def _dump(self, family: int, table: int, containing: bytes) -> Iterable[Message]:
        fields = {"family": family}
        name = f"routes of table {table}"
        try:
            found = await self._netlink.dump(
                Noun.ROUTE,
                fields,
                [("RTA_TABLE", table)],
                name=name,
                containing=containing,
            )
        except KernelError as error:
            if error.errno in {errno.ENOENT, errno.EAFNOSUPPORT, errno.EOPNOTSUPP}:
                return ()
            raise
        # the kernel's filter does not hold back cached exceptions
        return [message for message in found if message.get("RTA_TABLE") == table]

    async def put(self, route: Route) -> None:
        """As :meth:`ensure`, without looking first: for who has just looked at the whole table."""
        route = _canonical(route)
        try:
            await self._change(route, Verb.NEW)
        except KernelError as error:
            if error.errno != errno.EEXIST:
                raise
            # ours stands already, behind others that somebody put before it
            for other in await self._like(route):
                if other == route:
                    break
                if _key(other) == _key(route):
                    await self.remove(other)

    async def remove(self, route: Route) -> bool:
        """As :meth:`delete`, without looking first."""
        try:
            await self._change(route, Verb.DELETE)
        except KernelError as error:
            if error.errno in GONE:
                return False
            raise
        return True

    async def _change(self, route: Route, verb: Verb) -> None:
        action = "delete" if verb is Verb.DELETE else "replace"
        name = f"route {route.destination} in table {route.table}"
        link_scope = route.type is RouteType.UNICAST and route.via is None
        scope = _SCOPE_LINK if link_scope and route.nexthop is None else _SCOPE_UNIVERSE
        fields = {
            "family": _family(route.destination.network_address),
            "dst_len": route.destination.prefixlen,
            "proto": PROTOCOL if verb is Verb.NEW else 0,
            "scope": scope if verb is Verb.NEW else _SCOPE_ANY,
            "type": int(route.type),
            "flags": _ONLINK if route.onlink else 0,
        }
        attributes: list[tuple[str, object]] = [
            ("RTA_TABLE", route.table),
            ("RTA_DST", str(route.destination.network_address)),
            ("RTA_PRIORITY", route.metric),
        ]
        if route.nexthop is not None:
            attributes.append(("RTA_NH_ID", route.nexthop))
        if route.device is not None:
            index = await self._devices.index(route.device, name, action)
            attributes.append(("RTA_OIF", index))
        if route.via is not None:
            attributes.append(("RTA_GATEWAY", str(route.via)))
        if route.source is not None:
            attributes.append(("RTA_PREFSRC", str(route.source)))
        if route.mtu is not None and verb is Verb.NEW:
            attributes.append(("RTA_METRICS", {"attrs": [("RTAX_MTU", route.mtu)]}))
        mode = Mode.CREATE | Mode.REPLACE if verb is Verb.NEW else Mode.SET
        await self._netlink.change(
            Noun.ROUTE, verb, fields, attributes, mode=mode, name=name, action=action
        )


def _key(route: Route) -> _Key:
    return route.destination, route.metric


def _effective(routes: Iterable[Route]) -> dict[_Key, Route]:
    """The first route of each destination and metric: IPv4 lets more stand behind it."""
    first: dict[_Key, Route] = {}
    for route in routes:
        first.setdefault(_key(route), route)
    return first


def _family(address: IPAddress) -> int:
    return AF_INET if address.version == 4 else AF_INET6


def _canonical(route: Route) -> Route:
    """As the kernel will show it: IPv6 has no metric 0."""
    if route.destination.version == 6 and route.metric == 0:
        return dataclasses.replace(route, metric=_IPV6_METRIC)
    return route


def _expressible(message: Message) -> bool:
    blackholed = _follows(message)
    return (message["type"] in _TYPES or blackholed) and message.get("RTA_MULTIPATH") is None


def _follows(message: Message) -> bool:
    """Whether the route points at a nexthop object; the kernel adds what that resolves to."""
    return message.get("RTA_NH_ID") is not None


def _route(message: Message, table: int, names: dict[int, str]) -> Route:
    bits = 32 if message["family"] == AF_INET else 128
    prefix = message.get("RTA_DST") or ("0.0.0.0" if bits == 32 else "::")
    follows = _follows(message)
    type_ = RouteType.UNICAST if follows else RouteType(message["type"])
    plain = type_ is RouteType.UNICAST and not follows
    gateway = message.get("RTA_GATEWAY") if plain else None
    source = message.get("RTA_PREFSRC")
    return Route(
        destination=ip_network(f"{prefix}/{message['dst_len']}"),
        table=table,
        type=type_,
        nexthop=message.get("RTA_NH_ID"),
        device=names.get(message.get("RTA_OIF") or 0) if plain else None,
        via=ip_address(gateway) if gateway else None,
        source=ip_address(source) if source else None,
        metric=message.get("RTA_PRIORITY") or 0,
        mtu=message.get("RTA_METRICS", "RTAX_MTU"),
        onlink=bool(message["flags"] & _ONLINK) and plain,
    )
