"""The live table: gateways, connections, round-trip times, bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from submariner_core.api.model import Connection, ConnectionStatus, GatewayObject, HAStatus
from submariner_lab.lab import Lab
from submariner_lab.node import Node
from submariner_lab.scrape import Traffic

BLANK = ("",) * 6
COLOURS = {
    ConnectionStatus.CONNECTED: "green",
    ConnectionStatus.CONNECTING: "yellow",
    ConnectionStatus.ERROR: "red",
    ConnectionStatus.NONE: "dim",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; plain text in ``cells``, a colour for the status."""

    cells: tuple[str, ...]
    colour: str


def rows(lab: Lab, traffic: Mapping[str, Sequence[Traffic]]) -> list[Row]:
    """One line for each connection of each gateway (one for a gateway without any)."""
    found = []
    for cluster in lab.clusters:
        active, gateways = cluster.active, cluster.gateways
        for node in cluster.candidates:
            gateway = gateways.get(node.site.name)
            found += _gateway(node, gateway, node is active, traffic.get(node.site.name, ()))
    return found


def _gateway(
    node: Node,
    gateway: GatewayObject | None,
    active: bool,
    traffic: Sequence[Traffic],
) -> list[Row]:
    name = node.site.name
    if not node.alive:
        return [Row((name, "powered off", *BLANK), "red")]
    if gateway is None:
        return [Row((name, "starting", *BLANK), "yellow")]
    status = gateway.status.ha_status
    # A record of a former active is stale until its process writes again.
    shown = status if active or status is not HAStatus.ACTIVE else HAStatus.PASSIVE
    epoch = "" if gateway.status.epoch is None else str(gateway.status.epoch)
    head = (name, shown.value, epoch)
    connections = gateway.status.connections
    if not connections:
        return [Row((*head, "", "", "", "", ""), "cyan" if active else "dim")]
    return [
        Row((*head, *_connection(connection, traffic)), COLOURS[connection.status])
        for connection in connections
    ]


def _connection(connection: Connection, traffic: Sequence[Traffic]) -> tuple[str, ...]:
    endpoint = connection.endpoint
    moved = next((t for t in traffic if t.remote_hostname == endpoint.hostname), None)
    rtt = connection.latency.average if connection.latency else 0
    return (
        endpoint.hostname,
        connection.status.value,
        f"{rtt / 1e6:.2f} ms" if rtt else "",
        decimal(moved.received) if moved else "",
        decimal(moved.sent) if moved else "",
    )


def table(lines: Sequence[Row], title: str) -> Table:
    """The lines on a terminal."""
    board = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("gateway", "status", "epoch", "to", "connection"):
        board.add_column(heading, no_wrap=True)
    for heading in ("RTT", "in", "out"):
        board.add_column(heading, justify="right", no_wrap=True)
    previous: tuple[str, ...] = ()
    for line in lines:
        repeated = line.cells[:3] == previous
        cells = ("", "", "", *line.cells[3:]) if repeated else line.cells
        previous = line.cells[:3]
        style = "bold" if line.cells[1] == HAStatus.ACTIVE.value else ""
        board.add_row(*cells[:4], Text(cells[4], line.colour), *cells[5:], style=style)
    return board
