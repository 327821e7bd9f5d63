"""``submariner show``: what the datastore holds, as tables."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from submariner_core.cli import tables
from submariner_core.cli.output import Column, output_option, render
from submariner_core.cli.settings_option import config_option
from submariner_core.cli.stores import read_store
from submariner_core.reconcile.stores import StoreView

Build = Callable[[StoreView, str], Iterable[tables.Row]]


_SENTENCES = ("transitions",)
"""Columns whose entries have a line each."""


def _columns(*keys: str, wide: tuple[str, ...] = ()) -> tuple[Column, ...]:
    return tuple(Column(key, wide=key in wide, lines=key in _SENTENCES) for key in (*keys, *wide))


_TABLES: dict[str, tuple[str, Build, tuple[Column, ...]]] = {
    "gateways": (
        "The gateways of this cluster; -o wide adds the last transitions.",
        tables.gateway_rows,
        _columns(
            "node",
            "ha_status",
            "epoch",
            "ready",
            "pinned",
            "summary",
            wide=("slot", "version", "transitions"),
        ),
    ),
    "connections": (
        "Every connection of every gateway.",
        lambda view, _: tables.connection_rows(view),
        _columns(
            *("node", "gateway", "cluster", "remote_ip", "nat", "cable_driver", "subnets"),
            *("status", "rtt_avg"),
            wide=("message", "cable"),
        ),
    ),
    "endpoints": (
        "The Endpoints of all clusters.",
        tables.endpoint_rows,
        _columns(
            *("cluster", "gateway", "endpoint_ip", "public_ip", "cable_driver", "type"),
            *("in_use", "epoch"),
            wide=("stale", "subnets", "gateways", "claimed"),
        ),
    ),
    "clusters": (
        "The clusters of the clusterset.",
        tables.cluster_rows,
        _columns(
            "cluster", "type", "epoch", "service_cidr", "cluster_cidr", wide=("global_cidr",)
        ),
    ),
    "routeagents": (
        "What each node's route agent says.",
        lambda view, _: tables.route_agent_rows(view),
        _columns("node", "address", "cluster", "gateway", "status", "rtt_avg", "message"),
    ),
    "malformed": (
        "Stored records that are refused, and why.",
        lambda view, _: tables.malformed_rows(view),
        _columns("record", "reason"),
    ),
}


@click.group()
def show() -> None:
    """Show what this cluster's datastore holds."""


def _command(name: str, help_text: str, build: Build, columns: tuple[Column, ...]) -> None:
    @show.command(name, help=help_text, short_help=help_text)
    @config_option
    @output_option
    def command(config: Path | None, output: str) -> None:
        view, cluster_id = asyncio.run(_read(config))
        render(build(view, cluster_id), columns, output)


async def _read(config: Path | None) -> tuple[StoreView, str]:
    from submariner_core.api.info import Role
    from submariner_core.loading import load_from

    loaded = load_from(config, os.environ, roles=(Role.BROKER,))
    transport = loaded.datastore()
    try:
        return await read_store(transport), loaded.settings.cluster_id
    finally:
        await transport.close()


for _name, (_help, _build, _shown) in _TABLES.items():
    _command(_name, _help, _build, _shown)
