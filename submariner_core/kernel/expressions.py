"""The nftables objects and expressions that we use, as JSON for ``nft -j``.

Only what iptables-nft can read back stands in tables of others: it shows (and saves!) a rule with
a set match as one without it. There, match single prefixes, one rule each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import collapse_addresses, ip_network
from typing import Any, Literal

from submariner_core.api.naming import IPAddress, IPNetwork

Expression = dict[str, Any]
"""One statement or match of a rule."""
Object = dict[str, Any]
"""One object of a table, without the table's own family and name."""
Hook = Literal["prerouting", "input", "forward", "output", "postrouting"]

SOURCE_NAT = 100
"""Priority of ``srcnat``; kube-proxy and the CNI masquerade there."""
MANGLE = -150
FILTER = 0

# ---- objects


def base_chain(name: str, kind: Literal["filter", "nat"], hook: Hook, priority: int) -> Object:
    """A chain that packets enter at ``hook``; its policy is accept."""
    at = {"type": kind, "hook": hook, "prio": priority, "policy": "accept"}
    return {"chain": {"name": name, **at}}


def chain(name: str) -> Object:
    """A chain that only jumps lead to."""
    return {"chain": {"name": name}}


def rule(chain: str, *expressions: Expression, comment: str = "") -> Object:
    """A rule, appended to its chain. ``comment`` has at most 128 bytes."""
    said = {"comment": comment} if comment else {}
    return {"rule": {"chain": chain, "expr": list(expressions), **said}}


def prefix_set(name: str, networks: Iterable[IPNetwork], version: Literal[4, 6] = 4) -> Object:
    """A named set of those prefixes that have this IP version; overlaps are merged."""
    members = _prefixes(networks, version)
    held = {"elem": members} if members else {}
    kind = "ipv4_addr" if version == 4 else "ipv6_addr"
    return {"set": {"name": name, "type": kind, "flags": ["interval"], **held}}


def named_counter(name: str) -> Object:
    """A counter that rules share; its value survives a replacement of the table."""
    return {"counter": {"name": name}}


# ---- matches


def source(where: IPNetwork | IPAddress | str) -> Expression:
    """The source is in a prefix, or in a set (``@name``, of IPv4)."""
    return _address("saddr", where)


def destination(where: IPNetwork | IPAddress | str) -> Expression:
    """The destination is in a prefix, or in a set (``@name``, of IPv4)."""
    return _address("daddr", where)


def incoming(device: str) -> Expression:
    """It came in through ``device`` (a trailing ``*`` stands for any rest)."""
    return _match({"meta": {"key": "iifname"}}, device)


def outgoing(device: str) -> Expression:
    """It leaves through ``device`` (a trailing ``*`` stands for any rest)."""
    return _match({"meta": {"key": "oifname"}}, device)


def udp_port(*ports: int | tuple[int, int]) -> Expression:
    """UDP to one of these ports; a pair is a range with both ends."""
    left = {"payload": {"protocol": "udp", "field": "dport"}}
    right = [list(port) if isinstance(port, tuple) else port for port in ports]
    values = [{"range": port} if isinstance(port, list) else port for port in right]
    return _match(left, values[0] if len(values) == 1 else {"set": values})


def ip_protocol(number: int) -> Expression:
    """This protocol above IP, by its number."""
    return _match({"meta": {"key": "l4proto"}}, number)


def connection(*states: Literal["new", "established", "related", "invalid"]) -> Expression:
    """Connection tracking sees the packet in one of these states."""
    return {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": list(states)}}


def destination_translated() -> Expression:
    """The connection's destination was translated on this node (a service address)."""
    return {"match": {"op": "in", "left": {"ct": {"key": "status"}}, "right": "dnat"}}


def opens_tcp() -> Expression:
    """A TCP segment with SYN and without RST."""
    flags = {"payload": {"protocol": "tcp", "field": "flags"}}
    return _match({"&": [flags, {"|": ["syn", "rst"]}]}, "syn")


# ---- statements


def accept() -> Expression:
    """Let it through this chain; a later chain may still drop it."""
    return {"accept": None}


def drop() -> Expression:
    """Drop it at once."""
    return {"drop": None}


def leave() -> Expression:
    """Go back to the calling chain, or to the policy."""
    return {"return": None}


def jump(chain: str) -> Expression:
    """Go on in another chain."""
    return {"jump": {"target": chain}}


def count(name: str | None = None) -> Expression:
    """Count packets and bytes, in the named counter or in the rule itself."""
    return {"counter": name}


def translate_source(address: IPAddress) -> Expression:
    """Source NAT to ``address``."""
    family = "ip" if address.version == 4 else "ip6"
    return {"snat": {"family": family, "addr": str(address)}}


def keep_source(networks: Iterable[IPNetwork]) -> Expression:
    """Source NAT of these IPv4 prefixes to themselves: no later chain translates the connection.

    An accept would not do: it ends its own chain only. Other sources pass by.
    """
    pairs = [[prefix, prefix] for prefix in _prefixes(networks, 4)]
    key = {"payload": {"protocol": "ip", "field": "saddr"}}
    address = {"map": {"key": key, "data": {"set": pairs}}}
    return {"snat": {"family": "ip", "addr": address, "flags": "netmap", "type_flags": "prefix"}}


def clamp_mss(size: int | None = None) -> Expression:
    """Lower the MSS option to ``size`` bytes, or to what the route's MTU allows."""
    value: int | Mapping[str, Any] = {"rt": {"key": "mtu"}} if size is None else size
    option = {"tcp option": {"name": "maxseg", "field": "size"}}
    return {"mangle": {"key": option, "value": value}}


def _match(left: Mapping[str, Any], right: Any) -> Expression:
    return {"match": {"op": "==", "left": left, "right": right}}


def _address(field: str, where: IPNetwork | IPAddress | str) -> Expression:
    if isinstance(where, str):
        return _match({"payload": {"protocol": "ip", "field": field}}, where)
    network = ip_network(where)
    protocol = "ip" if network.version == 4 else "ip6"
    right = _prefix(network) if network.num_addresses > 1 else str(network.network_address)
    return _match({"payload": {"protocol": protocol, "field": field}}, right)


def _prefix(network: IPNetwork) -> Expression:
    return {"prefix": {"addr": str(network.network_address), "len": network.prefixlen}}


def _prefixes(networks: Iterable[IPNetwork], version: int) -> list[Expression]:
    # nft refuses overlapping intervals, whatever its auto-merge flag says
    matching: list[Any] = [network for network in networks if network.version == version]
    return [_prefix(network) for network in collapse_addresses(matching)]
