"""``submariner show``: what the datastore holds, as tables; of the broker, what is refused."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from submariner_core.api.errors import StoreError
from submariner_core.cli import tables
from submariner_core.cli.output import Column, output_option, render
from submariner_core.cli.settings_option import config_option
from submariner_core.cli.stores import read_store
from submariner_core.reconcile.stores import StoreView

if TYPE_CHECKING:
    from submariner_core.api.transport import Transport
    from submariner_core.loading import Loaded

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
    "transitions": (
        "The last changes of leadership and path, of all gateways and nodes.",
        lambda view, _: tables.transition_rows(view),
        _columns(
            *("time", "daemon", "node", "subject", "before", "after", "epoch", "cause"),
            *("evidence",),
        ),
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


@show.command(short_help="Stored records that are refused, and why.")
@config_option
@output_option
def malformed(config: Path | None, output: str) -> None:
    """Records of the datastore and of the broker that are refused, and why."""
    views = asyncio.run(_read_both(config))
    rows = [row for store, view in views.items() for row in tables.malformed_rows(view, store)]
    render(rows, _columns("store", "record", "reason"), output)


async def _read(config: Path | None) -> tuple[StoreView, str]:
    loaded = _load(config)
    return await _read_and_close(loaded.datastore()), loaded.settings.cluster_id


async def _read_both(config: Path | None) -> dict[str, StoreView]:
    """A broker that does not answer is said to be away; the datastore is shown nonetheless."""
    loaded = _load(config)
    views = {"datastore": await _read_and_close(loaded.datastore())}
    if (broker := loaded.broker()) is not None:
        try:
            views["broker"] = await _read_and_close(broker)
        except StoreError as error:
            click.echo(f"the broker is not shown: {error}", err=True)
    return views


def _load(config: Path | None) -> Loaded:
    from submariner_core.api.info import Role
    from submariner_core.loading import load_from

    return load_from(config, os.environ, roles=(Role.BROKER,))


async def _read_and_close(store: Transport) -> StoreView:
    try:
        return await read_store(store)
    finally:
        await store.close()


for _name, (_help, _build, _shown) in _TABLES.items():
    _command(_name, _help, _build, _shown)
