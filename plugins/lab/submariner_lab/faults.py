"""Faults on the underlay. They are rules on the wan's bridge: nobody's kernel but the wan's knows.

What happens to single processes (kill, SIGTERM, SIGSTOP) is in :mod:`submariner_lab.process`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from submariner_lab import namespaces
from submariner_lab.blueprint import Blueprint, Member, NodeSite
from submariner_lab.wire import Wire, egress

EMPTY = """
table bridge faults {}
delete table bridge faults
table netdev faults {}
delete table netdev faults
"""
ALL = 100


@dataclass(eq=False, slots=True)
class Fault:
    """What is wrong with the way from one set of members to another.

    ``loss`` percent of the packets are dropped, at random; what remains goes over the slow
    ``wire``, if there is one. ``heal`` mends it, twice is fine.
    """

    sources: tuple[Member, ...]
    destinations: tuple[Member, ...]
    one_way: bool
    faults: Faults = field(repr=False)
    loss: int = ALL
    wire: Wire | None = None

    @property
    def ways(self) -> Iterator[tuple[tuple[Member, ...], tuple[Member, ...]]]:
        """From whom to whom: once or, unless ``one_way``, twice."""
        if self.sources and self.destinations:
            yield self.sources, self.destinations
            if not self.one_way:
                yield self.destinations, self.sources

    def heal(self) -> None:
        """Mend this fault; others stay."""
        self.faults.heal(self)


class Faults:
    """The faults that are in force in one lab; ``folder`` is for logs."""

    def __init__(self, blueprint: Blueprint, folder: Path) -> None:
        self._blueprint = blueprint
        self._folder = folder
        self._faults: list[Fault] = []
        self._wires = 0

    def partition(
        self, sources: Iterable[Member], destinations: Iterable[Member], *, one_way: bool = False
    ) -> Fault:
        """Drop what ``sources`` send to ``destinations``, and back unless ``one_way``."""
        return self._add(Fault(tuple(sources), tuple(destinations), one_way, self))

    def lose(
        self,
        sources: Iterable[Member],
        destinations: Iterable[Member],
        percent: int,
        *,
        one_way: bool = False,
    ) -> Fault:
        """Drop so many percent of the packets, each way unless ``one_way``, at random."""
        return self._add(Fault(tuple(sources), tuple(destinations), one_way, self, percent))

    def delay(
        self,
        sources: Iterable[Member],
        destinations: Iterable[Member],
        seconds: float,
        *,
        one_way: bool = False,
    ) -> Fault:
        """Let IP packets arrive so much later, each way unless ``one_way``.

        Raises :class:`LabTimeout` when the wire cannot be had.
        """
        self._wires += 1
        wire = Wire(self._blueprint.wan_netns, f"slow{self._wires}", seconds, self._folder)
        wire.build()
        return self._add(Fault(tuple(sources), tuple(destinations), one_way, self, 0, wire))

    def isolate(self, member: Member) -> Fault:
        """Cut one member (a store, a node) off from every other."""
        others = (other for other in self._blueprint.members if other.name != member.name)
        return self.partition((member,), others)

    def lose_uplink(self, node: NodeSite) -> Fault:
        """Cut a node off from the other clusters; its own cluster and all stores stay."""
        remote = (n for n in self._blueprint.nodes if n.cluster_id != node.cluster_id)
        return self.partition((node,), remote)

    def heal(self, fault: Fault | None = None) -> None:
        """Mend one fault, or all."""
        mended = [one for one in self._faults if fault is None or one is fault]
        self._faults = [one for one in self._faults if one not in mended]
        self._apply()
        for wire in wires(mended):
            wire.remove()

    def unplug(self, member: Member) -> None:
        """Take a member's link away at once: no packet in either direction."""
        namespaces.batch((f"link set {member.name} down",), self._blueprint.wan_netns)

    def reap(self) -> None:
        """Collect the programs of slow wires when the lab's namespaces are gone."""
        for wire in wires(self._faults):
            wire.process.reap()

    def _add(self, fault: Fault) -> Fault:
        self._faults.append(fault)
        self._apply()
        return fault

    def _apply(self) -> None:
        rules = EMPTY + ruleset(self._faults) + slow_ruleset(self._faults)
        namespaces.nft(self._blueprint.wan_netns, rules)


def wires(faults: Iterable[Fault]) -> tuple[Wire, ...]:
    """The slow wires of these faults."""
    return tuple(fault.wire for fault in faults if fault.wire is not None)


def ruleset(faults: Iterable[Fault]) -> str:
    """The rules that drop packets; nothing at all for none."""
    rules = [
        f"iifname {_ports(sources)} oifname {_ports(destinations)} {_share(fault.loss)}drop"
        for fault in faults
        if fault.loss
        for sources, destinations in fault.ways
    ]
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


def slow_ruleset(faults: Iterable[Fault]) -> str:
    """The rules that send packets over slow wires; nothing at all for none."""
    by_port: dict[str, list[str]] = {}
    slow = [(fault, fault.wire) for fault in faults if fault.wire is not None]
    for fault, wire in slow:
        for sources, destinations in fault.ways:
            for member in destinations:
                by_port.setdefault(member.name, []).append(wire.rule(sources))
    if not by_port:
        return ""
    chains = [wire.marking() for _, wire in slow]
    chains += [egress(port, rules) for port, rules in by_port.items()]
    return "\ntable netdev faults {" + "".join(chains) + "\n}\n"


def _share(percent: int) -> str:
    return "" if percent >= ALL else f"numgen random mod {ALL} < {percent} "


def _ports(members: Iterable[Member]) -> str:
    names = ", ".join(f'"{member.name}"' for member in members)
    return f"{{ {names} }}"
