from __future__ import annotations

import io
from ipaddress import IPv4Address

from rich.console import Console
from submariner_lab.demo.finding import Finding, of_losses, of_reach, summary
from submariner_lab.losses import judge
from submariner_lab.matrix import Answer, Question, Relation
from submariner_lab.reach import Protocol

PEER = IPv4Address("10.1.1.2")
QUESTION = Question(
    Relation.POD_TO_POD, "pod of east-1", "ns", IPv4Address("10.2.1.2"), 7000, Protocol.TCP, PEER,
    "pod of west-1",
)  # fmt: skip


def test_one_failure_fails_its_relation_and_is_named() -> None:
    (finding,) = of_reach([Answer(QUESTION), Answer(QUESTION, "seen as 172.31.1.1")])
    assert not finding.held
    assert finding.detail == "1 of 2; seen as 172.31.1.1"


def test_an_outage_over_the_limit_fails() -> None:
    losses = judge([n * 1_000_000 for n in range(3000)], [*range(500), *range(2500, 3000)])
    assert of_losses("it went on", losses, limit=3.0).held
    short = of_losses("it went on", losses, limit=1.0)
    assert not short.held
    assert "outage 2,000 ms, 2,000 of 3,000 packets lost" in short.detail


def test_nothing_received_fails_whatever_the_limit() -> None:
    assert not of_losses("it went on", judge([1], []), limit=99).held


def test_the_summary_shows_every_finding() -> None:
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(summary([Finding("a claim", True, "12 of 12"), Finding("another", False)]))
    text = console.export_text()
    assert "ok" in text
    assert "FAILED" in text
    assert "12 of 12" in text
