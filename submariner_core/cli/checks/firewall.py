"""Whether the node's own packet filter lets cross-cluster packets through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from submariner_core.cli.checks.finding import Finding, Subject, error, ok, warning
from submariner_core.kernel.nft import program

COMMENT = "submariner"
"""How the comments of our rules start."""
CHAINS = ("FORWARD", "INPUT")


async def host_filter(subject: Subject) -> Sequence[Finding]:
    """Our accept stands first in ``ip filter`` FORWARD and INPUT, where these chains exist."""
    stands = await subject.overlay_stands()
    return [await _chain(name, stands) for name in CHAINS]


async def _chain(name: str, stands: bool) -> Finding:
    check = f"filter {name}"
    objects = await program.show("chain", "ip", "filter", name, name=f"nft chain {name}")
    if objects is None:
        return ok(check, "there is no such chain")
    policy = next((one["chain"].get("policy") for one in objects if "chain" in one), None)
    rules = [one["rule"] for one in objects if "rule" in one]
    place = next((i for i, rule in enumerate(rules) if _is_ours(rule)), None)
    said = f"policy {policy}, {len(rules)} rules"
    if place == 0:
        return ok(check, f"{said}; our accept stands first")
    if place is not None:
        remedy = "the route agent puts it first again: see whether it runs, and what moves it"
        return warning(check, f"{said}; {place} before our accept", remedy)
    if policy != "drop" and not any(map(_refuses, rules)):
        return ok(check, f"{said}; nothing in it drops")
    if stands:
        remedy = "the route agent puts it there: see whether it runs, and what removes it"
        return error(check, f"{said}; our accept is missing", remedy)
    return warning(check, f"{said}", "the route agent puts an accept first when it starts")


async def other_filters(_: Subject) -> Sequence[Finding]:
    """Other tables whose forward chain drops by policy: an accept of ours does not help there."""
    objects = await program.show("chains", name="nft chains") or []
    dropping = [
        f"{chain['family']} {chain['table']} {chain['name']}"
        for chain in (one["chain"] for one in objects if "chain" in one)
        if chain.get("hook") == "forward"
        and chain.get("policy") == "drop"
        and (chain["family"], chain["table"]) != ("ip", "filter")
        and chain["family"] in {"ip", "inet"}
    ]
    if not dropping:
        return [ok("other filters", "no other forward chain drops by policy")]
    remedy = "accept traffic between the clusters' ranges there too (firewalld: its trusted zone)"
    return [warning("other filters", f"dropping by policy: {', '.join(dropping)}", remedy)]


def _is_ours(rule: Mapping[str, Any]) -> bool:
    return str(rule.get("comment", "")).startswith(COMMENT)


def _refuses(rule: Mapping[str, Any]) -> bool:
    """Whether the rule drops, or may: a jump leads to rules that are not looked at."""
    return any(
        verb in expression
        for expression in rule.get("expr", ())
        for verb in ("drop", "reject", "jump", "goto")
    )
