"""``submariner``: the command line. Each command is imported only when it is called."""

from __future__ import annotations

import importlib.util

import click

from submariner_core import __version__
from submariner_core.cli.lazy import LazyCommand, LazyGroup

_TABLE = {
    "gateway": ("gateway:gateway", "Run this node's gateway."),
    "route-agent": ("route_agent:route_agent", "Run this node's route agent."),
    "check": ("check:check", "Judge a settings file and its plugins, opening nothing."),
    "plugins": ("plugins:plugins", "List the installed plugins."),
    "show": ("show:show", "Show gateways, connections, endpoints, clusters, route agents."),
    "diagnose": ("diagnose:diagnose", "Look for what stands in the way of traffic."),
    "cleanup": ("cleanup:cleanup", "Remove every trace from this node."),
    "forget": ("forget:forget", "Remove a cluster that is gone for good."),
    "completion": ("completion:completion", "Print the completion script for a shell."),
}


def _existing() -> dict[str, LazyCommand]:
    found = {}
    for name, (target, words) in _TABLE.items():
        module, _, attribute = target.partition(":")
        path = f"submariner_core.cli.{module}"
        if importlib.util.find_spec(path):
            found[name] = LazyCommand(f"{path}:{attribute}", words)
    return found


@click.group(
    cls=LazyGroup, lazy=_existing(), context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="submariner")
def main() -> None:
    """Connect the pods and services of Kubernetes clusters by their own addresses."""
