"""The node's packet filter as one nftables document: a pure function of the plan.

The table ``ip submariner`` holds four base chains:

* ``forward`` and ``input`` mark what must be accepted, right before ``ip filter`` judges it;
* ``clamp`` fits TCP segments both ways and takes the mark off again;
* ``keep_source`` keeps source addresses: an identity SNAT, which no later chain can masquerade
  over.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from submariner_core.api.naming import OVERLAY_OCTET
from submariner_core.api.route import NodePlan
from submariner_core.kernel import expressions as nft
from submariner_core.kernel.expressions import Expression, Object
from submariner_kubeproxy.options import KubeProxyOptions
from submariner_kubeproxy.overlay import DEVICE, PORT

FAMILY = "ip"
TABLE = "submariner"

_BEFORE_FILTER = nft.FILTER - 10
_BEFORE_SOURCE_NAT = nft.SOURCE_NAT - 10
_OVERLAY = IPv4Network(f"{OVERLAY_OCTET}.0.0.0/8")
_MARK = {"meta": {"key": "mark"}}

LOCAL, PODS, REMOTE = "@local", "@pods", "@remote"


def document(
    plan: NodePlan, options: KubeProxyOptions, cni_address: IPv4Address | None
) -> tuple[Object, ...]:
    """The objects of the table, in the order in which nft must read them."""
    out, back = both_ways(LOCAL)
    return (
        nft.prefix_set("pods", plan.cluster_cidr),
        nft.prefix_set("local", (*plan.service_cidr, *plan.cluster_cidr)),
        nft.prefix_set("remote", plan.remote_prefixes),
        nft.base_chain("forward", "filter", "forward", _BEFORE_FILTER),
        nft.rule("forward", *out, _set_mark(options.mark)),
        nft.rule("forward", *back, _set_mark(options.mark)),
        nft.base_chain("input", "filter", "input", _BEFORE_FILTER),
        nft.rule("input", *back, _set_mark(options.mark)),
        nft.rule("input", nft.udp_port(PORT, *plan.cable_ports), _set_mark(options.mark)),
        *(
            nft.rule("input", nft.ip_protocol(number), _set_mark(options.mark))
            for number in plan.cable_protocols
        ),
        nft.base_chain("clamp", "filter", "postrouting", nft.MANGLE),
        nft.rule("clamp", *out, nft.opens_tcp(), nft.clamp_mss(options.mss)),
        nft.rule("clamp", *back, nft.opens_tcp(), nft.clamp_mss(options.mss)),
        nft.rule("clamp", has_mark(options.mark), _clear_mark(options.mark)),
        *_source_rules(plan, cni_address),
    )


def both_ways(local: str) -> tuple[tuple[Expression, Expression], ...]:
    """Between one of our sets and the remote prefixes: out, and back."""
    return (
        (nft.source(local), nft.destination(REMOTE)),
        (nft.source(REMOTE), nft.destination(local)),
    )


def has_mark(mark: int) -> Expression:
    """The packet carries our mark. iptables reads it as ``-m mark --mark MARK/MARK``."""
    return {"match": {"op": "==", "left": {"&": [_MARK, mark]}, "right": mark}}


def _set_mark(mark: int) -> Expression:
    return {"mangle": {"key": _MARK, "value": {"|": [_MARK, mark]}}}


def _clear_mark(mark: int) -> Expression:
    return {"mangle": {"key": _MARK, "value": {"&": [_MARK, 0xFFFFFFFF & ~mark]}}}


def _replies_come_here(plan: NodePlan) -> bool:
    """Whether the other nodes send through this gateway, as far as it can tell.

    Its own choice alone does not tell: it may have left a leader that the others still reach.
    """
    leads = bool(plan.gateways) and plan.gateways[0].address == plan.node.address
    return leads and plan.carries_itself


def _source_rules(plan: NodePlan, cni_address: IPv4Address | None) -> Iterator[Object]:
    yield nft.chain("itself")
    prefixes = (*plan.cluster_cidr, *plan.remote_prefixes)
    if any(prefix.version == 4 for prefix in prefixes):
        yield nft.rule("itself", nft.keep_source(prefixes))
    yield nft.base_chain("keep_source", "nat", "postrouting", _BEFORE_SOURCE_NAT)
    out, back = both_ways(PODS)
    if cni_address is not None:
        to_cni = nft.translate_source(cni_address)
        if plan.on_gateway and not _replies_come_here(plan):
            # Replies to what this gateway itself sent on to a service's pod must come back here:
            # the gateway that carries knows nothing of the translation.
            yield nft.rule("keep_source", *back, nft.destination_translated(), to_cni)
        from_overlay = (nft.outgoing(DEVICE), nft.source(_OVERLAY))
        yield nft.rule("keep_source", *from_overlay, to_cni)
    yield nft.rule("keep_source", *out, nft.jump("itself"))
    yield nft.rule("keep_source", *back, nft.jump("itself"))
