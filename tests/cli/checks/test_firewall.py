"""The node's own packet filter, in nft's words."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from submariner_core.cli.checks import features, firewall, programs
from submariner_core.cli.checks.finding import Finding, Subject, Verdict
from submariner_core.kernel import Kernel
from tests.cli.checks.conftest import OVERLAY, Shell

pytestmark = [pytest.mark.netns, pytest.mark.usefixtures("node")]

OK, WARNING, ERROR = Verdict.OK, Verdict.WARNING, Verdict.ERROR
FORWARD = """\
table ip filter {
  chain FORWARD { type filter hook forward priority 0; policy drop; }
}
"""
OURS = 'rule ip filter FORWARD meta mark 0x2000 counter accept comment "submariner between #1"'


def nft(document: str) -> None:
    subprocess.run(["nft", "-f", "-"], input=document, text=True, check=True)


async def forward(kernel: Kernel) -> Finding:
    found = await firewall.host_filter(Subject(kernel))
    return next(finding for finding in found if finding.check == "filter FORWARD")


async def test_a_chain_that_drops_needs_our_accept_once_the_node_is_set_up(
    kernel: Kernel, shell: Shell
) -> None:
    assert (await forward(kernel)).detail == "there is no such chain"
    nft(FORWARD)
    assert (await forward(kernel)).verdict is WARNING
    shell(OVERLAY)
    missing = await forward(kernel)
    assert missing.verdict is ERROR
    assert missing.detail == "policy drop, 0 rules; our accept is missing"
    nft(f"add {OURS}")
    assert (await forward(kernel)).verdict is OK


async def test_our_accept_behind_another_rule_is_a_warning(kernel: Kernel) -> None:
    nft(FORWARD + f"add {OURS}\n")
    nft("insert rule ip filter FORWARD ct state invalid drop")
    found = await forward(kernel)
    assert found.verdict is WARNING
    assert "1 before our accept" in found.detail


async def test_a_chain_that_drops_nothing_needs_no_accept(kernel: Kernel, shell: Shell) -> None:
    shell(OVERLAY)
    nft(FORWARD.replace("policy drop", "policy accept"))
    assert (await forward(kernel)).verdict is OK
    nft("add rule ip filter FORWARD ct state invalid drop")
    assert (await forward(kernel)).verdict is ERROR


async def test_another_table_that_drops_is_named(kernel: Kernel) -> None:
    nft(FORWARD)
    (found,) = await firewall.other_filters(Subject(kernel))
    assert found.verdict is OK
    nft(FORWARD.replace("ip filter", "inet firewalld"))
    (found,) = await firewall.other_filters(Subject(kernel))
    assert found.verdict is WARNING
    assert "inet firewalld FORWARD" in found.detail


async def test_features_are_tried_without_a_trace(kernel: Kernel) -> None:
    def held() -> list[str]:
        commands = ("ip link", "ip rule", "ip nexthop", "nft list ruleset")
        return [subprocess.check_output(command.split(), text=True) for command in commands]

    before = held()
    found = await features.features(Subject(kernel))
    assert {finding.check: finding.verdict for finding in found} == {
        f"kernel: {name}": OK for name, _, _ in features.TRIALS
    }
    assert held() == before


async def test_a_feature_that_fails_says_how_and_what_to_do(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lacks(kernel: Kernel) -> None:
        await kernel.links.set("no-such-device", up=True)

    monkeypatch.setattr(features, "TRIALS", (("wings", lacks, "grow some"),))
    (found,) = await features.features(Subject(kernel))
    assert (found.verdict, found.remedy) == (ERROR, "grow some")
    assert "no-such-device" in found.detail


async def test_a_missing_program_names_its_package(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,) = await programs.nft(Subject(kernel))
    assert found.verdict is OK
    assert found.detail.startswith(str(shutil.which("nft")))
    monkeypatch.setenv("PATH", "/nonexistent")
    (found,) = await programs.nft(Subject(kernel))
    assert found.verdict is ERROR
    assert "package nftables" in found.remedy
    (found,) = await programs.iptables(Subject(kernel))
    assert found.verdict is OK
