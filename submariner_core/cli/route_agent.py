"""``submariner route-agent``: run this node's route agent."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from submariner_core.cli.settings_option import config_option


@click.command("route-agent")
@config_option
def route_agent(config: Path | None) -> None:
    """Run this node's route agent until SIGTERM or SIGINT; the data path stays when it exits."""
    from submariner_core.api.info import Role
    from submariner_core.cli.checks.privileges import NET_ADMIN, demand
    from submariner_core.config import Task, requested_task
    from submariner_core.config.node_marks import of_a_node
    from submariner_core.loading import load_from, load_on_node
    from submariner_core.observe.logs import configure
    from submariner_core.routeagent.agent import RouteAgent

    task = requested_task(os.environ)
    if task is Task.WAIT_FOR_NODE:
        from submariner_core.cli.node.task import wait

        wait(config, os.environ)
        return
    roles = (Role.BROKER, Role.ROUTE, Role.EXTENSION)
    loaded = load_from(config, os.environ, roles=roles)
    configure(loaded.settings.log)
    if task is Task.UNINSTALL:
        from submariner_core.cli.node.task import uninstall

        uninstall(loaded, on_gateway=False)
        return
    demand(NET_ADMIN)  # it does most of its work without probes, and says so
    loaded, reread = load_on_node(loaded, config, os.environ, of_a_node, roles)
    asyncio.run(RouteAgent(loaded.settings, loaded, reread).run())
