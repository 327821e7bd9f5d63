"""A node's own labels and annotations as a source of settings: upstream's keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from submariner_core.api.errors import ConfigError
from submariner_core.api.flags import read_flag
from submariner_core.api.transport import NodeMarks
from submariner_core.config.document import Document, Loc, Place

GATEWAY_PREFIX = "gateway.submariner.io/"
PUBLIC_IP = f"{GATEWAY_PREFIX}public-ip"
UDP_PORT = f"{GATEWAY_PREFIX}udp-port"
DISCOVERY_PORT = f"{GATEWAY_PREFIX}natt-discovery-port"
PREFERRED_SERVER = f"{GATEWAY_PREFIX}preferred-server"
KNOWN = (PUBLIC_IP, UDP_PORT, DISCOVERY_PORT, PREFERRED_SERVER)
MSS = "submariner.io/tcp-clamp-mss"
"""An annotation only."""


def relevant(marks: NodeMarks) -> NodeMarks:
    """Those that settings may come from, known or not."""

    def ours(found: Mapping[str, str]) -> dict[str, str]:
        return {k: v for k, v in found.items() if k.startswith(GATEWAY_PREFIX) or k == MSS}

    return NodeMarks(ours(marks.labels), ours(marks.annotations))


def of_a_gateway(document: Document, node: str, marks: NodeMarks) -> Document:
    """``document`` under what the gateway's ``node`` says of itself, which wins.

    Raises :class:`ConfigError` for a key that only looks like one of upstream's, as upstream does,
    and for a value that is none.
    """
    found = {**marks.labels, **marks.annotations}
    unknown = sorted(key for key in found if key.startswith(GATEWAY_PREFIX) and key not in KNOWN)
    if unknown:
        raise ConfigError(
            f"node {node}: {', '.join(unknown)}: unknown; known are {', '.join(KNOWN)}; "
            "take it off the node, or correct it"
        )
    cables = _cables(document)
    ways: dict[str, tuple[Loc, Callable[[str], Any]]] = {
        PUBLIC_IP: (("node_public_ip",), str),
        DISCOVERY_PORT: (("nat_discovery", "port"), _port_or_none),
    }
    if cables:
        ways[UDP_PORT] = (("options", cables[0], "port"), _port)
    if "libreswan" in cables:
        ways[PREFERRED_SERVER] = (("options", "libreswan", "preferred_server"), read_flag)
    return _laid_over(document, node, marks, ways)


def of_a_node(document: Document, node: str, marks: NodeMarks) -> Document:
    """The same for a route agent; what is no number fixes nothing, as with upstream."""
    plugins = document.data.get("plugins")
    kubeproxy = isinstance(plugins, Mapping) and plugins.get("route") == "kubeproxy"
    text = marks.annotations.get(MSS, "")
    if not kubeproxy or not text.isdecimal() or not int(text):
        return document
    return _laid_over(document, node, marks, {MSS: (("options", "route", "mss"), int)})


def _laid_over(
    document: Document,
    node: str,
    marks: NodeMarks,
    ways: Mapping[str, tuple[Loc, Callable[[str], Any]]],
) -> Document:
    data: dict[str, Any] = {}
    places: dict[Loc, Place] = {}
    for key, (loc, read) in ways.items():
        what, there = (
            ("annotation", marks.annotations)
            if key in marks.annotations
            else (
                "label",
                marks.labels,
            )
        )
        if key not in there:
            continue
        place = f"node {node}: {what} {key}"
        inner = data
        for step in loc[:-1]:
            inner = inner.setdefault(str(step), {})
        try:
            inner[str(loc[-1])] = read(there[key].strip())
        except ValueError as error:
            raise ConfigError(f"{place}: {error}") from None
        places[loc] = Place(place, place)
    return Document(document.source, data, places).over(document)


def _cables(document: Document) -> tuple[str, ...]:
    plugins = document.data.get("plugins")
    cables = plugins.get("cable") if isinstance(plugins, Mapping) else None
    return tuple(map(str, cables)) if isinstance(cables, list) else ()


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError("must be a port, 1 to 65535")
    return int(text)


def _port_or_none(text: str) -> int:
    """Upstream takes 0, and what is no port, for "do not discover"."""
    try:
        return _port(text)
    except ValueError:
        return 0
