"""What the demo does, in order."""

from __future__ import annotations

import asyncio
import time

from submariner_lab.demo.finding import Finding, of_losses, of_reach
from submariner_lab.demo.screen import Screen
from submariner_lab.errors import LabError
from submariner_lab.lab import Lab
from submariner_lab.matrix import questions, try_all
from submariner_lab.reach import Protocol

START = 120.0
TAKE_OVER = 30.0
OUTAGE_LIMIT = 10.0
"""Seconds; an outage beyond it fails the demo."""
BASELINE = 2.0


async def tell(lab: Lab, screen: Screen) -> list[Finding]:
    """The whole story; a step that fails ends it, and is the last finding."""
    findings: list[Finding] = []
    try:
        await _connect(lab, screen, findings)
        await _reach(lab, screen, findings)
        if lab.spec.gateways > 1 and lab.spec.clusters > 1:
            await _fail_over(lab, screen, findings)
    except LabError as error:
        screen.show(str(error))
        reason = str(error).partition("\n")[0]
        findings.append(Finding("the story came to its end", False, reason))
    return findings


async def _connect(lab: Lab, screen: Screen, findings: list[Finding]) -> None:
    began = time.monotonic()
    screen.step("gateways and route agents start; waiting for every cluster to be connected")

    def connected() -> bool:
        if ended := lab.ended():
            raise LabError(ended)
        return lab.connected()

    await lab.until(connected, START, "every cluster has an active, connected gateway")
    seconds = time.monotonic() - began
    pairs = lab.spec.clusters * (lab.spec.clusters - 1)
    findings.append(
        Finding("one active gateway in each cluster, connected to all others", True,
                f"{pairs} connections, {seconds:.1f} s after the start")
    )  # fmt: skip
    screen.step(f"connected after {seconds:.1f} s")


async def _reach(lab: Lab, screen: Screen, findings: list[Finding]) -> None:
    asked = questions(lab, (Protocol.TCP, Protocol.UDP))
    screen.step(f"asking {len(asked)} times across clusters: who sees whom, under which address")
    found = of_reach(await try_all(asked))
    for finding in found:
        screen.step(f"{finding.claim}: {finding.detail}")
    findings += found
    await screen.picture(lab)


async def _fail_over(lab: Lab, screen: Screen, findings: list[Finding]) -> None:
    here, there = lab.clusters[0], lab.clusters[1]
    victim, epoch = here.leader, here.epoch
    a, b = here.bystander, there.bystander
    await lab.until(lab.settled, START, "every standby is ready")
    screen.step(f"1 kHz of UDP each way between the pods of {a.site.name} and {b.site.name}")
    async with lab.flow(a, b) as flow:
        screen.flow = flow
        await flow.established()
        await asyncio.sleep(BASELINE)
        screen.step(f"power off {victim.site.name}, the active gateway of {here.name}")
        began = time.monotonic()
        victim.power_off()

        def taken_over() -> bool:
            return here.epoch > epoch and here.active is not victim

        await lab.until(taken_over, TAKE_OVER, "another gateway took over")
        successor, seconds = here.leader, time.monotonic() - began
        screen.step(f"{successor.site.name} took over after {seconds:.1f} s")
        await flow.flowing(500, TAKE_OVER)
    screen.flow = None
    change = f"{seconds:.1f} s after the power-off, epoch {epoch} -> {here.epoch}"
    findings.append(
        Finding(f"{successor.site.name} took over from {victim.site.name}", True, change)
    )
    for source, target, losses in (
        (a, b, flow.report.forth), (b, a, flow.report.back),
    ):  # fmt: skip
        claim = f"{source.site.name} -> {target.site.name} went on through the power-off"
        findings.append(of_losses(claim, losses, OUTAGE_LIMIT))
        screen.step(f"{claim}: {findings[-1].detail}")
    await lab.until(lab.connected, TAKE_OVER, "every cluster is connected again")
    answers = await try_all(questions(lab, without=(victim,)))
    failed = [answer.failure for answer in answers if answer.failure]
    detail = f"{len(answers) - len(failed)} of {len(answers)}" + "".join(
        f"; {f}" for f in failed[:1]
    )
    findings.append(
        Finding("everything that is left reaches everything again", not failed, detail)
    )
    await screen.picture(lab)
