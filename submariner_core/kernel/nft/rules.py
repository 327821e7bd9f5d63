"""Rules of ours in tables of others, such as ``ip filter`` as iptables-nft makes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from submariner_core.kernel.expressions import Expression, Object
from submariner_core.kernel.nft import program


async def ensure_first_rules(
    family: str,
    table: str,
    chain: str,
    rules: Sequence[Sequence[Expression]],
    comment: str,
) -> bool:
    """Make ``rules``, all with this comment, stand first in the chain; true if anything changed.

    Only rules whose comment starts with the same word may stand before them. Those with this
    comment that are not wanted go, in the same transaction. No rules: the block is removed.
    Nothing happens where the chain does not exist. A short digest after the comment tells one
    version from another.
    """
    observed = await _rules(family, table, chain)
    if observed is None:
        return False
    written = json.dumps([list(rule) for rule in rules], sort_keys=True)
    marked = f"{comment} #{hashlib.sha256(written.encode()).hexdigest()[:12]}"
    present = [rule for rule in observed if _unmarked(rule) == comment]
    owner = comment.partition(" ")[0]
    leading = 0
    while leading < len(observed) and _owner(observed[leading]) == owner:
        leading += 1
    standing = [rule for rule in observed[:leading] if rule.get("comment") == marked]
    if len(present) == len(standing) == len(rules):
        return False
    place = {"family": family, "table": table, "chain": chain}
    commands: list[dict[str, Any]] = [
        {"insert": {"rule": {**place, "expr": list(rule), "comment": marked}}}
        for rule in reversed(rules)
    ]
    commands += ({"delete": {"rule": {**place, "handle": rule["handle"]}}} for rule in present)
    await program.apply(commands, f"rules {comment!r} in {family} {table} {chain}", "replace")
    return True


async def ensure_first_rule(
    family: str, table: str, chain: str, expr: list[Expression], comment: str
) -> bool:
    """One rule, first in its chain; see :func:`ensure_first_rules`."""
    return await ensure_first_rules(family, table, chain, [expr], comment)


async def remove_rules(family: str, table: str, chain: str, comment_prefix: str) -> int:
    """Remove the chain's rules whose comment starts so; returns how many there were."""
    observed = await _rules(family, table, chain) or []
    ours = [rule for rule in observed if rule.get("comment", "").startswith(comment_prefix)]
    place = {"family": family, "table": table, "chain": chain}
    commands = [{"delete": {"rule": {**place, "handle": rule["handle"]}}} for rule in ours]
    if commands:
        name = f"rules {comment_prefix!r} in {family} {table} {chain}"
        await program.apply(commands, name, "remove")
    return len(ours)


async def _rules(family: str, table: str, chain: str) -> list[Object] | None:
    name = f"nft chain {family} {table} {chain}"
    objects = await program.show("chain", family, table, chain, name=name)
    if objects is None:
        return None
    return [entry["rule"] for entry in objects if "rule" in entry]


def _unmarked(rule: Object) -> str:
    return str(rule.get("comment", "")).rpartition(" #")[0]


def _owner(rule: Object) -> str:
    return str(rule.get("comment", "")).partition(" ")[0]
