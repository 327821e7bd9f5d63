"""Tunnels as vici messages, and vici's listings as states. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from submariner_core.api.naming import IPNetwork
from submariner_libreswan.credentials import Psk
from submariner_libreswan.daemon import ChildState, Terms, TunnelState
from submariner_libreswan.plane import Plane
from submariner_libreswan.tunnel import Mode, Pair, Tunnel

OURS = "submariner-cable-"
"""What every name of ours begins with; all else in charon is somebody else's."""
ANYWHERE = "0.0.0.0/0"
_BEGINNING = frozenset({"CREATED", "CONNECTING"})
_ALIVE = frozenset({"INSTALLED", "REKEYING"})
_FADING = frozenset({"REKEYED", "DELETING", "DELETED"})
"""Child SAs that another one replaces, or nothing; they may still receive."""


def connections(tunnel: Tunnel, terms: Terms, pem: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What ``load-conn`` takes, by connection name.

    One connection with all pairs, or one for each pair where each has ids of its own. ``pem`` has
    the certificates, if they are used.
    """
    if not tunnel.named:
        return {tunnel.name: _connection(tunnel, terms, tunnel.pairs, pem)}
    return {
        tunnel.connection(pair): _connection(tunnel, terms, (pair,), pem) for pair in tunnel.pairs
    }


def connection_name(tunnel: Tunnel, pair: Pair) -> str:
    """The connection that a pair's child SA is on."""
    return tunnel.connection(pair) if tunnel.named else tunnel.name


def secrets(tunnel: Tunnel, psks: Sequence[Psk]) -> Iterator[dict[str, Any]]:
    """What ``load-shared`` takes, in turn: charon accepts all, and proves itself with the last.

    ``psks`` has the one to use first.
    """
    owners = list(
        dict.fromkeys(
            name
            for pair in tunnel.pairs
            for name in (tunnel.local_id(pair), tunnel.remote_id(pair))
        )
    )
    for number, psk in reversed(tuple(enumerate(psks))):
        yield {
            "id": f"{tunnel.name}/{number}-{psk.fingerprint}",
            "type": "IKE",
            "data": psk.reveal(),
            "owners": owners,
        }


def owner(secret_id: str) -> str:
    """The tunnel that a secret was loaded for."""
    return secret_id.partition("/")[0]


def owners(listed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Of ``list-conns``, whose tunnel each connection of ours is."""
    found = {}
    for listing in listed:
        for connection, entry in listing.items():
            for child in entry.get("children", {}):
                if connection.startswith(OURS) and (name := _tunnel_name(child)) is not None:
                    found[connection] = name[0]
    return found


def states(
    owners: Mapping[str, str], tunnels: Mapping[str, Tunnel], sas: Iterable[Mapping[str, Any]]
) -> dict[str, TunnelState]:
    """What ``list-sas`` says of our tunnels, by tunnel name; those without SAs included.

    A child SA for other subnets than those of a known tunnel is none of its.
    """
    held: dict[str, list[ChildState]] = {name: [] for name in owners.values()}
    calling: set[str] = set()
    for connection, sa in _ours(sas):
        if _text(sa.get("state")) in _BEGINNING and connection in owners:
            calling.add(owners[connection])
        for child in sa.get("child-sas", {}).values():
            found = _tunnel_name(_text(child.get("name")))
            if found is None or _text(child.get("state")) not in _ALIVE | _FADING:
                continue
            name, pair = found
            if name not in tunnels or _fits(child, pair, tunnels[name]):
                held.setdefault(name, []).append(_child(child, pair))
    return {
        name: TunnelState(name, tuple(children), calling=name in calling)
        for name, children in held.items()
    }


def strays(tunnel: Tunnel, sas: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """What ``terminate`` is to end once a tunnel is loaded: all that goes by what it was before.

    A peer that called from elsewhere than expected stays: it may be behind NAT.
    """
    for _, sa in _ours(sas):
        called = _text(sa.get("initiator")) == "yes"
        elsewhere = _text(sa.get("remote-host")) != str(tunnel.address)
        beginning = _text(sa.get("state")) in _BEGINNING
        moved = _text(sa.get("local-host")) not in {str(tunnel.local), "%any"}
        if moved or (called and (elsewhere or beginning)):
            yield {"ike-id": _text(sa.get("uniqueid")), "timeout": "-1", "force": "yes"}
            continue
        for child in sa.get("child-sas", {}).values():
            found = _tunnel_name(_text(child.get("name")))
            if _text(child.get("state")) in _ALIVE and (
                found is None or not _fits(child, found[1], tunnel)
            ):
                yield {"child-id": _text(child.get("uniqueid")), "timeout": "-1"}


def _ours(sas: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for listing in sas:
        for connection, sa in listing.items():
            if connection.startswith(OURS):
                yield connection, sa


def _fits(child: Mapping[str, Any], places: tuple[int, int], tunnel: Tunnel) -> bool:
    """Whether a child SA is for the subnets, and the interface, that its name stands for now."""
    if int(_text(child.get("if-id-in")) or "0", 16) != (tunnel.interface or 0):
        return False
    for pair in tunnel.pairs:
        if (pair.left, pair.right) == places:
            return _within(child.get("local-ts", ()), pair.local) and _within(
                child.get("remote-ts", ()), pair.remote
            )
    return False


def _within(selectors: Sequence[bytes | str], subnet: IPNetwork) -> bool:
    """Whether selectors are a subnet or a part of it; others than subnets count as such."""
    for selector in map(_text, selectors):
        try:
            if not ip_network(selector).subnet_of(subnet):  # type: ignore[arg-type]
                return False
        except (ValueError, TypeError):
            continue
    return True


def _connection(
    tunnel: Tunnel, terms: Terms, pairs: Sequence[Pair], pem: Mapping[str, str]
) -> dict[str, Any]:
    first = pairs[0]
    local: dict[str, Any] = {"auth": "psk", "id": tunnel.local_id(first)}
    remote: dict[str, Any] = {"auth": "psk", "id": tunnel.remote_id(first)}
    if pem:
        local |= {"auth": "pubkey", "certs": [pem["certificate"]]}
        remote |= {"auth": "pubkey", "cacerts": [pem["ca"]]}
    called = [ANYWHERE] if tunnel.mode is Mode.SERVER else [str(tunnel.address), ANYWHERE]
    connection: dict[str, Any] = {
        "version": "2",
        "local_addrs": [str(tunnel.local)],
        "remote_addrs": called,
        "local_port": str(tunnel.local_port),
        "remote_port": str(tunnel.port),
        "proposals": list(terms.ike) or ["default"],
        "encap": _yes(tunnel.encapsulated),
        "mobike": "no",
        "unique": "replace",
        # the driver calls again; a call that goes on for ever outlives a cable the other end made
        "keyingtries": "1",
        "local": local,
        "remote": remote,
        "children": {
            tunnel.connection(pair): _child_settings(tunnel, terms, pair) for pair in pairs
        },
    }
    if terms.dpd:
        connection["dpd_delay"] = f"{terms.dpd:g}s"
    return connection


def _child_settings(tunnel: Tunnel, terms: Terms, pair: Pair) -> dict[str, Any]:
    # nobody whose address is unknown can be called, so there is no trap for a server
    trapped = terms.plane is Plane.POLICIES and tunnel.mode is not Mode.SERVER
    child: dict[str, Any] = {
        "local_ts": [str(pair.local)],
        "remote_ts": [str(pair.remote)],
        "esp_proposals": list(terms.esp) or ["default"],
        "mode": "tunnel",
        # policies that choose the packets must be there before the SA, or these leave in clear
        "start_action": "trap" if trapped else "none",
        "dpd_action": "restart" if tunnel.calls else "clear",
    }
    if tunnel.interface is not None:
        child |= {"if_id_in": str(tunnel.interface), "if_id_out": str(tunnel.interface)}
    return child


def _child(child: Mapping[str, Any], pair: tuple[int, int]) -> ChildState:
    return ChildState(
        pair,
        _text(child.get("uniqueid")),
        rx_bytes=_number(child.get("bytes-in")),
        tx_bytes=_number(child.get("bytes-out")),
        age=float(_number(child.get("install-time"))),
        stands=_text(child.get("state")) in _ALIVE,
    )


def _tunnel_name(child: str) -> tuple[str, tuple[int, int]] | None:
    """A child's name taken apart: ``<cable>-<left>-<right>``."""
    parts = child.rsplit("-", 2)
    if len(parts) != 3 or not child.startswith(OURS):
        return None
    name, left, right = parts
    if not (left.isascii() and left.isdecimal() and right.isascii() and right.isdecimal()):
        return None
    return name, (int(left), int(right))


def _number(value: bytes | str | None) -> int:
    text = _text(value)
    return int(text) if text.isascii() and text.isdecimal() else 0


def _text(value: bytes | str | None) -> str:
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _yes(value: bool) -> str:
    return "yes" if value else "no"
