"""What an operator reads at 3 am, after the active gateway's node has lost its power."""

from __future__ import annotations

import pytest
from submariner_lab import Lab

from tests.integration.logs import Line, Logs

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


async def test_the_logs_and_transitions_of_a_power_off_tell_the_story_in_order(lab: Lab) -> None:
    east, west = lab.clusters
    victim, epoch = east.leader, east.epoch
    (successor,) = (node for node in east.candidates if node is not victim)
    remote, worker = west.leader, east.bystander
    logs = Logs(lab)

    def first(daemon: str, event: str, *words: str) -> Line | None:
        told = (line for line in logs.lines() if (line.daemon, line.event) == (daemon, event))
        return next((line for line in told if all(word in line.rest for word in words)), None)

    there, here = f"gateway of {remote.site.name}", f"gateway of {successor.site.name}"
    node, name = f"route-agent of {worker.site.name}", victim.site.name
    victim.power_off()
    stories = {
        "the other cluster's gateway": (
            (there, "path-down", "east", "misses="),
            (there, "path-moved", "cluster=east", "does not answer", "misses in"),
        ),
        "a node of the same cluster": (
            (node, "path-down", name, "misses="),
            (node, "path-moved", f"before={name}", "does not answer", "misses in"),
        ),
        "the successor": (
            (here, "taking-the-lease", name, "expired"),
            (here, "leadership-changed", "active=True", "expired", "no renewal for"),
            (here, "put", "Cluster", f"epoch={epoch + 1}", "store=datastore"),
            (here, "put", "Endpoint", f"epoch={epoch + 1}", "store=datastore"),
        ),
        "the successor, at the broker meanwhile": (
            (here, "leadership-changed", "active=True", "expired", "no renewal for"),
            (here, "put", "Endpoint", f"epoch={epoch + 1}", "store=broker"),
        ),
    }
    told: dict[str, list[Line]] = {}
    for who, story in stories.items():

        def whole(story: tuple[tuple[str, ...], ...] = story) -> bool:
            return all(first(*chapter) for chapter in story)

        await lab.until(whole, 30, f"{who} has told: {story}")
        told[who] = [line for chapter in story if (line := first(*chapter)) is not None]
        assert told[who] == sorted(told[who], key=lambda line: line.time)
    led = told["the successor"][1]
    for who in ("the other cluster's gateway", "a node of the same cluster"):
        assert told[who][1].time < led.time, "who sends moves before anyone leads"

    def published() -> bool:
        agents = lab.view.route_agents(east.store.site.name)
        gateways = lab.view.gateways(west.store.site.name)
        said = [t for one in (*agents, *gateways) for t in one.status.transitions]
        return {f"node {worker.site.name}", "path to east"} <= {
            one.subject for one in said if "misses in" in one.evidence
        }

    await lab.until(published, 20, "transitions with evidence are published")
