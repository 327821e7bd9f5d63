"""``submariner gateway``: run this node's gateway."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from submariner_core.cli.settings_option import config_option


@click.group(invoke_without_command=True)
@config_option
@click.pass_context
def gateway(context: click.Context, config: Path | None) -> None:
    """Run this node's gateway until SIGTERM or SIGINT; the data path stays when it exits."""
    if context.invoked_subcommand is not None:
        return
    from submariner_core.api.info import Role
    from submariner_core.cli.checks.privileges import NET_ADMIN, NET_RAW, demand
    from submariner_core.config import Task, requested_task
    from submariner_core.config.node_marks import of_a_gateway
    from submariner_core.engine.gateway import Gateway
    from submariner_core.loading import load_from, load_on_node
    from submariner_core.observe.logs import configure

    task = requested_task(os.environ)
    if task is Task.WAIT_FOR_NODE:
        from submariner_core.cli.node.task import wait

        wait(config, os.environ)
        return
    roles = (Role.CABLE, Role.ELECTION, Role.BROKER, Role.EXTENSION)
    loaded = load_from(config, os.environ, roles=roles)
    configure(loaded.settings.log)
    if task is Task.UNINSTALL:
        from submariner_core.cli.node.task import uninstall

        uninstall(loaded, on_gateway=True)
        return
    demand(NET_ADMIN, *((NET_RAW,) if loaded.settings.health_check.enabled else ()))
    loaded, reread = load_on_node(loaded, config, os.environ, of_a_gateway, roles)
    asyncio.run(Gateway(loaded.settings, loaded, reread).run())


@gateway.command("hand-over")
@click.option("--to", help="The node to lead; without it, the ready one that reaches most.")
@config_option
@click.pass_context
def hand_over(context: click.Context, to: str | None, config: Path | None) -> None:
    """Give the lead to another gateway without losing a packet. Run it where the leader runs."""
    from submariner_core.config import load
    from submariner_core.engine.control import ask

    assert context.parent is not None
    settings = load(config or context.parent.params["config"], os.environ)
    answer = asyncio.run(ask(settings.state_dir, "hand-over", to=to))
    click.echo(f"{answer['taken']} leads now, epoch {answer['epoch']}")


@gateway.command()
@click.option(
    "--now", is_flag=True, help="At once, whoever sends through this gateway: packets may be lost."
)
@config_option
@click.pass_context
def renew(context: click.Context, now: bool, config: Path | None) -> None:
    """Have this host's gateway take up what waits for its next start, such as a new key.

    It hands over if it leads, and waits until nobody sends through it. The only gateway of its
    cluster sends by second cables meanwhile. Either way no packet is lost.
    """
    from submariner_core.config import load
    from submariner_core.engine.control import ask

    assert context.parent is not None
    settings = load(config or context.parent.params["config"], os.environ)
    answer = asyncio.run(ask(settings.state_dir, "renew", now=now))
    click.echo(f"renewed: {', '.join(answer['renewed'])}")


@gateway.command()
@click.argument("node", required=False)
@click.option("--off", is_flag=True, help="Nobody is pinned any more.")
@config_option
@click.pass_context
def pin(context: click.Context, node: str | None, off: bool, config: Path | None) -> None:
    """Have the gateway on NODE (without it, this one) lead whenever it is ready.

    The lead is handed to it, stays there, and goes back to it after it was down, until --off.
    Run it where the leader runs.
    """
    if off and node is not None:
        raise click.UsageError("--off takes no node")
    from submariner_core.config import load
    from submariner_core.engine.control import ask

    assert context.parent is not None
    settings = load(config or context.parent.params["config"], os.environ)
    answer = asyncio.run(ask(settings.state_dir, "pin", node="" if off else node))
    if not answer["pinned"]:
        click.echo("no gateway is pinned")
    elif answer["leads"]:
        click.echo(f"{answer['pinned']} is pinned and leads, epoch {answer['epoch']}")
    else:
        click.echo(f"{answer['pinned']} is pinned and will lead once it is ready")
