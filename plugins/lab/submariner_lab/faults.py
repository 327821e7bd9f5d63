"""Faults on the underlay. They are rules on the wan's bridge: nobody's kernel but the wan's knows.

What happens to single processes (kill, SIGTERM, SIGSTOP) is in :mod:`submariner_lab.process`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from submariner_lab import namespaces
from submariner_lab.blueprint import Blueprint, Member, NodeSite

EMPTY = "table bridge faults {}\ndelete table bridge faults\n"


@dataclass(eq=False, slots=True)
class Partition:
    """A cut from one set of members to another; ``heal`` mends it, twice is fine."""

    sources: tuple[Member, ...]
    destinations: tuple[Member, ...]
    one_way: bool
    faults: Faults = field(repr=False)

    def heal(self) -> None:
        """Mend this cut; others stay."""
        self.faults.heal(self)


class Faults:
    """The cuts that are in force in one lab."""

    def __init__(self, blueprint: Blueprint) -> None:
        self._blueprint = blueprint
        self._cuts: list[Partition] = []

    def partition(
        self, sources: Iterable[Member], destinations: Iterable[Member], *, one_way: bool = False
    ) -> Partition:
        """Drop what ``sources`` send to ``destinations``, and back unless ``one_way``."""
        cut = Partition(tuple(sources), tuple(destinations), one_way, self)
        self._cuts.append(cut)
        self._apply()
        return cut

    def isolate(self, member: Member) -> Partition:
        """Cut one member (a store, a node) off from every other."""
        others = (other for other in self._blueprint.members if other.name != member.name)
        return self.partition((member,), others)

    def lose_uplink(self, node: NodeSite) -> Partition:
        """Cut a node off from the other clusters; its own cluster and all stores stay."""
        remote = (n for n in self._blueprint.nodes if n.cluster_id != node.cluster_id)
        return self.partition((node,), remote)

    def heal(self, cut: Partition | None = None) -> None:
        """Mend one cut, or all."""
        self._cuts = [c for c in self._cuts if cut is not None and c is not cut]
        self._apply()

    def unplug(self, member: Member) -> None:
        """Take a member's link away at once: no packet in either direction."""
        namespaces.batch((f"link set {member.name} down",), self._blueprint.wan_netns)

    def _apply(self) -> None:
        namespaces.nft(self._blueprint.wan_netns, EMPTY + ruleset(self._cuts))


def ruleset(cuts: Iterable[Partition]) -> str:
    """The rules of these cuts; nothing at all for none."""
    rules = []
    for cut in cuts:
        rules.append(_drop(cut.sources, cut.destinations))
        if not cut.one_way:
            rules.append(_drop(cut.destinations, cut.sources))
    rules = [rule for rule in rules if rule]
    if not rules:
        return ""
    body = "\n".join(f"        {rule}" for rule in rules)
    return f"""
table bridge faults {{
    chain forward {{
        type filter hook forward priority filter; policy accept;
{body}
    }}
}}
"""


def _drop(sources: Iterable[Member], destinations: Iterable[Member]) -> str:
    a, b = _ports(sources), _ports(destinations)
    return f"iifname {a} oifname {b} drop" if a and b else ""


def _ports(members: Iterable[Member]) -> str:
    names = ", ".join(f'"{member.name}"' for member in members)
    return f"{{ {names} }}" if names else ""
