"""What an operator tells running daemons: who is to lead, and how they are to fail over."""

from __future__ import annotations

import re
import signal

import pytest
from submariner_lab import Lab
from submariner_lab.process import Process

from tests.integration.gateway_command import gateway
from tests.integration.logs import Logs

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]
TAKE_OVER, SETTLE = 20.0, 40.0


async def test_a_pinned_gateway_leads_at_once_and_again_after_it_was_down(lab: Lab) -> None:
    east, west = lab.clusters
    before, epoch = east.leader, east.epoch
    (chosen,) = (node for node in east.candidates if node is not before)
    name = chosen.site.name
    try:
        async with lab.flow(east.nodes[-1], west.nodes[-1]) as flow:
            await flow.established()
            code, said = await gateway(before, "pin", name)
            assert (code, said) == (0, f"{name} is pinned and leads, epoch {epoch + 1}")
            await lab.until(lambda: east.active is chosen, TAKE_OVER, "the pinned one leads")
            code, said = await gateway(chosen, "hand-over", "--to", before.site.name)
            assert code == 1
            assert f"the lead is pinned to {name}" in said

            chosen.gateway.kill()
            await lab.until(lambda: east.active is before, TAKE_OVER, "the other one leads")
            chosen.gateway.start()
            await lab.until(lambda: east.active is chosen, SETTLE, "the pinned one leads again")
            await flow.flowing(500)
        assert flow.report.lost == 0

        def given() -> bool:
            causes = [t.cause for t in east.gateways[before.site.name].status.transitions]
            return causes[-1].endswith(f": the lead is pinned to {name}")

        await lab.until(given, TAKE_OVER, "the other one says why it gave the lead away")
    finally:
        await lab.until(lambda: east.active is not None, TAKE_OVER)
        assert await gateway(east.leader, "pin", "--off") == (0, "no gateway is pinned")


async def test_the_lead_is_handed_to_the_gateway_that_is_named_and_to_no_other(lab: Lab) -> None:
    east, west = lab.clusters
    leader, epoch = east.leader, east.epoch
    (standby,) = (node for node in east.candidates if node is not leader)
    async with lab.flow(east.nodes[-1], west.nodes[-1]) as flow:
        await flow.established()
        code, said = await gateway(leader, "hand-over", "--to", east.nodes[-1].site.name)
        assert code == 1
        assert said.endswith(f"ready: {standby.site.name}")
        assert (east.leader, east.epoch) == (leader, epoch)
        code, said = await gateway(standby, "hand-over")
        assert code == 1
        assert f"run this on {leader.site.name}" in said
        code, said = await gateway(leader, "hand-over", "--to", standby.site.name)
        assert (code, said) == (0, f"{standby.site.name} leads now, epoch {epoch + 1}")
        await lab.until(lambda: east.active is standby, TAKE_OVER, "the named one leads")
        await flow.flowing(500)
    assert flow.report.lost == 0


async def test_daemons_take_up_changed_failover_settings_while_they_run(lab: Lab) -> None:
    east, west = lab.clusters
    victim, worker, remote = east.leader, east.nodes[-1], west.leader
    daemons = {worker: worker.route_agent, remote: remote.gateway}
    settings = {node: node.config.read_text() for node in daemons}
    pids = [daemon.pid for daemon in daemons.values()]
    logs = Logs(lab)

    def events(daemon: Process, event: str, words: str = "") -> list[str]:
        return [
            line.rest
            for line in logs.lines()
            if (line.daemon, line.event) == (daemon.name, event) and re.search(words, line.rest)
        ]

    try:
        for node, daemon in daemons.items():
            node.config.write_text(settings[node] + "failover: {evidence: false}\n")
            daemon.signal(signal.SIGHUP)

        def reloaded() -> bool:
            return all(events(one, "reloaded", "'evidence': False") for one in daemons.values())

        await lab.until(reloaded, 10, "both have read their settings again")
        epoch = east.epoch
        victim.power_off()
        await lab.until(lambda: east.epoch > epoch, TAKE_OVER, "another gateway took over")
        await lab.until(
            lambda: all(events(one, "path-moved") for one in daemons.values()),
            TAKE_OVER,
            "they follow the new leader",
        )
        for daemon in daemons.values():
            assert events(daemon, "path-down")
            assert not events(daemon, "path-moved", "does not answer")
        assert [daemon.pid for daemon in daemons.values()] == pids
    finally:
        for node, daemon in daemons.items():
            node.config.write_text(settings[node])
            daemon.signal(signal.SIGHUP)
