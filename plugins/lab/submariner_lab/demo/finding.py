"""What the demo found out, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from submariner_lab.losses import Losses
from submariner_lab.matrix import Answer, Relation


@dataclass(frozen=True, slots=True)
class Finding:
    """One claim, whether it held, and the numbers."""

    claim: str
    held: bool
    detail: str = ""


def of_reach(answers: Sequence[Answer]) -> list[Finding]:
    """One finding for each relation that was tried."""
    findings = []
    for relation in Relation:
        tried = [answer for answer in answers if answer.question.relation is relation]
        failed = [answer for answer in tried if answer.failure]
        if tried:
            detail = f"{len(tried) - len(failed)} of {len(tried)}"
            if failed:
                detail += f"; {failed[0].failure}"
            findings.append(Finding(relation.value, not failed, detail))
    return findings


def of_losses(claim: str, losses: Losses, limit: float) -> Finding:
    """One direction of a flow: it held if packets arrived and the outage was under ``limit`` s."""
    detail = (
        f"outage {losses.outage * 1000:,.0f} ms, {losses.lost:,} of {losses.sent:,} packets lost"
    )
    return Finding(claim, losses.received > 0 and losses.outage < limit, detail)


def summary(findings: Sequence[Finding]) -> Table:
    """All findings as a table."""
    table = Table(title="summary", title_justify="left", show_header=False)
    table.add_column("held")
    table.add_column("claim", overflow="fold")
    table.add_column("detail", overflow="fold")
    for finding in findings:
        mark = "[green]ok[/]" if finding.held else "[red]FAILED[/]"
        table.add_row(mark, finding.claim, finding.detail)
    return table
