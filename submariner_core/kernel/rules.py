"""Policy routing rules: which table answers for which packets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_network
from socket import AF_INET, AF_INET6

from submariner_core.api.naming import IPNetwork
from submariner_core.api.network import PROTOCOL, Rule
from submariner_core.kernel.errors import KernelError
from submariner_core.kernel.message import Message, Mode, Noun, Verb
from submariner_core.kernel.netlink import GONE, Netlink

_TO_TABLE, _UNREACHABLE = 1, 7
_INVERTED = 0x2
_OTHER_SELECTORS = (
    "FRA_GOTO",
    "FRA_FWMARK",
    "FRA_FLOW",
    "FRA_TUN_ID",
    "FRA_OIFNAME",
    "FRA_L3MDEV",
    "FRA_UID_RANGE",
    "FRA_IP_PROTO",
    "FRA_SPORT_RANGE",
    "FRA_DPORT_RANGE",
)
_UNSET = 0xFFFFFFFF


class Rules:
    """The policy routing rules of this namespace.

    A rule with neither source nor destination is an IPv4 rule.
    """

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink

    async def list(self) -> tuple[Rule, ...]:
        """Rules that :class:`Rule` can express, in the order in which the kernel asks them."""
        rules: list[Rule] = []
        for family in (AF_INET, AF_INET6):
            messages = await self._netlink.dump(Noun.RULE, {"family": family}, name="rules")
            found = [_rule(message) for message in messages if _expressible(message)]
            rules += (rule for rule in found if _family(rule) == family)
        return tuple(rules)

    async def ensure(self, rule: Rule) -> bool:
        """Add the rule if it is not there. True if it was added."""
        if rule in await self.list():
            return False
        await self._add(rule)
        return True

    async def delete(self, rule: Rule) -> bool:
        """Remove the rule. False if it was not there."""
        observed = await self.list()
        return rule in observed and await self._remove(rule, observed)

    async def reconcile(self, wanted: Iterable[Rule], mine: Callable[[Rule], bool]) -> int:
        """Make ``wanted`` so and remove other rules that are ``mine``; returns how many changed.

        Adds before it removes.
        """
        rules = dict.fromkeys(wanted)
        observed = await self.list()
        changes = 0
        for rule in rules:
            if rule not in observed:
                await self._add(rule)
                changes += 1
        for rule in observed:
            if rule not in rules and mine(rule):
                changes += await self._remove(rule, await self.list())
        return changes

    async def _add(self, rule: Rule) -> None:
        await self._change(rule, Verb.NEW, Mode.CREATE | Mode.EXCLUSIVE, "add")

    async def _remove(self, rule: Rule, observed: Iterable[Rule]) -> bool:
        # The kernel removes the first rule that has at least what the request names: rules that
        # say more stand aside meanwhile.
        narrower = [other for other in observed if other != rule and _says_more(other, rule)]
        for other in narrower:
            await self._change(other, Verb.DELETE, Mode.SET, "delete")
        try:
            await self._change(rule, Verb.DELETE, Mode.SET, "delete")
        except KernelError as error:
            if error.errno in GONE:
                return False
            raise
        finally:
            for other in narrower:
                await self._add(other)
        return True

    async def _change(self, rule: Rule, verb: Verb, mode: Mode, action: str) -> None:
        fields = {
            "family": _family(rule),
            "action": _UNREACHABLE if rule.table is None else _TO_TABLE,
            "src_len": rule.source.prefixlen if rule.source else 0,
            "dst_len": rule.destination.prefixlen if rule.destination else 0,
        }
        attributes: list[tuple[str, int | str]] = [("FRA_PRIORITY", rule.priority)]
        if verb is Verb.NEW:
            attributes.append(("FRA_PROTOCOL", PROTOCOL))
        if rule.table is not None:
            attributes.append(("FRA_TABLE", rule.table))
        if rule.source is not None:
            attributes.append(("FRA_SRC", str(rule.source.network_address)))
        if rule.destination is not None:
            attributes.append(("FRA_DST", str(rule.destination.network_address)))
        if rule.incoming is not None:
            attributes.append(("FRA_IIFNAME", rule.incoming))
        await self._netlink.change(
            Noun.RULE, verb, fields, attributes, mode=mode, name=describe(rule), action=action
        )


def describe(rule: Rule) -> str:
    """A rule as ``ip rule`` would write it."""
    words = [f"rule {rule.priority}: from {rule.source or 'all'}"]
    if rule.destination:
        words.append(f"to {rule.destination}")
    if rule.incoming:
        words.append(f"iif {rule.incoming}")
    words.append("unreachable" if rule.table is None else f"lookup {rule.table}")
    return " ".join(words)


def _says_more(other: Rule, rule: Rule) -> bool:
    def covers(wide: object, narrow: object) -> bool:
        return wide is None or wide == narrow

    return (
        (other.priority, other.table, _family(other)) == (rule.priority, rule.table, _family(rule))
        and covers(rule.source, other.source)
        and covers(rule.destination, other.destination)
        and covers(rule.incoming, other.incoming)
    )


def _family(rule: Rule) -> int:
    network: IPNetwork | None = rule.source or rule.destination
    return AF_INET if network is None or network.version == 4 else AF_INET6


def _expressible(message: Message) -> bool:
    if message["action"] not in {_TO_TABLE, _UNREACHABLE} or message["flags"] & _INVERTED:
        return False
    if message["tos"] or message.get("FRA_SUPPRESS_PREFIXLEN") not in {None, _UNSET}:
        return False
    return all(message.get(selector) is None for selector in _OTHER_SELECTORS)


def _rule(message: Message) -> Rule:
    source, destination = message.get("FRA_SRC"), message.get("FRA_DST")
    return Rule(
        priority=message.get("FRA_PRIORITY") or 0,
        table=None if message["action"] == _UNREACHABLE else message.get("FRA_TABLE"),
        source=ip_network(f"{source}/{message['src_len']}") if source else None,
        destination=ip_network(f"{destination}/{message['dst_len']}") if destination else None,
        incoming=message.get("FRA_IIFNAME"),
    )
