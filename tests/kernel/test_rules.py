from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

import pytest

from submariner_core.kernel import Rule
from submariner_core.kernel.rules import describe

pytestmark = pytest.mark.netns

OWN, PEER = IPv4Network("10.1.0.1/32"), IPv4Network("10.2.0.1/32")
SHAPES = [
    Rule(100, 100, incoming="vx-test"),
    Rule(101, None, incoming="vx-test"),
    Rule(100, 100, source=OWN, destination=PEER),
    Rule(150, 1000, source=IPv4Network("10.1.0.0/16")),
    Rule(150, 150),
    Rule(150, 100, incoming="lo", destination=IPv4Network("10.2.0.0/16")),
    Rule(150, 100, source=IPv6Network("fd00::/64")),
]


def ours(rule: Rule) -> bool:
    return 90 <= rule.priority < 200


@pytest.mark.parametrize("rule", SHAPES, ids=describe)
async def test_every_shape_is_made_once_and_removed_once(kernel, writes, rule):
    assert await kernel.rules.ensure(rule)
    assert not await kernel.rules.ensure(rule)
    assert [found for found in await kernel.rules.list() if ours(found)] == [rule]

    assert await kernel.rules.delete(rule)
    assert not await kernel.rules.delete(rule)
    assert writes == [f"add {describe(rule)}", f"delete {describe(rule)}"]


async def test_the_kernels_own_rules_are_listed(kernel):
    assert [(rule.priority, rule.table) for rule in await kernel.rules.list()] == [
        (0, 255),
        (32766, 254),
        (32767, 253),
    ]


async def test_reconcile_makes_the_rules_so_and_then_writes_nothing(kernel, writes):
    for rule in SHAPES[:4]:
        await kernel.rules.ensure(rule)
    writes.clear()
    wanted = SHAPES[2:]

    assert await kernel.rules.reconcile(wanted, ours) == 5
    assert {rule for rule in await kernel.rules.list() if ours(rule)} == set(wanted)
    assert [line.split()[0] for line in writes] == ["add"] * 3 + ["delete"] * 2

    assert await kernel.rules.reconcile(wanted, ours) == 0
    assert len(writes) == 5


async def test_reconcile_replaces_the_from_all_rule_of_upstream(kernel, shell):
    shell("ip rule add from all lookup 150 prio 150")
    wanted = [Rule(150, 100, source=IPv4Network("10.1.0.0/16"))]

    assert await kernel.rules.reconcile(wanted, lambda rule: rule.table in {100, 150}) == 2
    assert [rule for rule in await kernel.rules.list() if ours(rule)] == wanted


async def test_rules_with_other_selectors_are_not_shown_and_stay(kernel, shell):
    shell(
        "ip rule add fwmark 0x10 lookup 150 prio 150; ip rule add not from 10.9.0.0/16 lookup 150"
        " prio 151; ip rule add lookup main suppress_prefixlength 0 prio 152;"
        " ip rule add ipproto udp dport 53 lookup 150 prio 153; ip rule add prohibit prio 154"
    )

    assert await kernel.rules.reconcile((), ours) == 0
    assert len(shell("ip rule show").splitlines()) == 8


async def test_deleting_a_wide_rule_leaves_narrower_ones_of_its_priority(kernel):
    narrow = Rule(100, 100, source=OWN, destination=PEER, incoming="lo")
    middle = Rule(100, 100, source=OWN, destination=PEER)
    for rule in (narrow, middle):
        await kernel.rules.ensure(rule)

    assert await kernel.rules.delete(middle)

    assert [rule for rule in await kernel.rules.list() if ours(rule)] == [narrow]
