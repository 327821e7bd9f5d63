"""Scenarios of gateway processes that end, hang, or are told to leave."""

from __future__ import annotations

import asyncio
import time

from submariner_lab.failover.scenario import Scenario
from submariner_lab.failover.stage import Impossible, Stage
from submariner_lab.node import Node
from submariner_lab.program import program

LEAVE = 60.0
"""Seconds that a gateway has to hand over, to drain and to exit."""
HANG, QUICK_HANG = 10.0, 6.0
COMMAND = 30.0


async def _kill(stage: Stage) -> None:
    stage.mark(f"kill -9 the gateway process of {stage.active.site.name}")
    stage.active.gateway.kill()
    await stage.until_led()


async def _sigterm(stage: Stage) -> None:
    stage.mark(f"SIGTERM to the gateway process of {stage.active.site.name}")
    stage.facts["exit"] = await _leave(stage.active)
    await stage.until_led()


async def _leave(node: Node) -> str:
    """SIGTERM, and the end of the process: its status and how long that took."""
    began = time.monotonic()
    node.gateway.terminate()
    status = await node.gateway.wait(LEAVE)
    return f"{node.site.name}: status {status} after {time.monotonic() - began:.1f} s"


async def _hand_over(stage: Stage) -> None:
    node = stage.active
    stage.mark(f"submariner gateway hand-over on {node.site.name}")
    command = (program(), "gateway", "hand-over", "--config", str(node.config))
    process = await asyncio.create_subprocess_exec(
        *("ip", "netns", "exec", node.site.netns, *command),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(COMMAND):
            output, _ = await process.communicate()
    except TimeoutError:
        raise Impossible(f"`submariner gateway hand-over` had no end in {COMMAND:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
    answer = output.decode(errors="replace").strip()
    if process.returncode:
        raise Impossible(f"`submariner gateway hand-over`: {answer}")
    stage.facts["answer"] = answer
    await stage.until_led()


async def _upgrade(stage: Stage) -> None:
    exits = []
    for node in (stage.active, stage.standby):
        stage.mark(f"SIGTERM to the gateway process of {node.site.name}")
        exits.append(await _leave(node))
        stage.mark(f"start the gateway process of {node.site.name}")
        node.gateway.start()
        await stage.until_ready(node)
    stage.facts["exits"] = exits
    await stage.until_settled()


async def _sigstop(stage: Stage) -> None:
    node = stage.active
    stage.mark(f"SIGSTOP to the gateway process of {node.site.name}")
    node.gateway.freeze()
    await asyncio.sleep(QUICK_HANG if stage.quick else HANG)
    stage.mark(f"SIGCONT to the gateway process of {node.site.name}")
    node.gateway.thaw()
    await stage.until_settled()


SCENARIOS = (
    Scenario("kill", "the active gateway process gets SIGKILL and stays dead", _kill),
    Scenario("sigterm", "the active gateway process gets SIGTERM and stays away", _sigterm),
    Scenario("hand-over", "`submariner gateway hand-over` on the active gateway", _hand_over),
    Scenario("upgrade", "every gateway of a cluster is restarted in turn", _upgrade),
    Scenario("sigstop", "the active gateway process hangs for a while", _sigstop),
)
