"""The accept that stands first in the node's own filter table, where there is one.

``ip filter`` is iptables-nft's (and kube-proxy's, through it). What our table marks is accepted
there before any other rule is asked, an INVALID drop among them.
"""

from __future__ import annotations

from submariner_core.kernel import nft
from submariner_core.kernel.expressions import accept, count
from submariner_kubeproxy import legacy
from submariner_kubeproxy.packet_filter import has_mark

TABLE = ("ip", "filter")
CHAINS = ("FORWARD", "INPUT")
COMMENT = "submariner between clusters"


async def accept_first(mark: int) -> bool:
    """Put our rule first where it is not. True if anything changed."""
    rule = [has_mark(mark), count(), accept()]
    changed = False
    for chain in CHAINS:
        changed |= await nft.ensure_first_rule(*TABLE, chain, rule, COMMENT)
        changed |= await legacy.accept_first(chain, mark, COMMENT)
    return changed


async def remove() -> bool:
    """Remove our rules and nothing else. True if there were any."""
    changed = False
    for chain in CHAINS:
        changed |= await nft.remove_rules(*TABLE, chain, COMMENT) > 0
        changed |= await legacy.remove(chain, COMMENT)
    return changed
