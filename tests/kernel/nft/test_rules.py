from __future__ import annotations

import shutil
from ipaddress import IPv4Network

import pytest

from submariner_core.kernel import expressions as x
from submariner_core.kernel import nft

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(
        shutil.which("iptables-nft") is None,
        reason="the program 'iptables-nft' is absent: apt-get install iptables",
    ),
]

LOCAL, REMOTE = IPv4Network("10.1.0.0/16"), IPv4Network("10.2.0.0/16")
CHAIN = ("ip", "filter", "FORWARD")
PAIRS = [
    [x.source(LOCAL), x.destination(REMOTE), x.accept()],
    [x.source(REMOTE), x.destination(LOCAL), x.accept()],
]


@pytest.fixture
def forward(shell):
    """A FORWARD chain as kube-proxy leaves it; returns its rules as iptables shows them."""
    shell(
        "iptables-nft -P FORWARD DROP;"
        " iptables-nft -A FORWARD -m conntrack --ctstate INVALID -j DROP;"
        " iptables-nft -A FORWARD -s 10.1.0.0/16 -j ACCEPT"
    )

    def rules() -> list[str]:
        return shell("iptables-nft -S FORWARD").splitlines()[1:]

    return rules


async def test_rules_stand_first_in_their_order_as_iptables_reads_them(forward):
    assert await nft.ensure_first_rules(*CHAIN, PAIRS, "submariner forward")

    rules = forward()
    assert rules[0].startswith("-A FORWARD -s 10.1.0.0/16 -d 10.2.0.0/16 -m comment --comment")
    assert rules[0].endswith("-j ACCEPT")
    assert rules[1].startswith("-A FORWARD -s 10.2.0.0/16 -d 10.1.0.0/16 -m comment")
    assert len(rules) == 4


async def test_rules_that_stand_are_left_alone(forward):
    await nft.ensure_first_rules(*CHAIN, PAIRS, "submariner forward")

    assert not await nft.ensure_first_rules(*CHAIN, PAIRS, "submariner forward")


async def test_two_blocks_of_one_owner_do_not_fight_for_the_first_place(forward):
    overlay = [x.udp_port(4800), x.accept()]
    await nft.ensure_first_rules(*CHAIN, PAIRS, "submariner forward")
    await nft.ensure_first_rule(*CHAIN, overlay, "submariner overlay")

    assert not await nft.ensure_first_rules(*CHAIN, PAIRS, "submariner forward")
    assert not await nft.ensure_first_rule(*CHAIN, overlay, "submariner overlay")
    assert len(forward()) == 5


@pytest.mark.parametrize(
    "meddling",
    [
        "iptables-nft -F FORWARD",
        "iptables-nft -I FORWARD -j DROP",
        "iptables-nft -D FORWARD 1",
    ],
    ids=["flushed", "pushed down", "one removed"],
)
async def test_rules_are_put_back(forward, shell, meddling):
    await nft.ensure_first_rules(*CHAIN, PAIRS, "submariner forward")
    shell(meddling)

    assert await nft.ensure_first_rules(*CHAIN, PAIRS, "submariner forward")

    assert ["submariner" in rule for rule in forward()][:2] == [True, True]
    assert sum("submariner" in rule for rule in forward()) == 2


async def test_changed_rules_replace_the_old_ones(forward):
    await nft.ensure_first_rules(*CHAIN, PAIRS, "submariner forward")

    assert await nft.ensure_first_rules(*CHAIN, PAIRS[:1], "submariner forward")
    assert sum("submariner" in rule for rule in forward()) == 1

    assert await nft.ensure_first_rules(*CHAIN, [], "submariner forward")
    assert sum("submariner" in rule for rule in forward()) == 0


async def test_removal_takes_ours_only(forward):
    before = forward()
    await nft.ensure_first_rules(*CHAIN, PAIRS, "submariner forward")
    await nft.ensure_first_rule(*CHAIN, [x.udp_port(4800), x.accept()], "submariner overlay")

    assert await nft.remove_rules(*CHAIN, "submariner ") == 3
    assert await nft.remove_rules(*CHAIN, "submariner ") == 0
    assert forward() == before


async def test_where_the_chain_does_not_exist_nothing_happens(netns, shell):
    assert not await nft.ensure_first_rules(*CHAIN, PAIRS, "submariner forward")
    assert await nft.remove_rules(*CHAIN, "submariner ") == 0
    assert shell("nft list ruleset") == ""


async def test_iptables_saves_and_restores_our_rules_unharmed(forward, shell):
    await nft.ensure_first_rules(*CHAIN, PAIRS, "submariner forward")
    before = forward()

    shell("iptables-nft-save | iptables-nft-restore")

    assert forward() == before
